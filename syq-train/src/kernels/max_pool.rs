//! Max pooling in both passes, sixteen channels at a time.
//!
//! The padding never wins, and the gradient goes to the first pixel, in row-major order, that has the maximum.
//! Nothing but comparisons and one addition a pixel: every instruction set gives the same bytes.

use super::elementwise::{Block, padded};
use super::isa::{Isa, Precision};
use super::lanes::{Kernel, Lanes, dispatch};
use crate::parallel::Workers;
use std::ops::Range;
use syq_core::{Shape, Window};

/// What is pooled, and into what.
#[derive(Clone, Copy, Debug)]
pub struct Pooling {
    /// Kernel, stride and padding.
    pub window: Window,
    /// Shape of an image.
    pub input: Shape,
    /// Shape of what it becomes.
    pub output: Shape,
}

impl Pooling {
    /// Calls `visit` with each window's output pixel, rows and columns inside the image.
    #[inline(always)]
    pub fn for_each_window(&self, mut visit: impl FnMut(usize, Range<usize>, Range<usize>)) {
        let Self { window, input, output } = self;
        let span = |index: usize, axis: usize, padding: usize, size: usize| {
            let start = index * window.stride[axis];
            start.saturating_sub(padding)..(start + window.kernel[axis]).saturating_sub(padding).min(size)
        };
        for row in 0..output.height {
            for column in 0..output.width {
                let rows = span(row, 0, window.padding.top, input.height);
                let columns = span(column, 1, window.padding.left, input.width);
                visit(row * output.width + column, rows, columns);
            }
        }
    }

    /// The maxima of a batch of images `x`, `[image][row][column][channel]`, into `y`.
    pub fn max(&self, workers: &Workers, x: &[f32], y: &mut [f32]) {
        workers.chunks(y, self.output.len(), |index, y| {
            let x = &x[index * self.input.len()..][..self.input.len()];
            dispatch(Isa::detect(), Precision::F32, Max { pooling: self, x, y });
        });
    }

    /// The gradient of the batch `x` from that of its maxima.
    pub fn max_gradient(&self, workers: &Workers, x: &[f32], dy: &[f32], dx: &mut [f32]) {
        workers.chunks(dx, self.input.len(), |index, dx| {
            let x = &x[index * self.input.len()..][..self.input.len()];
            let dy = &dy[index * self.output.len()..][..self.output.len()];
            dispatch(Isa::detect(), Precision::F32, MaxGradient { pooling: self, x, dy, dx });
        });
    }

    /// The pixels of a window, in row-major order.
    #[inline(always)]
    fn pixels(&self, rows: &Range<usize>, columns: &Range<usize>) -> impl Iterator<Item = usize> {
        let (columns, width) = (columns.clone(), self.input.width);
        rows.clone().flat_map(move |row| columns.clone().map(move |column| row * width + column))
    }
}

/// Channels `first..` of a pixel, up to sixteen, with zeros for those that are missing.
#[inline(always)]
fn block(values: &[f32], pixel: usize, channels: usize, first: usize) -> Block {
    let values = &values[pixel * channels + first..(pixel + 1) * channels];
    values.first_chunk().copied().unwrap_or_else(|| padded(values))
}

/// The greatest value of each channel, and the first pixel of the window that has it.
#[inline(always)]
fn winners(x: &[f32], channels: usize, first: usize, mut pixels: impl Iterator<Item = usize>) -> (Block, [u32; 16]) {
    let mut best = pixels.next().map_or([0.0; 16], |pixel| block(x, pixel, channels, first));
    let mut at = [0u32; 16];
    for (index, pixel) in (1..).zip(pixels) {
        let x = block(x, pixel, channels, first);
        for i in 0..16 {
            let greater = x[i] > best[i];
            best[i] = if greater { x[i] } else { best[i] };
            at[i] = if greater { index } else { at[i] };
        }
    }
    (best, at)
}

struct Max<'a> {
    pooling: &'a Pooling,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Max<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let channels = self.pooling.input.channels;
        self.pooling.for_each_window(|pixel, rows, columns| {
            for (index, y) in self.y[pixel * channels..][..channels].chunks_mut(16).enumerate() {
                let (best, _) = winners(self.x, channels, index * 16, self.pooling.pixels(&rows, &columns));
                match y.first_chunk_mut() {
                    Some(y) => *y = best,
                    None => y.copy_from_slice(&best[..y.len()]),
                }
            }
        });
    }
}

struct MaxGradient<'a> {
    pooling: &'a Pooling,
    x: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Kernel for MaxGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let channels = self.pooling.input.channels;
        self.dx.fill(0.0);
        self.pooling.for_each_window(|pixel, rows, columns| {
            for first in (0..channels).step_by(16) {
                let (_, at) = winners(self.x, channels, first, self.pooling.pixels(&rows, &columns));
                let dy = block(self.dy, pixel, channels, first);
                for (index, pixel) in (0..).zip(self.pooling.pixels(&rows, &columns)) {
                    let mut share = [0.0; 16];
                    for i in 0..16 {
                        share[i] = if at[i] == index { dy[i] } else { 0.0 };
                    }
                    let dx = &mut self.dx[pixel * channels + first..(pixel + 1) * channels];
                    match dx.first_chunk_mut::<16>() {
                        Some(dx) => (0..16).for_each(|i| dx[i] += share[i]),
                        None => dx.iter_mut().zip(share).for_each(|(dx, share)| *dx += share),
                    }
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syq_core::Padding;

    #[test]
    fn both_passes_match_plain_loops() {
        let workers = Workers::new(2).unwrap();
        let (input, images) = (Shape::new(7, 5, 19), 3);
        // Few values, so that many windows have their maximum more than once.
        let values =
            |len: usize, seed: usize| -> Vec<f32> { (0..len).map(|i| ((i * 7919 + seed) % 5) as f32 - 2.0).collect() };
        for (kernel, stride, padding) in [(3, 2, 1), (2, 2, 0), (3, 1, 1)] {
            let window = Window::square(kernel, stride, Padding::uniform(padding));
            let size = |size: usize| (size + 2 * padding - kernel) / stride + 1;
            let output = Shape::new(size(input.height), size(input.width), input.channels);
            let pooling = Pooling { window, input, output };
            let (x, dy) = (values(images * input.len(), 1), values(images * output.len(), 2));
            let (mut y, mut dx) = (vec![f32::NAN; dy.len()], vec![f32::NAN; x.len()]);
            pooling.max(&workers, &x, &mut y);
            pooling.max_gradient(&workers, &x, &dy, &mut dx);
            let mut expected = vec![0.0; x.len()];
            for (index, (y, dy)) in y.iter().zip(&dy).enumerate() {
                let (image, rest) = (index / output.len(), index % output.len());
                let (pixel, channel) = (rest / output.channels, rest % output.channels);
                let (row, column) = (pixel / output.width, pixel % output.width);
                let mut winner: Option<usize> = None;
                for tap in 0..kernel * kernel {
                    let row = (row * stride + tap / kernel).wrapping_sub(padding);
                    let column = (column * stride + tap % kernel).wrapping_sub(padding);
                    if row < input.height && column < input.width {
                        let at = image * input.len() + (row * input.width + column) * input.channels + channel;
                        winner = winner.filter(|best| x[at] <= x[*best]).or(Some(at));
                    }
                }
                let winner = winner.unwrap();
                assert_eq!(*y, x[winner], "{window:?}");
                expected[winner] += dy;
            }
            assert_eq!(dx, expected, "{window:?}");
        }
    }
}
