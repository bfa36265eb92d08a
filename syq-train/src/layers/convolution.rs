//! Convolutions and fully connected layers, with the SYQ weight quantizer or 8-bit weights, and the
//! activation quantizer of their input.
//!
//! The activation quantizer belongs to the convolution that reads its codes: the float feature map
//! stays on the tape (a residual stream needs it), and the codes exist only in the convolution's
//! operand. The forward pass follows the numeric contract: exact integer sums, then one fused
//! multiply-add a subgroup.

use super::eight_bit::EightBit;
use crate::error::TrainError;
use crate::kernels::{ConvOp, GradMode, Input, InputGradient, OutputGradient, Producer, Weights, elementwise};
use crate::tape::{Context, Gradient, Layer, Tensor, Upstream};
use syq_core::{ActivationQuantizer, ConvGeometry, Levels, WeightGradients, WeightQuantizer, WeightShape};
use syq_pack::Aligned;

/// Where a layer's weights come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WeightSource {
    /// The parameter itself.
    Float,
    /// Codes of the parameter, times learned scales.
    Codebook {
        /// Codebook, granularity and threshold.
        quantizer: WeightQuantizer,
        /// Index of the scales among the parameters.
        scales: usize,
    },
    /// 8-bit codes of the parameter, with a scale a filter that follows from it. The input is quantized.
    EightBit,
}

/// The quantizer of a layer's input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputQuantizer {
    /// Bits and range.
    pub quantizer: ActivationQuantizer,
    /// Index of the learned step among the parameters, where the range is learned. A step of 0 is
    /// set from the first batch (LSQ's 2·mean|x|/√Q).
    pub step: Option<usize>,
}

/// A convolution, or a fully connected layer as a 1×1 convolution of one pixel.
#[derive(Debug)]
pub struct Convolution {
    name: String,
    op: ConvOp,
    shape: WeightShape,
    output: syq_core::Shape,
    weights: usize,
    source: WeightSource,
    input: Option<InputQuantizer>,
    bias: Option<usize>,
    codes: Vec<i8>,
    eight_bit: EightBit,
    /// The levels of the last forward pass.
    levels: Option<Levels>,
}

impl Convolution {
    /// A layer called `name` on `op`, whose geometry is `geometry`, with the parameter `weights`.
    pub fn new(name: &str, geometry: &ConvGeometry, op: ConvOp, weights: usize, source: WeightSource) -> Self {
        let shape = WeightShape::from(geometry);
        let codes = match source {
            WeightSource::Float | WeightSource::EightBit => Vec::new(),
            WeightSource::Codebook { .. } => vec![0; shape.len()],
        };
        let name = name.to_owned();
        Self {
            name,
            op,
            shape,
            output: geometry.output,
            weights,
            source,
            input: None,
            bias: None,
            codes,
            eight_bit: EightBit::default(),
            levels: None,
        }
    }

    /// Quantizes the input.
    pub fn with_input(mut self, input: Option<InputQuantizer>) -> Self {
        self.input = input;
        self
    }

    /// Adds the parameter `bias` to every output.
    pub fn with_bias(mut self, bias: Option<usize>) -> Self {
        self.bias = bias;
        self
    }

    /// Whether its backward pass can do the last pass of the batch norm behind it.
    pub fn can_finish_gradient(&self) -> bool {
        self.bias.is_none()
    }

    /// The levels of the input's quantizer; sets a learned step that is still 0 from this batch.
    fn levels(&self, cx: &mut Context<'_>, inputs: &[&Tensor]) -> Result<Option<Levels>, TrainError> {
        let Some(input) = self.input else { return Ok(None) };
        let step = input.step.map(|index| {
            let step = &mut cx.parameters[index].values[0];
            if *step == 0.0 {
                let computed;
                let mut values = &inputs[0].values;
                if let ([x, z], Some(affine)) = (inputs, &inputs[0].affine)
                    && x.values.is_empty()
                {
                    let mut made = Aligned::zeros(z.values.len());
                    elementwise::affine(cx.workers, z, None, affine, &mut made);
                    computed = made;
                    values = &computed;
                }
                let sum: f64 = values.iter().map(|x| f64::from(x.max(0.0))).sum();
                *step = Levels::initial_step((sum / values.len() as f64) as f32, input.quantizer.bits);
            }
            *step
        });
        Ok(Some(input.quantizer.levels(&self.name, step)?))
    }

    /// The input: the first one, or what its batch norm makes of the second one.
    fn input<'a>(levels: Option<Levels>, inputs: &[&'a Tensor]) -> Input<'a> {
        let x = match inputs {
            [x, z] if x.values.is_empty() => Input::float(&z.values).through(x.affine.as_ref()),
            _ => Input::float(&inputs[0].values),
        };
        x.with(levels)
    }
}

