//! A convolution of few pixels whose filters are shared among the threads, so that each of them reads its part of the weights
//! alone: those are what takes time.

use super::operand;
use super::task::Task;
use super::threads::join;
use crate::kernels::{Input, KernelError, Kernels, OutputRange, PackedConv};
use crate::plan::Slot;
use std::ops::Range;

/// Shares the filters of all pixels, then the pixels to be finished.
pub(super) fn share_filters(
    threads: usize,
    packed: &PackedConv,
    input: Slot,
    mut task: Task<'_>,
) -> Result<(), KernelError> {
    let pixels = task.pixels.clone();
    let (kernels, channels) = (task.kernels, task.step.shape.channels);
    let input = operand::input(packed, task.buffers, input);
    let whole = Filters { packed, kernels, input, pixels: pixels.clone(), blocks: 0..packed.blocks() };
    if pixels.len() == 1 {
        whole.run(threads, &mut task.values[..channels])?;
        return task.store(&pixels);
    }
    let (parts, values) = std::mem::take(&mut task.values).split_at_mut(pixels.len() * channels);
    whole.run(threads, parts)?;
    task.values = values;
    finish(threads, &whole, (threads, parts), task)
}

/// Halves the rows until there are some for each thread, and finishes them: `parts` has what `of` threads computed.
fn finish(
    threads: usize,
    whole: &Filters<'_>,
    (of, parts): (usize, &[f32]),
    mut task: Task<'_>,
) -> Result<(), KernelError> {
    let left_threads = threads / 2;
    if let Some(middle) = task.middle_row(left_threads, threads).filter(|_| threads > 1) {
        let [left, right] = task.split(middle, left_threads, threads);
        let finish = |threads, task| finish(threads, whole, (of, parts), task);
        let (left, right) = join(|| finish(left_threads, left), || finish(threads - left_threads, right));
        return left.and(right);
    }
    let channels = task.step.shape.channels;
    let pixels = task.pixels.clone();
    for (pixel, values) in pixels.clone().zip(task.values.chunks_exact_mut(channels)) {
        whole.gather(of, parts, pixel, values);
    }
    task.store(&pixels)
}

/// Some of the filter blocks of a layer.
#[derive(Clone)]
struct Filters<'a> {
    packed: &'a PackedConv,
    kernels: Kernels,
    input: Input<'a>,
    pixels: Range<usize>,
    blocks: Range<usize>,
}

impl Filters<'_> {
    /// Those of half of the threads and those of the others; `None` for a single thread or block.
    fn halves(&self, threads: usize) -> Option<[(Self, usize); 2]> {
        let left = threads / 2;
        let middle = self.blocks.start + self.blocks.len() * left / threads.max(1);
        let part = |blocks| Self { blocks, ..self.clone() };
        (threads > 1 && middle > self.blocks.start)
            .then(|| [(part(self.blocks.start..middle), left), (part(middle..self.blocks.end), threads - left)])
    }

    /// Filters at each pixel.
    fn count(&self) -> usize {
        self.packed.filters(self.blocks.clone()).len()
    }

    /// Computes them: `[pixel][filter]` of each thread's filters, one thread's behind the other's.
    fn run(&self, threads: usize, output: &mut [f32]) -> Result<(), KernelError> {
        let Some([(left, left_threads), (right, right_threads)]) = self.halves(threads) else {
            let range = OutputRange { pixels: self.pixels.clone(), blocks: self.blocks.clone() };
            return self.packed.run(self.kernels, self.input, &range, output);
        };
        let (of_left, of_right) = output.split_at_mut(left.count() * self.pixels.len());
        let (left, right) = join(|| left.run(left_threads, of_left), || right.run(right_threads, of_right));
        left.and(right)
    }

    /// Takes one pixel's filters from what [`Self::run`] left.
    fn gather(&self, threads: usize, parts: &[f32], pixel: usize, to: &mut [f32]) {
        let Some([(left, left_threads), (right, right_threads)]) = self.halves(threads) else {
            let first = (pixel - self.pixels.start) * to.len();
            to.copy_from_slice(&parts[first..][..to.len()]);
            return;
        };
        let (of_left, of_right) = parts.split_at(left.count() * self.pixels.len());
        let (to_left, to_right) = to.split_at_mut(left.count());
        left.gather(left_threads, of_left, pixel, to_left);
        right.gather(right_threads, of_right, pixel, to_right);
    }
}
