//! The passes over whole feature maps that are not convolutions: channel sums, the affine of batch
//! norm with residual and ReLU, and its gradient.
//!
//! Every pass runs over blocks of sixteen values, whatever the number of channels. Nothing is
//! contracted to a fused multiply-add, so every instruction set gives the same bytes. Sums go by
//! image, then over the images in order: the same bytes for any number of threads.

mod blocks;
mod passes;
mod source;

#[cfg(test)]
mod tests;

use super::isa::{Isa, Precision};
use super::lanes::{Kernel, Lanes, dispatch};
use crate::kernels::ChannelSums;
use crate::layers::Activation;
use crate::parallel::Workers;
use crate::tape::Tensor;
use blocks::repeated;
pub(super) use blocks::{Block, padded};
use passes::{Affine, Gradient, GradientInPlace, MaskedSums, Sums};
pub(super) use passes::{ProductSums, mask};
pub(super) use source::{Source, Stored};
use syq_core::Shape;

/// Σ x and Σ x² of each channel over the batch `x` of images of `shape`.
pub fn channel_sums(workers: &Workers, x: &[f32], shape: Shape) -> ChannelSums {
    let (channels, image) = (shape.channels, shape.len().max(1));
    let mut parts = workers.scratch(x.len() / image * 2 * channels);
    workers.chunks(&mut parts, 2 * channels, |index, part| {
        run(Sums { x: &x[index * image..][..image], sums: part });
    });
    let [sum, sum_of_squares] = reduce(&parts, channels);
    ChannelSums { sum, sum_of_squares }
}

/// y = x·scale + offset (+ residual), then the floor.
pub fn affine(workers: &Workers, x: &Tensor, residual: Option<&[f32]>, affine: &ChannelAffine, y: &mut [f32]) {
    let image = x.shape.len();
    let ChannelAffine { scale, offset, floor } = affine;
    workers.chunks(y, image, |index, y| {
        let range = index * image..index * image + y.len();
        let residual = residual.map_or(&[][..], |residual| &residual[range.clone()]);
        run(Affine { x: &x.values[range], residual, scale, offset, floor: *floor, y });
    });
}

/// Zeroes `gradient` where the ReLU's output `masked_by` is 0, and gives Σ dy and Σ dy·x of each
/// channel.
pub fn batch_norm_sums(
    workers: &Workers,
    x: &Tensor,
    masked_by: Option<&[f32]>,
    gradient: &mut [f32],
) -> [Vec<f64>; 2] {
    let (channels, image) = (x.shape.channels, x.shape.len().max(1));
    let mut parts = workers.scratch(x.values.len() / image * 2 * channels);
    workers.chunk_pairs((gradient, &mut parts), [image, 2 * channels], |index, gradient, sums| {
        let masked_by = masked_by.map_or(&[][..], |y| &y[index * image..][..image]);
        run(MaskedSums { x: &x.values[index * image..][..image], masked_by, gradient, sums });
    });
    reduce(&parts, channels)
}

/// dx = gradient·dy + input·x + constant, with one factor of each kind a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNormGradient {
    /// Factor of dy.
    pub gradient: Vec<f32>,
    /// Factor of x.
    pub input: Vec<f32>,
    /// The constant.
    pub constant: Vec<f32>,
}

impl BatchNormGradient {
    /// All zero, for `channels` channels.
    pub fn new(channels: usize) -> Self {
        Self { gradient: vec![0.0; channels], input: vec![0.0; channels], constant: vec![0.0; channels] }
    }

    /// The same factors over blocks of sixteen.
    pub(super) fn repeated(&self) -> Factors {
        Factors([&self.gradient, &self.input, &self.constant].map(|f| repeated(f)))
    }
}

/// The factors of a [`BatchNormGradient`], repeated to blocks of sixteen.
pub(super) struct Factors([Vec<Block>; 3]);

impl Factors {
    /// a·dy + b·x + c of some images.
    #[inline(always)]
    pub(super) fn apply<L: Lanes>(&self, lanes: L, x: &[f32], dy: &[f32], dx: &mut [f32]) {
        Gradient { x, factors: self, dy, dx }.run(lanes);
    }
}

/// The gradient of batch norm's input, into `dx`.
pub fn batch_norm_gradient(workers: &Workers, x: &Tensor, f: &BatchNormGradient, dy: &[f32], dx: &mut [f32]) {
    let (image, factors) = (x.shape.len(), &f.repeated());
    workers.chunks(dx, image, |index, dx| {
        let range = index * image..index * image + dx.len();
        run(Gradient { x: &x.values[range.clone()], factors, dy: &dy[range], dx });
    });
}

/// The gradient of batch norm's input, in place of dy.
pub fn batch_norm_gradient_in_place(workers: &Workers, x: &Tensor, f: &BatchNormGradient, dy: &mut [f32]) {
    let (image, factors) = (x.shape.len(), &f.repeated());
    workers.chunks(dy, image, |index, dx| {
        run(GradientInPlace { x: &x.values[index * image..][..dx.len()], factors, dx });
    });
}

/// max(x·scale + offset, floor) with one scale and offset a channel: batch norm and ReLU, not done yet.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelAffine {
    /// Both repeated to blocks of sixteen.
    scale: Vec<Block>,
    offset: Vec<Block>,
    floor: f32,
}

impl ChannelAffine {
    /// From one scale and one offset a channel.
    pub fn new([scale, offset]: [&[f32]; 2], activation: Activation) -> Self {
        Self { scale: repeated(scale), offset: repeated(offset), floor: activation.floor() }
    }

    /// 0 with a ReLU, else −∞.
    pub fn floor(&self) -> f32 {
        self.floor
    }

    /// Some images `x` into `y`, which is given back.
    #[inline(always)]
    pub(super) fn apply<'a, L: Lanes>(&self, lanes: L, x: &[f32], y: &'a mut [f32]) -> &'a [f32] {
        Affine { x, residual: &[], scale: &self.scale, offset: &self.offset, floor: self.floor, y }.run(lanes);
        y
    }
}

/// Sums the images' parts `[image][2][channels]` in order, in f64.
pub(super) fn reduce(parts: &[f32], channels: usize) -> [Vec<f64>; 2] {
    let mut sums = [vec![0.0f64; channels], vec![0.0f64; channels]];
    for part in parts.chunks_exact((2 * channels).max(1)) {
        for (sum, part) in sums.iter_mut().zip(part.chunks_exact(channels)) {
            for (s, x) in sum.iter_mut().zip(part) {
                *s += f64::from(*x);
            }
        }
    }
    sums
}

/// Runs a pass with the widest registers of the machine.
fn run(kernel: impl Kernel<Output = ()>) {
    dispatch(Isa::detect(), Precision::F32, kernel);
}
