//! The backward pass over a batch: weight gradient and input gradient of each image while it is in
//! the cache, the quantizer's straight-through rule included.
//!
//! Small weight gradients are summed by parts of the batch, large ones by blocks of filters: several copies of
//! these would fill the memory and cost more than the arithmetic.

mod filters;
mod parts;
mod unit;

use super::operand::{Packing, Placement};
use super::pack::{Direction, floats, room};
use super::plan::Pass;
use super::walk::Floats;
use super::weight_gradient::Gather;
use super::winograd::{Grid, Slots};
use super::{BackwardSums, ConvOp, GradMode, Input, InputGradient, OutputGradient, Producer, Weights, plan, winograd};
use crate::kernels::elementwise::{Factors, reduce};
use crate::kernels::isa::Precision;
use crate::kernels::lanes::Lanes;
use crate::parallel::{Scratch, Workers};
use std::ops::Range;
use syq_core::ConvGeometry;
use unit::Unit;

/// Elements of a weight gradient from which on it is summed by filters.
const BY_FILTERS: usize = 1 << 18;

/// Elements of the operands and gradients that a weight gradient's tile runs over: a fraction of an L2 cache.
const SLOT_ELEMENTS: usize = 1 << 15;

/// What the units of a batch share.
struct Shared<'a> {
    geometry: &'a ConvGeometry,
    /// Of the operands of backward-data.
    packing: Packing,
    /// Of the operands of the weight gradient.
    precision: Precision,
    input: Placement,
    gather: Gather,
    /// If the weight gradient goes by tiles.
    grid: Option<Grid>,
    /// Where the output gradients stand in the operand of backward-data.
    gradients: Placement,
    data: Option<Data<'a>>,
    x: Input<'a>,
    dy: &'a [f32],
    /// Repeated factors, and z.
    normalized: Option<(Factors, &'a [f32])>,
    mode: GradMode,
    producer: Option<Producer<'a>>,
    workers: &'a Workers,
}

impl Shared<'_> {
    /// Images of which one operand of the weight gradient consists.
    fn together(&self) -> usize {
        self.precision.products()
    }

    /// Images whose operands are made before they are multiplied: several small ones, as many as fit the cache.
    fn images_at_hand(&self) -> usize {
        let slots = (SLOT_ELEMENTS / (self.gather.image_len + self.vectors_len())).clamp(1, 8);
        (slots * self.together()).max(self.grid.map_or(1, |grid| grid.images()))
    }

    /// The slots of a unit of `images` images in which its operands are kept, and that of the `index`th ones at hand.
    fn slots(&self, grid: &Grid, images: usize, index: usize) -> Slots {
        let at_hand = self.images_at_hand().min(images);
        Slots { room: images.div_ceil(at_hand) * grid.slots(at_hand), first: index * grid.slots(at_hand) }
    }

    /// Elements of a part's weight gradient.
    fn part_len(&self) -> usize {
        self.grid.map_or(self.gather.blocks() * self.block_len(), |grid| grid.sums_len())
    }

    /// Elements of the weight gradient of one block of filters.
    fn block_len(&self) -> usize {
        self.geometry.filter_len() * 16
    }

    /// Elements of the output gradients of one operand, as vectors of filters.
    fn vectors_len(&self) -> usize {
        let g = self.geometry;
        g.output.height * g.output.width * g.groups * g.group_filters().next_multiple_of(16)
    }

    /// Whether the output gradients are read where they are.
    fn in_place(&self) -> bool {
        self.precision == Precision::F32 && self.geometry.group_filters().is_multiple_of(16)
    }

    /// Values of each image's sums of the producer's channels.
    fn sums_len(&self) -> usize {
        if self.producer.is_some() { 2 * self.geometry.input.channels } else { 0 }
    }
}

/// Backward-data.
struct Data<'a> {
    groups: usize,
    passes: Vec<(Pass, Scratch<'a>)>,
    /// If it goes by tiles; there is one pass then, and its weights are turned.
    grid: Option<Grid>,
}

