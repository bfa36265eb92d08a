//! One image through all steps of a plan.

use super::buffers::{Buffer, Buffers};
use super::few::Few;
use super::filters::share_filters;
use super::profile::Observer;
use super::sinks::PixelSink;
use super::task::Task;
use super::threads::join;
use crate::kernels::KernelError;
use crate::plan::{Plan, Producer, Slot, Step};
use std::mem::take;

/// Runs one image on `threads` threads: of the pool that the caller is in, or with 1 the caller alone.
/// The pixels of a large step are shared, or the filters of one that has few pixels and many weights.
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
        Producer::Conv { packed, input, .. } if threads > 1 && step.shares_filters() => {
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
