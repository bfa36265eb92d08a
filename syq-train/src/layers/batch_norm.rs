//! Batch norm, with the residual add and the ReLU that follow it done in the same pass.
//!
//! y = relu(γ·(x − μ)/√(σ² + ε) + β + r), where the residual r and the ReLU are optional. Fused,
//! each direction reads and writes a feature map two or three times less than separate layers. More
//! goes to the convolutions around it ([`Fusion`]): what they read and write anyway is not gone over again.

use crate::error::TrainError;
use crate::kernels::ChannelSums;
use crate::kernels::elementwise::{self, BatchNormGradient, ChannelAffine};
use crate::tape::{Context, Gradient, Layer, Tensor, Upstream};
use std::sync::Arc;
use syq_pack::Aligned;

/// What happens to the normalised value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Linear,
    /// ReLU.
    Relu,
}

impl Activation {
    /// What no value goes below.
    pub fn floor(self) -> f32 {
        match self {
            Self::Linear => f32::NEG_INFINITY,
            Self::Relu => 0.0,
        }
    }
}

/// Which passes the convolutions around a batch norm do for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fusion {
    /// Whose output it is.
    pub output: OutputPass,
    /// What made its input.
    pub gradient: GradientPass,
}

/// Who computes the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputPass {
    /// The batch norm.
    #[default]
    Own,
    /// The convolution that alone reads it, image by image.
    Reader,
}

/// Who turns the gradient of the output into that of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GradientPass {
    /// The batch norm.
    #[default]
    Own,
    /// The convolution that made the input and that nobody else reads.
    Maker,
}

/// Batch norm over the images and pixels of a batch.
#[derive(Debug)]
pub struct BatchNorm {
    /// Index of γ among the parameters.
    gamma: usize,
    /// Index of β among the parameters.
    beta: usize,
    activation: Activation,
    settings: BatchNormSettings,
    fusion: Fusion,
    running: RunningStatistics,
    /// γ/√(σ²+ε) of the last forward pass, 1/√(σ²+ε) and μ.
    scale: Vec<f32>,
    inverse_deviation: Vec<f32>,
    mean: Vec<f32>,
}

/// What a batch norm normalises with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// Mean and variance of the batch; the running ones follow them.
    Batch,
    /// The running ones, as in inference.
    Running,
}

/// ε and the decay of the running statistics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormSettings {
    /// ε, added to the variance.
    pub epsilon: f32,
    /// How much of the old running statistics a step keeps.
    pub decay: f32,
}

impl Default for BatchNormSettings {
    /// The release's: ε 1e−4, decay 0.9.
    fn default() -> Self {
        Self { epsilon: 1e-4, decay: 0.9 }
    }
}

/// Mean and variance as inference will use them.
#[derive(Clone, Debug, PartialEq)]
pub struct RunningStatistics {
    /// Running mean of each channel.
    pub mean: Vec<f32>,
    /// Running (unbiased) variance of each channel.
    pub variance: Vec<f32>,
    /// How much of the old statistics the next batch keeps.
    pub decay: f32,
}

impl BatchNorm {
    /// A batch norm whose γ and β are the parameters `gamma` and `beta`.
    pub fn new(
        gamma: usize,
        beta: usize,
        channels: usize,
        activation: Activation,
        settings: BatchNormSettings,
    ) -> Self {
        Self {
            gamma,
            beta,
            activation,
            settings,
            fusion: Fusion::default(),
            running: RunningStatistics {
                mean: vec![0.0; channels],
                variance: vec![1.0; channels],
                decay: settings.decay,
            },
            scale: vec![0.0; channels],
            inverse_deviation: vec![0.0; channels],
            mean: vec![0.0; channels],
        }
    }

    /// Leaves passes to its neighbours.
    pub fn fuse(&mut self, fusion: Fusion) {
        self.fusion = fusion;
    }

    fn update(&mut self, sums: &ChannelSums, gamma: &[f32], count: f64) {
        for (c, gamma) in gamma.iter().enumerate() {
            let mean = sums.sum[c] / count;
            let variance = (sums.sum_of_squares[c] / count - mean * mean).max(0.0);
            self.normalise(c, mean, variance, *gamma);
            let unbiased = variance * count / (count - 1.0).max(1.0);
            let decay = self.running.decay;
            self.running.mean[c] = decay * self.running.mean[c] + (1.0 - decay) * mean as f32;
            self.running.variance[c] = decay * self.running.variance[c] + (1.0 - decay) * unbiased as f32;
        }
    }
}

impl BatchNorm {
    fn normalise(&mut self, channel: usize, mean: f64, variance: f64, gamma: f32) {
        let inverse = 1.0 / (variance + f64::from(self.settings.epsilon)).sqrt();
        self.mean[channel] = mean as f32;
        self.inverse_deviation[channel] = inverse as f32;
        self.scale[channel] = (f64::from(gamma) * inverse) as f32;
    }

