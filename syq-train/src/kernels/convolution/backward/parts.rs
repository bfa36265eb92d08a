//! Weight gradients by parts of the batch: each part sums its images while they are in the cache, and the
//! parts are added in order.

use super::super::ConvOp;
use super::super::winograd;
use super::unit::Into;
use super::{Shared, Unit, scatter};
use crate::kernels::lanes::dispatch;
use crate::parallel::Workers;

/// Parts that a batch is divided into, each with weight gradients of its own; fixed, so that these do
/// not depend on the threads.
const PARTS: usize = 8;

/// All passes; returns the gradient of the input's step.
pub(super) fn run(op: &ConvOp, shared: &Shared<'_>, dx: &mut [f32], sums: &mut [f32], dw: &mut [f32]) -> f64 {
    let (g, workers) = (shared.geometry, shared.workers);
    let batch = shared.dy.len() / g.output.len();
    let part_len = shared.part_len();
    // At least two images, so that bf16 has pairs.
    let images = batch.div_ceil(PARTS).max(2);
    let len = batch.div_ceil(images) * part_len;
    let mut parts = if shared.grid.is_some() { workers.room(len) } else { workers.scratch(len) };
    let mut steps = vec![0.0f64; batch.div_ceil(images)];
    let into = parts.chunks_exact_mut(part_len).map(|part| Into::Sums(part.as_chunks_mut().0));
    let mut units: Vec<_> = Unit::split(shared, images, dx, sums, into).zip(&mut steps).collect();
    workers.chunks(&mut units, 1, |_, units| {
        for (unit, step) in units {
            **step = dispatch(op.isa, op.precision, unit);
        }
    });
    drop(units);
    add(workers, &mut parts, part_len);
    let step = shared.x.levels.map_or(1.0, |levels| levels.step);
    if let Some(grid) = shared.grid {
        winograd::turned_back(op, workers, grid, &parts[..part_len], step, dw);
        return steps.iter().sum();
    }
    let blocks: &[[f32; 16]] = parts[..part_len].as_chunks().0;
    let (filters, len) = (g.group_filters(), g.filter_len());
    let groups = blocks.chunks_exact(blocks.len() / g.groups).zip(dw.chunks_exact_mut(filters * len));
    groups.for_each(|(sums, dw)| scatter(len, filters, sums, step, dw));
    steps.iter().sum()
}

/// Adds all parts to the first, in order.
fn add(workers: &Workers, parts: &mut [f32], part_len: usize) {
    /// Small enough for a part's stretch to stay in the L1 cache.
    const STRETCH: usize = 4096;
    let (first, others) = parts.split_at_mut(part_len.min(parts.len()));
    workers.chunks(first, STRETCH, |index, sums| {
        for part in others.chunks_exact(part_len) {
            sums.iter_mut().zip(&part[index * STRETCH..]).for_each(|(sum, value)| *sum += value);
        }
    });
}
