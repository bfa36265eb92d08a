//! Weight gradients by blocks of filters, or by positions of turned tiles: first the operands of the whole batch, then each
//! block or position over all of them.

use super::super::weight_gradient::Gather;
use super::super::winograd::{self, Grid, Turned};
use super::super::{ConvOp, GradMode};
use super::unit::Into;
use super::{Shared, Unit, scatter};
use crate::kernels::lanes::{Kernel, Lanes, dispatch};
use crate::parallel::Scratch;

/// Images of one unit; even, so that bf16 has pairs.
pub(super) const IMAGES: usize = 4;

/// Elements of the operands that a tile runs over before it adds to its sums: a fraction of an L2 cache, which
/// holds a block's sums too.
const OPERANDS: usize = 1 << 16;

/// All passes; returns the gradient of the input's step.
pub(super) fn run(op: &ConvOp, shared: &Shared<'_>, dx: &mut [f32], sums: &mut [f32], dw: &mut [f32]) -> f64 {
    let (g, workers) = (shared.geometry, shared.workers);
    let batch = shared.dy.len() / g.output.len();
    // With tiles a unit is one stretch of turned ones.
    let tiles = shared.grid.map(|grid| (grid, shared.slots(&grid, IMAGES, 0).room));
    let (images, lens) = match tiles {
        Some((grid, room)) => (IMAGES, grid.slot_lens(room)),
        None => (shared.together(), [shared.gather.image_len, shared.vectors_len()]),
    };
    // Every slot of a whole unit is written, but what a smaller one leaves has to be zero.
    let at_hand = shared.images_at_hand().min(IMAGES);
    let whole = tiles.is_some() && batch.is_multiple_of(IMAGES) && IMAGES.is_multiple_of(at_hand);
    let mut kept = lens.map(|len| {
        let len = batch.div_ceil(images) * len;
        if whole { workers.room(len) } else { workers.scratch(len) }
    });
    let mut steps = vec![0.0f64; batch.div_ceil(IMAGES)];
    {
        let [operands, vectors] = &mut kept;
        let chunk = IMAGES / images;
        let operands = operands.chunks_mut(chunk * lens[0]);
        let into = operands.zip(vectors.chunks_mut(chunk * lens[1])).map(|(operands, vectors)| Into::Operands {
            operands: bytemuck::cast_slice_mut(operands),
            vectors: bytemuck::cast_slice_mut(vectors),
        });
        let mut units: Vec<_> = Unit::split(shared, IMAGES, dx, sums, into).zip(&mut steps).collect();
        workers.chunks(&mut units, 1, |_, units| {
            for (unit, step) in units {
                **step = dispatch(op.isa, op.precision, unit);
            }
        });
    }
    let (filters, len) = (g.group_filters(), g.filter_len());
    let step = shared.x.levels.map_or(1.0, |levels| levels.step);
    if let Some((grid, room)) = tiles {
        let mut sums = workers.room(grid.sums_len());
        workers.chunks(&mut sums, grid.position_len(), |position, sums| {
            let [inputs, gradients] = [&kept[0], &kept[1]].map(|kept| bytemuck::cast_slice(kept));
            let turned = Turned { inputs, gradients, lens, room };
            dispatch(op.isa, op.precision, Position { grid, turned, position, sums: sums.as_chunks_mut().0 });
        });
        winograd::turned_back(op, workers, grid, &sums, step, dw);
        return steps.iter().sum();
    }
    // Two blocks of filters at a time, where there are two.
    let groups = dw.chunks_mut(filters * len).enumerate();
    let mut pairs: Vec<_> = groups
        .flat_map(|(group, dw)| {
            let first = group * shared.gather.group_blocks;
            dw.chunks_mut(32 * len).enumerate().map(move |(pair, dw)| (first + 2 * pair, dw))
        })
        .collect();
    workers.chunks(&mut pairs, 1, |_, pairs| {
        for (block, dw) in pairs {
            let blocks = (dw.len() / len).div_ceil(16);
            let mut sums: Scratch<'_> = workers.scratch(blocks * shared.block_len());
            let sums = sums.as_chunks_mut().0;
            let [operands, vectors] = [&kept[0], &kept[1]].map(|kept| bytemuck::cast_slice(kept));
            let gather = &shared.gather;
            dispatch(op.isa, op.precision, Blocks { gather, lens, operands, vectors, first: *block, sums });
            scatter(len, 16, sums, step, dw);
        }
    });
    steps.iter().sum()
}

/// The weight gradient of some blocks of filters.
struct Blocks<'a> {
    gather: &'a Gather,
    /// Elements of one operand, and of its output gradients.
    lens: [usize; 2],
    operands: &'a [u32],
    vectors: &'a [u32],
    first: usize,
    sums: &'a mut [[f32; 16]],
}

impl Kernel for Blocks<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let together = (OPERANDS / self.lens[0]).max(1);
        let operands = self.operands.chunks(together * self.lens[0]);
        for (operands, vectors) in operands.zip(self.vectors.chunks(together * self.lens[1])) {
            self.gather.run(lanes, operands, vectors.as_chunks().0, self.first, self.sums);
        }
    }
}

/// The sums of one position of turned tiles.
struct Position<'a> {
    grid: Grid,
    turned: Turned<'a>,
    position: usize,
    sums: &'a mut [[f32; 16]],
}

impl Kernel for Position<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        self.grid.position(lanes, self.turned, self.position, self.sums, GradMode::Overwrite);
    }
}
