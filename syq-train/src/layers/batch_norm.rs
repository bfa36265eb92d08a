//! Batch norm, with the residual add and the ReLU that follow it done in the same pass.
//!
//! y = relu(γ·(x − μ)/√(σ² + ε) + β + r), where the residual r and the ReLU are optional. Fused,
//! each direction reads and writes a feature map two or three times less than separate layers.

use crate::error::TrainError;
use crate::kernels::ChannelSums;
use crate::kernels::elementwise::{self, BatchNormGradient};
use crate::tape::{Context, Gradient, Layer, Tensor};

/// What happens to the normalised value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Linear,
    /// ReLU.
    Relu,
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
    running: RunningStatistics,
    /// γ/√(σ²+ε) of the last forward pass, 1/√(σ²+ε) and μ.
    scale: Vec<f32>,
    inverse_deviation: Vec<f32>,
    mean: Vec<f32>,
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

    fn update(&mut self, sums: &ChannelSums, gamma: &[f32], count: f64) {
        for (c, gamma) in gamma.iter().enumerate() {
            let mean = sums.sum[c] / count;
            let variance = (sums.sum_of_squares[c] / count - mean * mean).max(0.0);
            let inverse = 1.0 / (variance + f64::from(self.settings.epsilon)).sqrt();
            self.mean[c] = mean as f32;
            self.inverse_deviation[c] = inverse as f32;
            self.scale[c] = (f64::from(*gamma) * inverse) as f32;
            let unbiased = variance * count / (count - 1.0).max(1.0);
            let decay = self.running.decay;
            self.running.mean[c] = decay * self.running.mean[c] + (1.0 - decay) * mean as f32;
            self.running.variance[c] = decay * self.running.variance[c] + (1.0 - decay) * unbiased as f32;
        }
    }
}

impl Layer for BatchNorm {
    fn forward(&mut self, cx: &mut Context<'_>, inputs: &[&Tensor]) -> Result<Tensor, TrainError> {
        let x = inputs[0];
        let residual = inputs.get(1).map(|r| r.values.as_slice());
        let measured;
        let sums = match &x.sums {
            Some(sums) => sums,
            None => {
                measured = elementwise::channel_sums(cx.workers, &x.values, x.shape);
                &measured
            }
        };
        let count = (cx.batch * x.shape.height * x.shape.width) as f64;
        let gamma = &cx.parameters[self.gamma].values;
        self.update(sums, gamma, count);
        let beta = &cx.parameters[self.beta].values;
        let offset: Vec<f32> =
            beta.iter().zip(&self.mean).zip(&self.scale).map(|((beta, mean), scale)| beta - mean * scale).collect();
        let mut y = cx.buffers.take(x.values.len());
        elementwise::affine(cx.workers, x, residual, [&self.scale, &offset], self.activation, &mut y);
        Ok(Tensor::new(x.shape, y))
    }

    fn backward(
        &mut self,
        cx: &mut Context<'_>,
        inputs: &[&Tensor],
        output: &Tensor,
        mut gradient: Vec<f32>,
        into: &mut [Gradient],
    ) -> Result<(), TrainError> {
        let x = inputs[0];
        // First pass: the ReLU's mask in place, and the two sums of each channel.
        let masked_by = (self.activation == Activation::Relu).then_some(output.values.as_slice());
        let [sum, sum_x] = elementwise::batch_norm_sums(cx.workers, x, masked_by, &mut gradient);
        let count = (cx.batch * x.shape.height * x.shape.width) as f64;
        let channels = x.shape.channels;
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
        // Second pass: dx = a·dy + b·x + c, in place unless the residual needs dy.
        match into {
            [input, residual] => {
                let mut dx = cx.buffers.take(gradient.len());
                elementwise::batch_norm_gradient(cx.workers, x, &factors, &gradient, &mut dx);
                input.add(cx, dx);
                residual.add(cx, gradient);
            }
            _ => {
                elementwise::batch_norm_gradient_in_place(cx.workers, x, &factors, &mut gradient);
                for input in into {
                    input.add(cx, std::mem::take(&mut gradient));
                }
            }
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
