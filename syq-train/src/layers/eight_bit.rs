//! The 8-bit weights of a layer while it trains.
//!
//! The master weights are floats. Each forward pass rounds them to the codes and scales that the export
//! writes ([`syq_core::eight_bit::quantize`]); the backward pass hands the gradient of the dequantized
//! weights to the master weights as it is (straight-through: the largest weight of a filter decides its
//! scale, so none lies outside the range).
//!
//! The kernels see the codes as integers with the scale 1, so that they give S = Σ q·v, which is then
//! multiplied by scale_f · s as the numeric contract says. Their sums are f32: exact as long as every
//! partial sum stays below 2^24, which it does whatever the input where filter length · 127 · (largest
//! activation code) does. That holds for the first layers and all shortcuts up to 512 channels; a longer
//! sum would have to consist of products of almost one sign to be rounded at all, and then it is
//! rounded as floats are. Accuracy is measured in the engine, whose sums are i32.

use crate::error::TrainError;
use crate::kernels::{ChannelSums, Weights};
use crate::parallel::Workers;
use syq_core::{WeightShape, eight_bit};

/// Codes and scales of the last forward pass.
#[derive(Debug, Default)]
pub(super) struct EightBit {
    codes: Vec<i8>,
    /// One for each filter.
    scales: Vec<f32>,
    /// scale · code of every weight.
    values: Vec<f32>,
}

impl EightBit {
    /// Rounds the master weights of `layer`.
    pub(super) fn quantize(&mut self, layer: &str, latent: &[f32], shape: WeightShape) -> Result<(), TrainError> {
        self.codes.resize(latent.len(), 0);
        self.scales = eight_bit::quantize(layer, latent, shape, &mut self.codes)?;
        self.values.clear();
        let filters = self.codes.chunks_exact(latent.len() / self.scales.len());
        for (codes, scale) in filters.zip(&self.scales) {
            self.values.extend(codes.iter().map(|code| scale * f32::from(*code)));
        }
        Ok(())
    }

    /// The codes as integers, for the forward pass.
    pub(super) fn integers(&self) -> Weights<'_> {
        Weights::Integers(&self.codes)
    }

    /// What the codes stand for, for the backward pass.
    pub(super) fn dequantized(&self) -> Weights<'_> {
        Weights::Float(&self.values)
    }

    /// Turns integer sums `[…][filter]` and their channel sums into z and those of z: the factor of a
    /// filter is its scale times the input's `step`, rounded once.
    pub(super) fn scale(&self, workers: &Workers, step: f32, z: &mut [f32], sums: &mut ChannelSums) {
        /// Values of one task.
        const STRETCH: usize = 1 << 14;
        let factors: Vec<f32> = self.scales.iter().map(|scale| scale * step).collect();
        let pixels = (STRETCH / factors.len()).max(1);
        workers.chunks(z, pixels * factors.len(), |_, z| {
            for pixel in z.chunks_exact_mut(factors.len()) {
                pixel.iter_mut().zip(&factors).for_each(|(z, factor)| *z *= factor);
            }
        });
        let moments = sums.sum.iter_mut().zip(&mut sums.sum_of_squares);
        for ((sum, squares), factor) in moments.zip(&factors) {
            let factor = f64::from(*factor);
            *sum *= factor;
            *squares *= factor * factor;
        }
    }
}
