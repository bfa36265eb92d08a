//! Pillow's bilinear and bicubic resize of 8-bit pictures, byte for byte.
//!
//! The algorithm of `src/libImaging/Resample.c` in Pillow 3.3 to 12: separable, the horizontal pass
//! first, the result of each pass rounded to bytes. (Pillow 13 does the vertical pass first when the
//! height shrinks more than the width, which moves some bytes by one.) The filter is widened by the
//! scale when shrinking. Weights are computed and normalized in f64, then rounded to 22 fractional bits.

use super::region::{Region, Source};

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

/// The weights of consecutive output positions along one axis.
#[derive(Clone, Debug, Default)]
struct Axis {
    taps: Vec<Tap>,
    /// Of all taps, one after the other.
    weights: Vec<i32>,
    /// Of the tap that is being made.
    exact: Vec<f64>,
}

/// One output position: the first source position, and where in [`Axis::weights`] are the weight of it and of each that
/// follows; all lie inside the source.
#[derive(Clone, Copy, Debug)]
struct Tap {
    first: usize,
    weights: [usize; 2],
}

impl Axis {
    /// The outputs `from .. from + count` when `source` positions become `target`.
    fn set(&mut self, kernel: Kernel, source: usize, target: usize, from: usize, count: usize) {
        let scale = source as f64 / target as f64;
        let widened = scale.max(1.0);
        let support = kernel.support * widened;
        let inverse = 1.0 / widened;
        self.taps.clear();
        self.weights.clear();
        for position in from..from + count {
            let centre = (position as f64 + 0.5) * scale;
            // `as` truncates and clips to zero, as Pillow's cast and test do.
            let first = (centre - support + 0.5) as usize;
            let end = ((centre + support + 0.5) as usize).min(source);
            self.exact.clear();
            self.exact.extend((first..end).map(|x| (kernel.value)((x as f64 - centre + 0.5) * inverse)));
            let sum = self.exact.iter().fold(0.0, |sum, weight| sum + weight);
            if sum != 0.0 {
                self.exact.iter_mut().for_each(|weight| *weight /= sum);
            }
            let start = self.weights.len();
            self.weights.extend(self.exact.iter().copied().map(fixed_point));
            self.taps.push(Tap { first, weights: [start, self.weights.len()] });
        }
    }

    /// For each output the first source position and the weights.
    fn outputs(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.taps.iter().map(|&Tap { first, weights: [start, end] }| (first, &self.weights[start..end]))
    }
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

/// Working space, kept from picture to picture.
#[derive(Clone, Debug, Default)]
pub(super) struct Space {
    vertical: Axis,
    horizontal: Axis,
    /// What the horizontal pass made.
    rows: Vec<u8>,
    sums: Vec<i32>,
}

impl Space {
    /// Appends the `region` of `source` resized to `target` rows and columns, which must contain the region.
    pub(super) fn resize(
        &mut self,
        source: Source<'_>,
        target: [usize; 2],
        region: Region,
        kernel: Kernel,
        out: &mut Vec<u8>,
    ) {
        let Region { top, left, height, width } = region;
        // An axis that keeps its length is copied, not filtered.
        let vertical = target[0] != source.height();
        let horizontal = target[1] != source.width();
        let (mut first, mut end) = (top, top + height);
        if vertical {
            self.vertical.set(kernel, source.height(), target[0], top, height);
            first = self.vertical.outputs().map(|(first, _)| first).min().unwrap_or(0);
            end = self.vertical.outputs().map(|(first, weights)| first + weights.len()).max().unwrap_or(0);
        }
        if horizontal {
            self.horizontal.set(kernel, source.width(), target[1], left, width);
        }
        let rows = if vertical { &mut self.rows } else { &mut *out };
        if vertical {
            rows.clear();
        }
        rows.reserve((end - first) * width * 3);
        for row in first..end {
            let row = source.row(row);
            if horizontal {
                rows.extend(self.horizontal.outputs().flat_map(|(first, weights)| filter_pixel(row, first, weights)));
            } else {
                rows.extend_from_slice(&row[left * 3..(left + width) * 3]);
            }
        }
        if vertical {
            out.reserve(height * width * 3);
            self.sums.resize(width * 3, HALF);
            for (from, weights) in self.vertical.outputs() {
                filter_row(&self.rows[(from - first) * width * 3..], weights, &mut self.sums);
                out.extend(self.sums.iter().copied().map(to_byte));
            }
        }
    }
}

/// One pixel of the horizontal pass.
fn filter_pixel(row: &[u8], first: usize, weights: &[i32]) -> [u8; 3] {
    let mut sums = [HALF; 3];
    let (pixels, _) = row[first * 3..].as_chunks::<3>();
    for (pixel, &weight) in pixels.iter().zip(weights) {
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
