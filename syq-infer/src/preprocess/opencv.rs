//! OpenCV's `INTER_CUBIC` resize of 8-bit pictures, byte for byte (of a build or run without IPP).
//!
//! The algorithm of OpenCV's `modules/imgproc/src/resize.cpp`: four taps in each direction with
//! a = −0.75, never widened, and the border replicated. The taps have 11 fractional bits; the
//! horizontal pass keeps exact integers. The vertical pass is done in f32 where OpenCV's 128-bit
//! vectors reach, and in integers for the last few bytes of a row, which round otherwise.
//!
//! The f32 products are added unfused, as OpenCV's baseline build does; the fused arithmetic of the
//! executors begins with the normalized input.

use super::region::{Region, Source};

/// Fractional bits of a tap.
const TAP_BITS: u32 = 11;

/// Bytes that OpenCV's vector loop does at a time.
const LANES: usize = 8;

/// The four taps of one output position along one axis, and the positions, border replicated, that
/// they apply to.
#[derive(Clone, Copy, Debug)]
struct Taps {
    sources: [usize; 4],
    weights: [i32; 4],
}

/// The taps of the outputs `from .. from + count` when `source` positions become `target`.
fn taps(source: usize, target: usize, from: usize, count: usize) -> impl Iterator<Item = Taps> {
    let scale = 1.0 / (target as f64 / source as f64);
    let one = move |position: usize| {
        let exact = ((position as f64 + 0.5) * scale - 0.5) as f32;
        let floor = exact.floor();
        let weights = cubic(exact - floor).map(|weight| (weight * (1 << TAP_BITS) as f32).round_ties_even() as i32);
        let sources = std::array::from_fn(|tap| (floor as i64 + tap as i64 - 1).clamp(0, source as i64 - 1) as usize);
        Taps { sources, weights }
    };
    (from..from + count).map(one)
}

/// Keys' cubic with a = −0.75 at a fraction `x`, in OpenCV's order of operations.
fn cubic(x: f32) -> [f32; 4] {
    const A: f32 = -0.75;
    let first = ((A * (x + 1.0) - 5.0 * A) * (x + 1.0) + 8.0 * A) * (x + 1.0) - 4.0 * A;
    let second = ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let third = ((A + 2.0) * (1.0 - x) - (A + 3.0)) * (1.0 - x) * (1.0 - x) + 1.0;
    [first, second, third, 1.0 - first - second - third]
}

/// Working space, kept from picture to picture.
#[derive(Clone, Debug, Default)]
pub(super) struct Space {
    horizontal: Vec<Taps>,
    /// The last four source rows after the horizontal pass, each with its number.
    cache: [(Option<usize>, Vec<i32>); 4],
}

impl Space {
    /// Appends the `region` of `source` resized to `target` rows and columns, which must contain the region.
    pub(super) fn resize(&mut self, source: Source<'_>, target: [usize; 2], region: Region, out: &mut Vec<u8>) {
        let Region { top, left, height, width } = region;
        out.reserve(height * width * 3);
        if target == [source.height(), source.width()] {
            let rows = (top..top + height).flat_map(|row| &source.row(row)[left * 3..(left + width) * 3]);
            return out.extend(rows);
        }
        self.horizontal.clear();
        self.horizontal.extend(taps(source.width(), target[1], left, width));
        for (held, row) in &mut self.cache {
            *held = None;
            row.resize(width * 3, 0);
        }
        // Bytes of a row of the region up to where OpenCV's vector loop over the whole row ends.
        let vectored = (target[1] * 3 / LANES * LANES).saturating_sub(left * 3).min(width * 3);
        for Taps { sources, weights } in taps(source.height(), target[0], top, height) {
            // The four source rows of an output row are consecutive: modulo four they never collide.
            for number in sources {
                let (held, row) = &mut self.cache[number % 4];
                if *held != Some(number) {
                    filter_row(source.row(number), &self.horizontal, row);
                    *held = Some(number);
                }
            }
            let rows = sources.map(|number| self.cache[number % 4].1.as_slice());
            let column = |at: usize| rows.map(|row| row[at]);
            let weights_f32 = weights.map(|weight| weight as f32 * (1.0 / (1_u32 << (2 * TAP_BITS)) as f32));
            out.extend((0..vectored).map(|at| blend_f32(column(at), weights_f32)));
            out.extend((vectored..width * 3).map(|at| blend(column(at), weights)));
        }
    }
}

/// One row of the horizontal pass, with 11 fractional bits.
fn filter_row(row: &[u8], taps: &[Taps], out: &mut [i32]) {
    let (pixels, _) = row.as_chunks::<3>();
    let (out, _) = out.as_chunks_mut::<3>();
    for (sums, Taps { sources, weights }) in out.iter_mut().zip(taps) {
        *sums = [0; 3];
        for (&source, &weight) in sources.iter().zip(weights) {
            for (sum, &value) in sums.iter_mut().zip(&pixels[source]) {
                *sum += i32::from(value) * weight;
            }
        }
    }
}

/// A byte of the vertical pass in the vector loop: products added from the last, halves to even.
fn blend_f32(rows: [i32; 4], weights: [f32; 4]) -> u8 {
    let [a, b, c, d] = std::array::from_fn(|tap| rows[tap] as f32 * weights[tap]);
    // `as` saturates.
    (a + (b + (c + d))).round_ties_even() as u8
}

/// A byte of the vertical pass after the vector loop: in integers, halves up.
fn blend(rows: [i32; 4], weights: [i32; 4]) -> u8 {
    let sum: i32 = rows.iter().zip(&weights).map(|(row, weight)| row * weight).sum();
    ((sum + (1 << (2 * TAP_BITS - 1))) >> (2 * TAP_BITS)).clamp(0, 255) as u8
}
