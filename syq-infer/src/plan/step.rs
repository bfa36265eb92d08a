//! The steps of a plan, and how they present themselves.

use crate::kernels::{Activation, InputLayout, Kernels, PackedConv, Windows};
use std::fmt;
use syq_core::{Levels, Padding, Shape, Window};

/// A buffer of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Slot(pub(crate) usize);

/// Where a step's rows come from.
#[derive(Clone, Debug)]
pub(crate) enum Producer {
    /// A convolution or fully connected layer, whose input is `stored`: as the kernel reads it, or in codes, of which tables
    /// are made for the rows at hand.
    Conv { packed: Box<PackedConv>, input: Slot, stored: InputLayout },
    /// The picture, as the caller gave it.
    Picture,
    /// Floats, as they are.
    Floats { input: Slot },
    /// Codes, as they are.
    Codes { input: Slot },
    /// The values that codes stand for.
    Dequantize { input: Slot, levels: Levels },
    /// Max pooling of floats.
    MaxPool { input: Slot, window: Window, shape: Shape },
    /// Max pooling of codes.
    MaxPoolCodes { input: Slot, window: Window, shape: Shape },
    /// Average pooling.
    AveragePool { input: Slot, window: Window, shape: Shape },
}

impl Producer {
    /// The slot that is read; none for the picture.
    pub(crate) fn input(&self) -> Option<Slot> {
        match self {
            Self::Picture => None,
            Self::Conv { input, .. }
            | Self::Floats { input }
            | Self::Codes { input }
            | Self::Dequantize { input, .. }
            | Self::MaxPool { input, .. }
            | Self::MaxPoolCodes { input, .. }
            | Self::AveragePool { input, .. } => Some(*input),
        }
    }

    pub(crate) fn input_mut(&mut self) -> Option<&mut Slot> {
        match self {
            Self::Picture => None,
            Self::Conv { input, .. }
            | Self::Floats { input }
            | Self::Codes { input }
            | Self::Dequantize { input, .. }
            | Self::MaxPool { input, .. }
            | Self::MaxPoolCodes { input, .. }
            | Self::AveragePool { input, .. } => Some(input),
        }
    }

    /// Whether the rows consist of codes.
    pub(crate) fn gives_codes(&self) -> bool {
        matches!(self, Self::Codes { .. } | Self::MaxPoolCodes { .. })
    }
}

/// A form in which a row is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SinkKind {
    /// Floats in a (possibly padded) layout.
    Floats(InputLayout),
    /// Codes side by side. `None` where the rows are codes already.
    Codes(Option<Levels>),
    /// Codes in a kernel's layout. `None` where the rows are codes already.
    Placed(InputLayout, Option<Levels>),
    /// Codes of the picture in a kernel's layout, window by window.
    Windows(InputLayout, Windows, Levels),
}

/// Where a step's rows go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sink {
    pub(crate) slot: Slot,
    pub(crate) kind: SinkKind,
}

/// One step.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The first layer's name.
    pub(crate) name: String,
    /// Layers of the network that the step carries out, in order.
    pub(crate) layers: Vec<usize>,
    pub(crate) producer: Producer,
    /// The feature map whose rows the step hands to its sinks.
    pub(crate) shape: Shape,
    pub(crate) bias: Option<Vec<f32>>,
    pub(crate) affine: Option<[Vec<f32>; 2]>,
    pub(crate) residual: Option<Slot>,
    pub(crate) activation: Activation,
    /// Max pooling of the finished rows of a convolution, before they are handed on.
    pub(crate) pool: Option<Pool>,
    pub(crate) sinks: Vec<Sink>,
}

/// Max pooling within a step: no more than the rows that are open are ever in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pool {
    pub(crate) window: Window,
    /// What is pooled.
    pub(crate) shape: Shape,
    pub(crate) order: PoolOrder,
}

/// Whether the values that are pooled are finished ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PoolOrder {
    /// Finished, then pooled, as the network has it.
    Finished,
    /// Pooled, then finished: the same where finishing never turns a greater value into a smaller one.
    Sums,
}

impl Pool {
    /// Pooled rows that one row of what is pooled can belong to: they lie in the working space at a time.
    pub(crate) const fn open_rows(&self) -> usize {
        self.window.kernel[0].div_ceil(self.window.stride[0])
    }
}

