//! The passes over whole feature maps that are not convolutions: channel sums, the affine of batch
//! norm with residual and ReLU, and its gradient.
//!
//! Every pass runs over blocks of sixteen values, whatever the number of channels. Nothing is
//! contracted to a fused multiply-add, so every instruction set gives the same bytes. Sums go by
//! image, then over the images in order: the same bytes for any number of threads.

mod blocks;

#[cfg(test)]
mod tests;

use super::isa::{Isa, Precision};
use super::lanes::{Kernel, Lanes, dispatch};
use crate::kernels::ChannelSums;
use crate::layers::Activation;
use crate::parallel::Workers;
use crate::tape::Tensor;
use blocks::{add, fold, load, period, repeated, store};
use syq_core::Shape;

/// Σ x and Σ x² of each channel over the batch `x` of images of `shape`.
pub fn channel_sums(workers: &Workers, x: &[f32], shape: Shape) -> ChannelSums {
    let (channels, image) = (shape.channels, shape.len().max(1));
    let mut parts = workers.scratch(x.len() / image * 2 * channels);
    workers.chunks(&mut parts, 2 * channels, |index, part| {
        run(Sums { x: &x[index * image..][..image], masked_by: None, gradient: None, sums: part });
    });
    let [sum, sum_of_squares] = reduce(&parts, channels);
    ChannelSums { sum, sum_of_squares }
}

/// y = x·scale + offset (+ residual), then the activation.
pub fn affine(
    workers: &Workers,
    x: &Tensor,
    residual: Option<&[f32]>,
    [scale, offset]: [&[f32]; 2],
    activation: Activation,
    y: &mut [f32],
) {
    let image = x.shape.len();
    let floor = match activation {
        Activation::Linear => f32::NEG_INFINITY,
        Activation::Relu => 0.0,
    };
    let (scale, offset) = (&repeated(scale), &repeated(offset));
    workers.chunks(y, image, |index, y| {
        let range = index * image..index * image + y.len();
        let residual = residual.map(|residual| &residual[range.clone()]);
        run(Affine { x: &x.values[range], residual, scale, offset, floor, y });
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
        let masked_by = masked_by.map(|y| &y[index * image..][..image]);
        run(Sums { x: &x.values[index * image..][..image], masked_by, gradient: Some(gradient), sums });
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

    fn repeated(&self) -> Self {
        let [gradient, input, constant] = [&self.gradient, &self.input, &self.constant].map(|f| repeated(f));
        Self { gradient, input, constant }
    }
}

/// The gradient of batch norm's input, into `dx`.
pub fn batch_norm_gradient(workers: &Workers, x: &Tensor, f: &BatchNormGradient, dy: &[f32], dx: &mut [f32]) {
    let (image, factors) = (x.shape.len(), &f.repeated());
    workers.chunks(dx, image, |index, dx| {
        let range = index * image..index * image + dx.len();
        run(Gradient { x: &x.values[range.clone()], factors, dy: Some(&dy[range]), dx });
    });
}

/// The gradient of batch norm's input, in place of dy.
pub fn batch_norm_gradient_in_place(workers: &Workers, x: &Tensor, f: &BatchNormGradient, dy: &mut [f32]) {
    let (image, factors) = (x.shape.len(), &f.repeated());
    workers.chunks(dy, image, |index, dx| {
        run(Gradient { x: &x.values[index * image..][..dx.len()], factors, dy: None, dx });
    });
}

/// Sums the images' parts `[image][2][channels]` in order, in f64.
fn reduce(parts: &[f32], channels: usize) -> [Vec<f64>; 2] {
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

struct Affine<'a> {
    x: &'a [f32],
    residual: Option<&'a [f32]>,
    scale: &'a [f32],
    offset: &'a [f32],
    floor: f32,
    y: &'a mut [f32],
}

impl Kernel for Affine<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let mut at = 0;
        for start in (0..self.y.len()).step_by(16) {
            let (x, scale, offset) = (load(self.x, start), load(self.scale, at), load(self.offset, at));
            let residual = match self.residual {
                Some(residual) => load(residual, start),
                None => [0.0; 16],
            };
            let mut y = [0.0; 16];
            for i in 0..16 {
                let value = x[i] * scale[i] + offset[i] + residual[i];
                y[i] = if value > self.floor { value } else { self.floor };
            }
            store(self.y, start, y);
            at = if at + 16 == self.scale.len() { 0 } else { at + 16 };
        }
    }
}

/// Masks the gradient, and sums it and its products with x.
struct Sums<'a> {
    x: &'a [f32],
    masked_by: Option<&'a [f32]>,
    /// x itself if there is none.
    gradient: Option<&'a mut [f32]>,
    /// Σ dy of each channel, then Σ dy·x.
    sums: &'a mut [f32],
}

impl Kernel for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self, _: L) {
        let channels = self.sums.len() / 2;
        let period = period(channels);
        let mut repeated = vec![0.0; 2 * period];
        let mut at = 0;
        for start in (0..self.x.len()).step_by(16) {
            let x = load(self.x, start);
            let mut dy = x;
            if let Some(gradient) = &mut self.gradient {
                dy = load(gradient, start);
                if let Some(masked_by) = self.masked_by {
                    let y = load(masked_by, start);
                    for i in 0..16 {
                        dy[i] = if y[i] > 0.0 { dy[i] } else { 0.0 };
                    }
                    store(gradient, start, dy);
                }
            }
            let mut products = [0.0; 16];
            for i in 0..16 {
                products[i] = dy[i] * x[i];
            }
            add(&mut repeated, at, dy);
            add(&mut repeated, period + at, products);
            at = if at + 16 == period { 0 } else { at + 16 };
        }
        let (sum, product) = self.sums.split_at_mut(channels);
        fold(&repeated[..period], sum);
        fold(&repeated[period..], product);
    }
}

struct Gradient<'a> {
    x: &'a [f32],
    factors: &'a BatchNormGradient,
    /// In `dx` itself if there is none.
    dy: Option<&'a [f32]>,
    dx: &'a mut [f32],
}

impl Kernel for Gradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let f = self.factors;
        let mut at = 0;
        for start in (0..self.dx.len()).step_by(16) {
            let dy = match self.dy {
                Some(dy) => load(dy, start),
                None => load(self.dx, start),
            };
            let (x, a, b, c) = (load(self.x, start), load(&f.gradient, at), load(&f.input, at), load(&f.constant, at));
            let mut dx = [0.0; 16];
            for i in 0..16 {
                dx[i] = a[i] * dy[i] + b[i] * x[i] + c[i];
            }
            store(self.dx, start, dx);
            at = if at + 16 == f.gradient.len() { 0 } else { at + 16 };
        }
    }
}