impl Layer for Convolution {
    fn forward(&mut self, cx: &mut Context<'_>, inputs: &[&Tensor]) -> Result<Tensor, TrainError> {
        self.levels = self.levels(cx, inputs)?;
        let mut z = cx.buffers.take(cx.batch * self.output.len());
        let latent = &cx.parameters[self.weights].values;
        let weights = match self.source {
            WeightSource::Float => Weights::Float(latent),
            WeightSource::Codebook { quantizer, scales } => {
                quantizer.quantize(&self.name, latent, self.shape, &mut self.codes)?;
                let scales = &cx.parameters[scales].values;
                Weights::Codes { codes: &self.codes, scales, granularity: quantizer.granularity() }
            }
            WeightSource::EightBit => {
                self.eight_bit.quantize(&self.name, latent, self.shape)?;
                self.eight_bit.integers()
            }
        };
        // The step of 8-bit weights' input is multiplied with the scales of the filters first.
        let (levels, step) = match (self.source, self.levels) {
            (WeightSource::EightBit, Some(levels)) => (Some(Levels { step: 1.0, ..levels }), levels.step),
            (_, levels) => (levels, 1.0),
        };
        let mut sums = self.op.forward(cx.workers, Self::input(levels, inputs), weights, &mut z);
        if self.source == WeightSource::EightBit {
            self.eight_bit.scale(cx.workers, step, &mut z, &mut sums);
        }
        let Some(bias) = self.bias else { return Ok(Tensor { sums: Some(sums), ..Tensor::new(self.output, z) }) };
        let bias = &cx.parameters[bias].values;
        for pixel in z.chunks_exact_mut(bias.len()) {
            for (z, bias) in pixel.iter_mut().zip(bias) {
                *z += bias;
            }
        }
        Ok(Tensor::new(self.output, z))
    }

    fn backward(
        &mut self,
        cx: &mut Context<'_>,
        inputs: &[&Tensor],
        output: &Tensor,
        gradient: Upstream,
        into: &mut [Gradient],
    ) -> Result<(), TrainError> {
        let x = inputs[0];
        if let Some(bias) = self.bias {
            let bias = &mut cx.parameters[bias].gradient;
            bias.fill(0.0);
            for pixel in gradient.values().chunks_exact(bias.len()) {
                for (bias, g) in bias.iter_mut().zip(pixel) {
                    *bias += g;
                }
            }
        }
        let values = cx.batch * x.shape.len();
        let (dx, mode) = match std::mem::replace(&mut into[0], Gradient::Unwanted) {
            Gradient::Unwanted => (None, GradMode::Overwrite),
            Gradient::Zero => (Some(cx.buffers.take(values)), GradMode::Overwrite),
            Gradient::Sum(sum) => (Some(sum.into_values(cx)), GradMode::Accumulate),
        };
        let mut dw = match self.source {
            WeightSource::Codebook { .. } => cx.buffers.take(self.shape.len()),
            // Straight-through: the gradient of the dequantized weights is that of the master weights.
            WeightSource::Float | WeightSource::EightBit => std::mem::take(&mut cx.parameters[self.weights].gradient),
        };
        let latent = &cx.parameters[self.weights].values;
        let weights = match self.source {
            WeightSource::Float => Weights::Float(latent),
            WeightSource::Codebook { quantizer, scales } => {
                let scales = &cx.parameters[scales].values;
                Weights::Codes { codes: &self.codes, scales, granularity: quantizer.granularity() }
            }
            WeightSource::EightBit => self.eight_bit.dequantized(),
        };
        let producer = match (inputs, &x.affine) {
            ([_, z], Some(affine)) => Some(Producer { z: &z.values, floor: affine.floor() }),
            _ => None,
        };
        let mut dx = dx;
        let to = dx.as_mut().map(|dx| InputGradient { dx, mode, producer });
        let dz = OutputGradient {
            dy: gradient.values(),
            normalized: gradient.pending.as_ref().map(|factors| (factors, &output.values[..])),
        };
        let x = Self::input(self.levels, inputs);
        let sums = self.op.backward(cx.workers, x, weights, dz, to, &mut dw);
        if let Some(dx) = dx {
            into[0] = Gradient::Sum(Upstream::from(dx).measured(sums.producer));
        }
        gradient.recycle(cx);
        self.parameter_gradients(cx, dw, sums.step, values)
    }
}

impl Convolution {
    /// From ∂L/∂Wq = `dw` and the sum over the activations for the step, the parameters' gradients.
    fn parameter_gradients(
        &self,
        cx: &mut Context<'_>,
        dw: Aligned<f32>,
        step_gradient: f64,
        activations: usize,
    ) -> Result<(), TrainError> {
        match self.source {
            WeightSource::Float | WeightSource::EightBit => cx.parameters[self.weights].gradient = dw,
            WeightSource::Codebook { quantizer, scales } => {
                let mut d_scales = vec![0.0; cx.parameters[scales].values.len()];
                let mut d_latent = std::mem::take(&mut cx.parameters[self.weights].gradient);
                let into = WeightGradients { weights: &mut d_latent, scales: &mut d_scales };
                let latent = &cx.parameters[self.weights].values;
                let done = quantizer.backward(&self.name, latent, self.shape, &cx.parameters[scales].values, &dw, into);
                cx.parameters[self.weights].gradient = d_latent;
                cx.buffers.recycle(dw);
                done?;
                cx.parameters[scales].gradient.copy_from_slice(&d_scales);
            }
        }
        if let (Some(InputQuantizer { quantizer, step: Some(step) }), Some(_)) = (self.input, self.levels) {
            // LSQ scales the step's gradient by 1/√(N·Q).
            let factor = 1.0 / (activations as f64 * f64::from(quantizer.bits.largest())).sqrt();
            // Several layers may read one quantizer's codes, so the step's gradient accumulates; the
            // graph clears it before the backward pass.
            cx.parameters[step].gradient[0] += (step_gradient * factor) as f32;
        }
        Ok(())
    }
}