impl Data<'_> {
    /// Images that are taken together.
    fn images(&self) -> usize {
        self.grid.map_or(1, |grid| grid.images())
    }

    /// Elements of its turned operand.
    fn turned_len(&self) -> usize {
        self.grid.map_or(0, |grid| grid.turned_len())
    }

    /// The gradient of the convolution operands of at most [`Self::images`] images; `turned` is room for
    /// [`Self::turned_len`] elements.
    #[inline(always)]
    fn run<L: Lanes>(&self, lanes: L, operand: &[u32], turned: &mut [u32], gradient: &mut [f32]) {
        for (pass, weights) in &self.passes {
            let weights: &[[u32; 16]] = bytemuck::cast_slice(weights);
            if let Some(grid) = &self.grid {
                grid.run(lanes, bytemuck::cast_slice(operand), weights, turned, gradient, &mut []);
                continue;
            }
            let each = weights.len() / self.groups;
            for group in 0..self.groups {
                let [from, to] = pass.group_step.map(|step| step * group);
                let weights = &weights[group * each..][..each];
                pass.walk.run::<L, Floats>(lanes, &operand[from..], weights, None, &mut gradient[to..], &mut []);
            }
        }
    }
}

pub(super) fn run(
    op: &ConvOp,
    workers: &Workers,
    x: Input<'_>,
    w: Weights<'_>,
    dz: OutputGradient<'_>,
    dx: Option<InputGradient<'_>>,
    dw: &mut [f32],
) -> BackwardSums {
    let g = &op.geometry;
    let (gradients, passes) = plan::backward_data(g, Packing::Single);
    let first = passes.first().and_then(|pass| pass.walk.windows.first());
    let grid = first.and_then(|[origin, _]| Grid::of(op, &gradients, *origin, g.input));
    // Maps are turned in f32.
    let packing = if grid.is_some() { Packing::Single } else { op.packing() };
    let passes = if packing == Packing::Single { passes } else { plan::backward_data(g, packing).1 };
    let data = dx.is_some().then(|| {
        let mut made = room(workers, g, w);
        let weights = floats(workers, g, w, &mut made);
        let packed = passes.into_iter().map(|pass| {
            let packed = winograd::packed(op, workers, Direction::Backward, &pass.taps, weights, grid);
            (pass, packed)
        });
        Data { groups: g.groups, passes: packed.collect(), grid }
    });
    let (input, gather) = plan::weight_gradient(g);
    let by_filters = g.weights() >= BY_FILTERS;
    let grid = Grid::of(op, &input, 0, g.output);
    let precision = if grid.is_some() { Precision::F32 } else { op.precision };
    let InputGradient { dx, mode, producer } =
        dx.unwrap_or(InputGradient { dx: &mut [], mode: GradMode::Overwrite, producer: None });
    let normalized = dz.normalized.map(|(factors, z)| (factors.repeated(), z));
    let shared = Shared {
        geometry: g,
        packing,
        precision,
        input,
        gather,
        grid,
        gradients,
        data,
        x,
        dy: dz.dy,
        normalized,
        mode,
        producer,
        workers,
    };
    let batch = dz.dy.len() / g.output.len();
    let mut sums = workers.scratch(batch * shared.sums_len());
    let step = if by_filters {
        filters::run(op, &shared, dx, &mut sums, dw)
    } else {
        parts::run(op, &shared, dx, &mut sums, dw)
    };
    let producer = producer.map(|_| reduce(&sums, g.input.channels));
    BackwardSums { step, producer }
}

/// Brings `[block][window element][16]` into the order of the weights, `dw`, whose filters come
/// `filters` a block; the operand held codes, so the step is still to come.
pub(super) fn scatter(len: usize, filters: usize, sums: &[[f32; 16]], step: f32, dw: &mut [f32]) {
    for (dw, sums) in dw.chunks_mut(filters.min(16) * len).zip(sums.chunks_exact(len)) {
        for (lane, dw) in dw.chunks_exact_mut(len).enumerate() {
            dw.iter_mut().zip(sums).for_each(|(dw, sum)| *dw = step * sum[lane]);
        }
    }
}
