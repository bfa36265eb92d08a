//! The passes over whole feature maps that are not convolutions: channel sums, the affine of batch
//! norm with residual and ReLU, and its gradient.
//!
//! Channels are the fastest index, so every loop runs over channels inside and the compiler
//! vectorises it. Sums go by image, then over the images in order: the same bytes for any number of
//! threads.

use crate::kernels::ChannelSums;
use crate::layers::Activation;
use crate::parallel::Workers;
use crate::tape::Tensor;
use syq_core::Shape;

/// Σ x and Σ x² of each channel over the batch `x` of images of `shape`.
pub fn channel_sums(workers: &Workers, x: &[f32], shape: Shape) -> ChannelSums {
    let (channels, image) = (shape.channels, shape.len());
    let batch = x.len() / image.max(1);
    let mut parts = vec![0.0f32; batch * 2 * channels];
    workers.chunks(&mut parts, 2 * channels, |index, part| {
        let (sum, squares) = part.split_at_mut(channels);
        for pixel in x[index * image..][..image].chunks_exact(channels) {
            for ((s, q), x) in sum.iter_mut().zip(squares.iter_mut()).zip(pixel) {
                *s += x;
                *q += x * x;
            }
        }
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
    let (channels, image) = (x.shape.channels, x.shape.len());
    let floor = match activation {
        Activation::Linear => f32::NEG_INFINITY,
        Activation::Relu => 0.0,
    };
    workers.chunks(y, image, |index, y| {
        let x = x.values[index * image..][..image].chunks_exact(channels);
        match residual {
            None => {
                for (y, x) in y.chunks_exact_mut(channels).zip(x) {
                    for (((y, x), a), b) in y.iter_mut().zip(x).zip(scale).zip(offset) {
                        *y = (x * a + b).max(floor);
                    }
                }
            }
            Some(residual) => {
                let r = residual[index * image..][..image].chunks_exact(channels);
                for ((y, x), r) in y.chunks_exact_mut(channels).zip(x).zip(r) {
                    for ((((y, x), r), a), b) in y.iter_mut().zip(x).zip(r).zip(scale).zip(offset) {
                        *y = (x * a + b + r).max(floor);
                    }
                }
            }
        }
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
    let (channels, image) = (x.shape.channels, x.shape.len());
    let batch = x.values.len() / image.max(1);
    let mut parts = vec![0.0f32; batch * 2 * channels];
    workers.chunk_pairs((gradient, &mut parts), [image, 2 * channels], |index, dy, part| {
        let (sum, products) = part.split_at_mut(channels);
        let x = x.values[index * image..][..image].chunks_exact(channels);
        match masked_by {
            None => {
                for (dy, x) in dy.chunks_exact(channels).zip(x) {
                    for (((s, p), dy), x) in sum.iter_mut().zip(products.iter_mut()).zip(dy).zip(x) {
                        *s += dy;
                        *p += dy * x;
                    }
                }
            }
            Some(y) => {
                let y = y[index * image..][..image].chunks_exact(channels);
                for ((dy, x), y) in dy.chunks_exact_mut(channels).zip(x).zip(y) {
                    for ((((s, p), dy), x), y) in sum.iter_mut().zip(products.iter_mut()).zip(dy).zip(x).zip(y) {
                        *dy = if *y > 0.0 { *dy } else { 0.0 };
                        *s += *dy;
                        *p += *dy * x;
                    }
                }
            }
        }
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
}

/// The gradient of batch norm's input, into `dx`.
pub fn batch_norm_gradient(workers: &Workers, x: &Tensor, f: &BatchNormGradient, dy: &[f32], dx: &mut [f32]) {
    let (channels, image) = (x.shape.channels, x.shape.len());
    workers.chunks(dx, image, |index, dx| {
        let range = index * image..(index + 1) * image;
        let rows = dx.chunks_exact_mut(channels).zip(dy[range.clone()].chunks_exact(channels));
        for ((dx, dy), x) in rows.zip(x.values[range].chunks_exact(channels)) {
            let factors = f.gradient.iter().zip(&f.input).zip(&f.constant);
            for (((dx, dy), x), ((a, b), c)) in dx.iter_mut().zip(dy).zip(x).zip(factors) {
                *dx = a * dy + b * x + c;
            }
        }
    });
}

/// The gradient of batch norm's input, in place of dy.
pub fn batch_norm_gradient_in_place(workers: &Workers, x: &Tensor, f: &BatchNormGradient, dy: &mut [f32]) {
    let (channels, image) = (x.shape.channels, x.shape.len());
    workers.chunks(dy, image, |index, dy| {
        let x = x.values[index * image..][..image].chunks_exact(channels);
        for (dy, x) in dy.chunks_exact_mut(channels).zip(x) {
            let factors = f.gradient.iter().zip(&f.input).zip(&f.constant);
            for ((dy, x), ((a, b), c)) in dy.iter_mut().zip(x).zip(factors) {
                *dy = a * *dy + b * x + c;
            }
        }
    });
}

/// Sums the images' parts `[image][2][channels]` in order, in f64.
pub(crate) fn reduce(parts: &[f32], channels: usize) -> [Vec<f64>; 2] {
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