impl Step {
    pub(crate) fn weight_bytes(&self) -> usize {
        match &self.producer {
            Producer::Conv { packed, .. } => packed.weight_bytes(),
            _ => 0,
        }
    }

    /// Multiply-accumulates.
    pub(crate) fn macs(&self) -> u64 {
        match &self.producer {
            Producer::Conv { packed, .. } => packed.geometry().macs(),
            _ => 0,
        }
    }

    /// Whether nothing lies between the rows of its float sinks.
    pub(crate) fn rows_join(&self) -> bool {
        let apart = |padding: Padding| padding.left + padding.right > 0;
        !self.sinks.iter().any(|sink| matches!(&sink.kind, SinkKind::Floats(layout) if apart(layout.padding())))
    }
}

impl Step {
    /// Roughly how long the step takes on one thread.
    pub(crate) fn nanoseconds(&self, kernels: Kernels) -> f64 {
        let moved = self.shape.len() as f64;
        let computed = match &self.producer {
            Producer::Conv { packed, .. } => packed.nanoseconds(kernels.isa()),
            Producer::MaxPool { window, .. } | Producer::AveragePool { window, .. } => {
                moved * (window.kernel[0] * window.kernel[1]) as f64 * NANOSECONDS_A_VALUE
            }
            _ => 0.0,
        };
        let pooled = self.pool.map_or(0.0, |pool| {
            let taps = (pool.window.kernel[0] * pool.window.kernel[1]) as f64;
            (pool.shape.len() as f64 + moved * taps) * NANOSECONDS_A_VALUE
        });
        computed + pooled + moved * NANOSECONDS_A_VALUE * (1 + self.sinks.len()) as f64
    }
}

impl Step {
    /// Whether another thread brings more than it costs.
    pub(crate) fn is_worth_sharing(&self, kernels: Kernels) -> bool {
        self.nanoseconds(kernels) >= WORTH_SHARING
    }
}

/// Nanoseconds of work below which a second thread costs more than it brings: it has to notice, take
/// its part and report back.
const WORTH_SHARING: f64 = 20_000.0;

/// What reading, changing and writing one value takes.
const NANOSECONDS_A_VALUE: f64 = 0.15;

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// A convolution or fully connected layer, by this kernel.
    Kernel {
        /// Name of the kernel without the instruction set.
        name: &'static str,
    },
    /// Copies floats or codes to where a layer reads them.
    Place,
    /// Pools.
    Pool,
}

/// A step as a person or a program is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanStep<'a> {
    /// The first layer's name.
    pub name: &'a str,
    /// Indices of the network's layers that it carries out.
    pub layers: &'a [usize],
    /// What it does.
    pub kind: StepKind,
    /// Its kernel's full name, or what it does.
    pub kernel: String,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Bytes of its weights in memory.
    pub weight_bytes: usize,
    /// The feature map that it makes.
    pub output: Shape,
    /// Bytes that it reads and writes, each counted once: weights, inputs and outputs.
    pub bytes: usize,
}

impl<'a> PlanStep<'a> {
    pub(super) fn of(step: &'a Step, kernels: Kernels) -> Self {
        let (kind, kernel) = match &step.producer {
            Producer::Conv { packed, .. } => {
                let name = packed.kernel();
                (StepKind::Kernel { name }, format!("{name}_{}", kernels.isa()))
            }
            Producer::MaxPool { .. } | Producer::MaxPoolCodes { .. } => (StepKind::Pool, "max_pool".to_owned()),
            Producer::AveragePool { .. } => (StepKind::Pool, "average_pool".to_owned()),
            Producer::Picture | Producer::Floats { .. } | Producer::Codes { .. } | Producer::Dequantize { .. } => {
                (StepKind::Place, "place".to_owned())
            }
        };
        let (macs, weight_bytes) = (step.macs(), step.weight_bytes());
        let (output, bytes) = (step.shape, step.traffic_bytes());
        Self { name: &step.name, layers: &step.layers, kind, kernel, macs, weight_bytes, output, bytes }
    }
}

impl fmt::Display for PlanStep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.kernel)
    }
}
