//! Pillow's bilinear and bicubic resize of 8-bit pictures, byte for byte.
//!
//! The algorithm of `src/libImaging/Resample.c` in Pillow 3.3 to 12: separable, the horizontal pass
//! first, the result of each pass rounded to bytes. (Pillow 13 does the vertical pass first when the
//! height shrinks more than the width, which moves some bytes by one.) The filter is widened by the
//! scale when shrinking. Weights are computed and normalized in f64, then rounded to 22 fractional bits.

use super::region::Region;
use crate::rgb::RgbView;

/// Fractional bits of a weight: 32, less 8 for the pixel and 2 for the overshoot of a cubic.
const PRECISION: u32 = 32 - 8 - 2;

/// Half of the last place, where every sum starts: the shift at its end then rounds.
const HALF: i32 = 1 << (PRECISION - 1);

/// A filter kernel: its value at a distance, and the distance beyond which it is zero.
#[derive(Clone, Copy)]
pub(super) struct Kernel {
    value: fn(f64) -> f64,
    support: f64,
}

/// `BILINEAR`: a triangle.
pub(super) const BILINEAR: Kernel = Kernel { value: |x| if x.abs() < 1.0 { 1.0 - x.abs() } else { 0.0 }, support: 1.0 };

/// `BICUBIC`: Keys' cubic with a = −0.5, in Pillow's order of operations.
pub(super) const BICUBIC: Kernel = Kernel { value: cubic, support: 2.0 };

fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// The weights of one output position along one axis.
struct Taps {
    /// The first source position.
    first: usize,
    /// One weight for it and each that follows; all lie inside the source.
    weights: Vec<i32>,
}

/// The taps of the outputs `from .. from + count` when `source` positions become `target`.
fn taps(kernel: Kernel, source: usize, target: usize, from: usize, count: usize) -> Vec<Taps> {
    let scale = source as f64 / target as f64;
    let widened = scale.max(1.0);
    let support = kernel.support * widened;
    let inverse = 1.0 / widened;
    let one = |position: usize| {
        let centre = (position as f64 + 0.5) * scale;
        // `as` truncates and clips to zero, as Pillow's cast and test do.
        let first = (centre - support + 0.5) as usize;
        let end = ((centre + support + 0.5) as usize).min(source);
        let mut weights: Vec<f64> = (first..end).map(|x| (kernel.value)((x as f64 - centre + 0.5) * inverse)).collect();
        let sum = weights.iter().fold(0.0, |sum, weight| sum + weight);
        if sum != 0.0 {
            weights.iter_mut().for_each(|weight| *weight /= sum);
        }
        Taps { first, weights: weights.into_iter().map(fixed_point).collect() }
    };
    (from..from + count).map(one).collect()
}

/// To 22 fractional bits, halves away from zero.
fn fixed_point(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << PRECISION);
    (if weight < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
}

/// A sum to a byte. The arithmetic shift rounds, because the sum started at [`HALF`].
fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// The `region` of `picture` resized to `target` rows and columns, which must contain the region.
pub(super) fn resize(picture: RgbView<'_>, target: [usize; 2], region: Region, kernel: Kernel) -> Vec<u8> {
    let Region { top, left, height, width } = region;
    // An axis that keeps its length is copied, not filtered.
    let vertical = (target[0] != picture.height()).then(|| taps(kernel, picture.height(), target[0], top, height));
    let horizontal = (target[1] != picture.width()).then(|| taps(kernel, picture.width(), target[1], left, width));

    let (first, end) = match &vertical {
        None => (top, top + height),
        Some(taps) => (
            taps.iter().map(|tap| tap.first).min().unwrap_or(0),
            taps.iter().map(|tap| tap.first + tap.weights.len()).max().unwrap_or(0),
        ),
    };
    let mut rows = Vec::with_capacity((end - first) * width * 3);
    for row in first..end {
        match &horizontal {
            None => rows.extend_from_slice(&picture.row(row)[left * 3..(left + width) * 3]),
            Some(taps) => rows.extend(taps.iter().flat_map(|tap| filter_pixel(picture.row(row), tap))),
        }
    }
    match &vertical {
        None => rows,
        Some(taps) => {
            let mut out = Vec::with_capacity(height * width * 3);
            let mut sums = vec![HALF; width * 3];
            for tap in taps {
                filter_row(&rows[(tap.first - first) * width * 3..], &tap.weights, &mut sums);
                out.extend(sums.iter().copied().map(to_byte));
            }
            out
        }
    }
}

/// One pixel of the horizontal pass.
fn filter_pixel(row: &[u8], tap: &Taps) -> [u8; 3] {
    let mut sums = [HALF; 3];
    let (pixels, _) = row[tap.first * 3..].as_chunks::<3>();
    for (pixel, &weight) in pixels.iter().zip(&tap.weights) {
        for (sum, &value) in sums.iter_mut().zip(pixel) {
            *sum += i32::from(value) * weight;
        }
    }
    sums.map(to_byte)
}

/// The sums of one row of the vertical pass, over consecutive `rows`.
fn filter_row(rows: &[u8], weights: &[i32], sums: &mut [i32]) {
    sums.fill(HALF);
    for (row, &weight) in rows.chunks_exact(sums.len()).zip(weights) {
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += i32::from(value) * weight;
        }
    }
}
