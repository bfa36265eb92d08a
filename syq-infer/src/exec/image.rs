//! One image through all steps of a plan.

use super::buffers::{Buffer, Buffers};
use super::few::Few;
use super::operand;
use super::profile::Observer;
use super::sinks::PixelSink;
use super::task::Task;
use super::threads::join;
use crate::kernels::{KernelError, Kernels, OutputRange, PackedConv};
use crate::plan::{Plan, Producer, Slot, Step};
use std::mem::take;
use std::ops::Range;

/// Runs one image on `threads` threads: of the pool that the caller is in, or with 1 the caller alone.
/// The pixels of a large step are shared, or the filters of one that has a single pixel.
pub(crate) fn run_image(
    plan: &Plan,
    threads: usize,
    buffers: &mut Buffers,
    input: &[f32],
    logits: &mut [f32],
    observer: &mut impl Observer,
) -> Result<(), KernelError> {
    for (index, step) in plan.steps.iter().enumerate() {
        let threads = if step.is_worth_sharing(plan.kernels) { threads } else { 1 };
        observer.step(index, || run_step(plan, threads, buffers, input, step))?;
    }
    logits.copy_from_slice(buffers.floats(plan.output, plan.classes));
    Ok(())
}

fn run_step(
    plan: &Plan,
    threads: usize,
    buffers: &mut Buffers,
    picture: &[f32],
    step: &Step,
) -> Result<(), KernelError> {
    // What is written is taken out of the buffers, so that the rest can be read meanwhile.
    let mut taken: Few<(Slot, Buffer)> = Few::new();
    for sink in &step.sinks {
        taken.push((sink.slot, buffers.take(sink.slot)));
    }
    let (mut values, mut codes) = (take(&mut buffers.values), take(&mut buffers.code_values));
    let mut tables = take(&mut buffers.tables);
    let mut sinks = Few::new();
    for ((_, buffer), sink) in taken.iter_mut().zip(&step.sinks) {
        if let Some(sink) = PixelSink::new(buffer, &sink.kind, step.shape) {
            sinks.push(sink);
        }
    }
    let pixels = 0..step.shape.height * step.shape.width;
    let kernels = plan.kernels;
    let work = (&mut *values, &mut *codes, &mut *tables);
    let task = Task { kernels, step, buffers, picture, pixels, sinks, values: work.0, codes: work.1, tables: work.2 };
    let done = match &step.producer {
        Producer::Conv { packed, input, stored }
            if threads > 1 && task.pixels.len() == 1 && step.pool.is_none() && stored == packed.layout() =>
        {
            share_filters(threads, packed, *input, task)
        }
        _ => share(threads, task),
    };
    buffers.values = values;
    buffers.code_values = codes;
    buffers.tables = tables;
    for (slot, buffer) in taken {
        buffers.put(slot, buffer);
    }
    done
}

/// Halves the pixels until there is a task for each thread.
fn share(threads: usize, task: Task<'_>) -> Result<(), KernelError> {
    let left_threads = threads / 2;
    let Some(middle) = task.middle(left_threads, threads).filter(|_| threads > 1) else { return task.run() };
    let [left, right] = task.split(middle, left_threads, threads);
    let (left, right) = join(|| share(left_threads, left), || share(threads - left_threads, right));
    left.and(right)
}

/// A step with a single pixel: its filters are shared.
fn share_filters(threads: usize, packed: &PackedConv, input: Slot, mut task: Task<'_>) -> Result<(), KernelError> {
    let pixels = task.pixels.clone();
    let len = task.step.shape.channels;
    let input = operand::input(packed, task.buffers, input);
    let whole = Filters { packed, kernels: task.kernels, input, blocks: 0..packed.blocks() };
    whole.run(threads, &mut task.values[..len])?;
    task.store(&pixels)
}

/// Some of the filter blocks of a layer with one output pixel.
#[derive(Clone)]
struct Filters<'a> {
    packed: &'a PackedConv,
    kernels: Kernels,
    input: crate::kernels::Input<'a>,
    blocks: Range<usize>,
}

impl Filters<'_> {
    fn run(self, threads: usize, output: &mut [f32]) -> Result<(), KernelError> {
        let Self { packed, kernels, input, blocks } = self.clone();
        let left_threads = threads / 2;
        let middle = blocks.start + blocks.len() * left_threads / threads.max(1);
        if threads < 2 || middle == blocks.start {
            return packed.run(kernels, input, &OutputRange { pixels: 0..1, blocks }, output);
        }
        let (left, right) = output.split_at_mut(packed.filters(blocks.start..middle).len());
        let part = |blocks| Self { blocks, ..self.clone() };
        let (left, right) = join(
            || part(blocks.start..middle).run(left_threads, left),
            || part(middle..blocks.end).run(threads - left_threads, right),
        );
        left.and(right)
    }
}
