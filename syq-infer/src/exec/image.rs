//! One image through all steps of a plan.

use super::buffers::Buffers;
use super::profile::Observer;
use super::rows::{Task, data};
use super::sinks::{RowSink, divide};
use crate::kernels::{Input, KernelError, OutputRange};
use crate::plan::{Plan, Producer, Slot, Step};
use rayon::prelude::*;
use std::mem::take;

/// Multiply-accumulates, and values moved, below which a second thread costs more than it brings.
const WORTH_SHARING: usize = 200_000;

/// Runs one image. With a pool the rows of a large step are shared among its threads, or the filters
/// of one that has a single pixel.
pub(crate) fn run_image(
    plan: &Plan,
    pool: Option<&rayon::ThreadPool>,
    buffers: &mut Buffers,
    input: &[f32],
    logits: &mut [f32],
    observer: &mut impl Observer,
) -> Result<(), KernelError> {
    buffers.floats_mut(plan.input)[..input.len()].copy_from_slice(input);
    for (index, step) in plan.steps.iter().enumerate() {
        let work = step.macs().max(4 * step.shape.len());
        let pool = pool.filter(|_| work >= WORTH_SHARING);
        observer.step(index, || run_step(plan, pool, buffers, step))?;
    }
    logits.copy_from_slice(buffers.floats(plan.output, plan.classes));
    Ok(())
}

fn run_step(
    plan: &Plan,
    pool: Option<&rayon::ThreadPool>,
    buffers: &mut Buffers,
    step: &Step,
) -> Result<(), KernelError> {
    let threads = pool.map_or(1, rayon::ThreadPool::current_num_threads);
    let height = step.shape.height;
    let tasks = threads.min(height);
    let ends: Vec<usize> = (1..=tasks).map(|task| task * height / tasks).collect();
    let slots: Vec<Slot> = step.sinks.iter().map(|sink| sink.slot).collect();
    let mut taken: Vec<_> = slots.iter().map(|slot| buffers.take(*slot)).collect();
    let (mut values, mut codes) = (take(&mut buffers.rows), take(&mut buffers.code_rows));
    let done = share(plan, pool, buffers, step, &ends, &mut taken, &mut values, &mut codes);
    buffers.rows = values;
    buffers.code_rows = codes;
    for (slot, buffer) in slots.into_iter().zip(taken) {
        buffers.put(slot, buffer);
    }
    done
}

#[expect(clippy::too_many_arguments, reason = "the parts of `Buffers`, taken apart for the borrow checker")]
fn share(
    plan: &Plan,
    pool: Option<&rayon::ThreadPool>,
    buffers: &Buffers,
    step: &Step,
    ends: &[usize],
    taken: &mut [super::buffers::Buffer],
    values: &mut [f32],
    codes: &mut [u8],
) -> Result<(), KernelError> {
    let mut sinks: Vec<Vec<RowSink<'_>>> = ends.iter().map(|_| Vec::new()).collect();
    for (buffer, sink) in taken.iter_mut().zip(&step.sinks) {
        for (task, part) in sinks.iter_mut().zip(divide(buffer, &sink.kind, step.shape, ends)?) {
            task.push(part);
        }
    }
    let row_len = step.shape.width * step.shape.channels;
    let (mut values, mut codes) = (values, codes);
    let mut start = 0;
    let mut tasks: Vec<Task<'_>> = Vec::with_capacity(ends.len());
    for (&end, sinks) in ends.iter().zip(sinks) {
        let rows = start..end;
        let len = rows.len() * row_len;
        let now = values.split_off_mut(..len.min(values.len())).unwrap_or_default();
        let codes_now = codes.split_off_mut(..len.min(codes.len())).unwrap_or_default();
        tasks.push(Task { kernels: plan.kernels, step, buffers, rows, sinks, values: now, codes: codes_now });
        start = end;
    }
    match pool {
        None => tasks.into_iter().try_for_each(Task::run),
        Some(pool) if tasks.len() > 1 => pool.install(|| tasks.into_par_iter().try_for_each(Task::run)),
        Some(pool) => tasks.into_iter().try_for_each(|task| share_filters(pool, task)),
    }
}

/// A step with a single row: where that is a single pixel, the filters are shared.
fn share_filters(pool: &rayon::ThreadPool, mut task: Task<'_>) -> Result<(), KernelError> {
    let (step, kernels, buffers) = (task.step, task.kernels, task.buffers);
    let Producer::Conv { packed, input } = &step.producer else { return task.run() };
    if step.shape.width > 1 || packed.blocks() < 2 {
        return task.run();
    }
    let share = packed.blocks().div_ceil(pool.current_num_threads());
    let mut rest = &mut task.values[..step.shape.channels];
    let mut parts = Vec::new();
    for first in (0..packed.blocks()).step_by(share) {
        let blocks = first..(first + share).min(packed.blocks());
        let filters = packed.filters(blocks.clone()).len();
        let now = rest.split_off_mut(..filters).unwrap_or_default();
        parts.push((OutputRange { rows: 0..1, blocks }, now));
    }
    let input = Input { layout: *packed.layout(), data: data(packed, buffers, *input) };
    pool.install(|| parts.into_par_iter().try_for_each(|(range, output)| packed.run(kernels, input, &range, output)))?;
    task.store(0..1, step.shape.channels)
}