    fn normalise_as_in_inference(&mut self, gamma: &[f32]) {
        for (c, gamma) in gamma.iter().enumerate() {
            let (mean, variance) = (self.running.mean[c], self.running.variance[c]);
            self.normalise(c, f64::from(mean), f64::from(variance), *gamma);
        }
    }

    fn measure(&mut self, cx: &Context<'_>, x: &Tensor) {
        let measured;
        let sums = match &x.sums {
            Some(sums) => sums,
            None => {
                measured = elementwise::channel_sums(cx.workers, &x.values, x.shape);
                &measured
            }
        };
        let count = (cx.batch * x.shape.height * x.shape.width) as f64;
        self.update(sums, &cx.parameters[self.gamma].values, count);
    }

    /// From Σ dy and Σ dy·x of each channel the gradients of γ and β, and the factors of the input's.
    fn gradients(&self, cx: &mut Context<'_>, [sum, sum_x]: [&[f64]; 2], count: f64) -> BatchNormGradient {
        let channels = sum.len();
        let mut factors = BatchNormGradient::new(channels);
        let mut d_gamma = vec![0.0; channels];
        let mut d_beta = vec![0.0; channels];
        for c in 0..channels {
            let (mean, inverse) = (f64::from(self.mean[c]), f64::from(self.inverse_deviation[c]));
            let normalised = inverse * (sum_x[c] - mean * sum[c]);
            let scale = f64::from(self.scale[c]);
            d_gamma[c] = normalised as f32;
            d_beta[c] = sum[c] as f32;
            let slope = -scale * inverse * normalised / count;
            factors.gradient[c] = scale as f32;
            factors.input[c] = slope as f32;
            factors.constant[c] = (-scale * sum[c] / count - slope * mean) as f32;
        }
        cx.parameters[self.gamma].gradient.copy_from_slice(&d_gamma);
        cx.parameters[self.beta].gradient.copy_from_slice(&d_beta);
        factors
    }
}

impl Layer for BatchNorm {
    fn forward(&mut self, cx: &mut Context<'_>, inputs: &[&Tensor]) -> Result<Tensor, TrainError> {
        let x = inputs[0];
        let residual = inputs.get(1).map(|r| &r.values[..]);
        match cx.statistics {
            Statistics::Batch => self.measure(cx, x),
            Statistics::Running => self.normalise_as_in_inference(&cx.parameters[self.gamma].values),
        }
        let beta = &cx.parameters[self.beta].values;
        let offset: Vec<f32> =
            beta.iter().zip(&self.mean).zip(&self.scale).map(|((beta, mean), scale)| beta - mean * scale).collect();
        let affine = ChannelAffine::new([&self.scale, &offset], self.activation);
        let mut y = Aligned::default();
        if self.fusion.output == OutputPass::Own {
            y = cx.buffers.take(x.values.len());
            elementwise::affine(cx.workers, x, residual, &affine, &mut y);
        }
        Ok(Tensor { affine: Some(affine), ..Tensor::new(x.shape, y) })
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
        // First pass: the ReLU's mask in place, and the two sums of each channel.
        let (gradient, [sum, sum_x]) = match gradient.measured {
            Some(ref sums) => {
                let sums = sums.clone();
                (gradient.share(), sums)
            }
            None => {
                let mut gradient = gradient.into_values(cx);
                let masked_by = (self.activation == Activation::Relu).then_some(&output.values[..]);
                let sums = elementwise::batch_norm_sums(cx.workers, x, masked_by, &mut gradient);
                (Arc::new(gradient), sums)
            }
        };
        let factors = self.gradients(cx, [&sum, &sum_x], (cx.batch * x.shape.height * x.shape.width) as f64);
        // Second pass: dx = a·dy + b·x + c, in place unless the residual needs dy.
        let (input, residual) = into.split_first_mut().ok_or(TrainError::Length {
            name: "a batch norm's inputs".to_owned(),
            found: 0,
            expected: 1,
        })?;
        if self.fusion.gradient == GradientPass::Maker {
            input.add(cx, Upstream::from(Arc::clone(&gradient)).pending(factors));
        } else if residual.is_empty() {
            let mut gradient = Upstream::from(gradient).into_values(cx);
            elementwise::batch_norm_gradient_in_place(cx.workers, x, &factors, &mut gradient);
            input.add(cx, gradient);
            return Ok(());
        } else {
            let mut dx = cx.buffers.take(gradient.len());
            elementwise::batch_norm_gradient(cx.workers, x, &factors, &gradient, &mut dx);
            input.add(cx, dx);
        }
        if let Some(residual) = residual.first_mut() {
            residual.add(cx, gradient);
        }
        Ok(())
    }

    fn running(&self) -> Option<&RunningStatistics> {
        Some(&self.running)
    }

    fn running_mut(&mut self) -> Option<&mut RunningStatistics> {
        Some(&mut self.running)
    }
}
