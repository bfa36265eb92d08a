//! A reverse-mode tape over batches of feature maps.
//!
//! The forward pass of a layer reads earlier values and records one entry; [`Tape::backward`] walks
//! the entries in reverse and hands every layer the gradient of its output. A value's gradient is
//! the sum of its consumers' contributions, added in reverse order of recording, so a step's bytes
//! do not depend on threads. Buffers are recycled from step to step.

mod buffers;
mod gradient;
mod parameter;
mod tensor;

pub use buffers::Buffers;
pub use gradient::{Gradient, Upstream};
pub use parameter::Parameter;
pub use tensor::Tensor;

use crate::error::TrainError;
use crate::layers::{RunningStatistics, Statistics};
use crate::parallel::Workers;
use syq_pack::Aligned;

/// A value on the tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Var(usize);

/// What every layer works with: threads, recycled buffers and the network's parameters.
#[derive(Debug)]
pub struct Context<'a> {
    /// The threads.
    pub workers: &'a Workers,
    /// Recycled buffers.
    pub buffers: &'a mut Buffers,
    /// The parameters with their gradients.
    pub parameters: &'a mut [Parameter],
    /// Images in the batch.
    pub batch: usize,
    /// What batch norms normalise with.
    pub statistics: Statistics,
}

/// A differentiable layer. It may keep from its forward pass what its backward pass needs.
pub trait Layer: std::fmt::Debug + Send {
    /// Computes the output from the inputs.
    ///
    /// # Errors
    /// Weights or activations that cannot be quantized; names the layer.
    fn forward(&mut self, cx: &mut Context<'_>, inputs: &[&Tensor]) -> Result<Tensor, TrainError>;

    /// Adds ∂L/∂input to `into`, one for each input, and writes the gradients of the parameters,
    /// given `gradient` = ∂L/∂output.
    ///
    /// # Errors
    /// As [`Self::forward`].
    fn backward(
        &mut self,
        cx: &mut Context<'_>,
        inputs: &[&Tensor],
        output: &Tensor,
        gradient: Upstream,
        into: &mut [Gradient],
    ) -> Result<(), TrainError>;

    /// The running statistics of a batch norm.
    fn running(&self) -> Option<&RunningStatistics> {
        None
    }

    /// The running statistics of a batch norm, to be set.
    fn running_mut(&mut self) -> Option<&mut RunningStatistics> {
        None
    }
}

#[derive(Debug)]
struct Entry {
    layer: usize,
    inputs: Vec<Var>,
    output: Var,
}

/// The values and the recorded layers of one step.
#[derive(Debug, Default)]
pub struct Tape {
    values: Vec<Tensor>,
    wanted: Vec<bool>,
    entries: Vec<Entry>,
}

impl Tape {
    /// An empty tape.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a value on the tape that needs no gradient: the pictures.
    pub fn constant(&mut self, value: Tensor) -> Var {
        self.push(value, false)
    }

    /// Runs `layers[layer]` forward on `inputs` and records it.
    ///
    /// # Errors
    /// The layer's.
    pub fn apply(
        &mut self,
        cx: &mut Context<'_>,
        layers: &mut [Box<dyn Layer>],
        layer: usize,
        inputs: &[Var],
    ) -> Result<Var, TrainError> {
        let values: Vec<&Tensor> = inputs.iter().map(|var| &self.values[var.0]).collect();
        let output = layers[layer].forward(cx, &values)?;
        let output = self.push(output, true);
        self.entries.push(Entry { layer, inputs: inputs.to_vec(), output });
        Ok(output)
    }

    /// The value of `var`.
    pub fn value(&self, var: Var) -> &Tensor {
        &self.values[var.0]
    }

    /// Walks the tape in reverse from ∂L/∂`output` = `gradient`, and empties it.
    ///
    /// # Errors
    /// A layer's.
    pub fn backward(
        &mut self,
        cx: &mut Context<'_>,
        layers: &mut [Box<dyn Layer>],
        output: Var,
        gradient: Aligned<f32>,
    ) -> Result<(), TrainError> {
        let mut gradients: Vec<Gradient> =
            self.wanted.iter().map(|wanted| if *wanted { Gradient::Zero } else { Gradient::Unwanted }).collect();
        gradients[output.0] = Gradient::Sum(gradient.into());
        while let Some(entry) = self.entries.pop() {
            let inputs: Vec<&Tensor> = entry.inputs.iter().map(|var| &self.values[var.0]).collect();
            // A value read twice by one layer hands out its sum once, and zero after that.
            let take = |var: &Var| {
                let rest = if self.wanted[var.0] { Gradient::Zero } else { Gradient::Unwanted };
                std::mem::replace(&mut gradients[var.0], rest)
            };
            let mut into: Vec<Gradient> = entry.inputs.iter().map(take).collect();
            // A layer whose output reached no loss has nothing to pass on.
            if let Gradient::Sum(gradient) = std::mem::replace(&mut gradients[entry.output.0], Gradient::Unwanted) {
                let value = &self.values[entry.output.0];
                layers[entry.layer].backward(cx, &inputs, value, gradient, &mut into)?;
            }
            for (var, gradient) in entry.inputs.iter().zip(into) {
                match gradient {
                    Gradient::Sum(sum) => gradients[var.0].add(cx, sum),
                    Gradient::Zero | Gradient::Unwanted => {}
                }
            }
            cx.buffers.recycle(std::mem::take(&mut self.values[entry.output.0].values));
        }
        self.clear(cx.buffers);
        Ok(())
    }

    /// Empties the tape without a backward pass.
    pub fn clear(&mut self, buffers: &mut Buffers) {
        self.entries.clear();
        self.wanted.clear();
        for value in self.values.drain(..) {
            buffers.recycle(value.values);
        }
    }

    fn push(&mut self, value: Tensor, wanted: bool) -> Var {
        self.values.push(value);
        self.wanted.push(wanted);
        Var(self.values.len() - 1)
    }
}
