//! Weight gradients by blocks of filters: first the operands of the whole batch, then each block over all of them.

use super::super::ConvOp;
use super::super::weight_gradient::Gather;
use super::unit::Into;
use super::{Shared, Unit, scatter};
use crate::kernels::lanes::{Kernel, Lanes, dispatch};
use crate::parallel::Scratch;

/// Images of one unit; even, so that bf16 has pairs.
const IMAGES: usize = 4;

/// Elements of the operands that a tile runs over before it adds to its sums: a fraction of an L2 cache, which
/// holds a block's sums too.
const OPERANDS: usize = 1 << 16;

/// All passes; returns the gradient of the input's step.
pub(super) fn run(op: &ConvOp, shared: &Shared<'_>, dx: &mut [f32], sums: &mut [f32], dw: &mut [f32]) -> f64 {
    let (g, workers) = (shared.geometry, shared.workers);
    let batch = shared.dy.len() / g.output.len();
    let slots = batch.div_ceil(shared.together());
    let lens = [shared.gather.image_len, shared.vectors_len()];
    let mut kept = lens.map(|len| workers.scratch(slots * len));
    let mut steps = vec![0.0f64; batch.div_ceil(IMAGES)];
    {
        let [operands, vectors] = &mut kept;
        let chunk = IMAGES / shared.together();
        let operands = operands.chunks_mut(chunk * lens[0]);
        let into = operands.zip(vectors.chunks_mut(chunk * lens[1])).map(|(operands, vectors)| Into::Operands {
            operands: bytemuck::cast_slice_mut(operands),
            vectors: bytemuck::cast_slice_mut(vectors),
        });
        let mut units: Vec<_> = Unit::split(shared, IMAGES, dx, sums, into).zip(&mut steps).collect();
        workers.chunks(&mut units, 1, |_, units| {
            for (unit, step) in units {
                **step = dispatch(op.isa, shared.precision, unit);
            }
        });
    }
    let (filters, len) = (g.group_filters(), g.filter_len());
    let step = shared.x.levels.map_or(1.0, |levels| levels.step);
    let mut blocks: Vec<_> = dw.chunks_mut(filters * len).flat_map(|group| group.chunks_mut(16 * len)).collect();
    workers.chunks(&mut blocks, 1, |block, dw| {
        let mut sums: Scratch<'_> = workers.scratch(shared.block_len());
        let sums = sums.as_chunks_mut().0;
        let [operands, vectors] = [&kept[0], &kept[1]].map(|kept| bytemuck::cast_slice(kept));
        dispatch(op.isa, shared.precision, Block { gather: &shared.gather, lens, operands, vectors, block, sums });
        for dw in dw {
            scatter(len, 16, sums, step, dw);
        }
    });
    steps.iter().sum()
}

/// The weight gradient of one block of filters.
struct Block<'a> {
    gather: &'a Gather,
    /// Elements of one operand, and of its output gradients.
    lens: [usize; 2],
    operands: &'a [u32],
    vectors: &'a [u32],
    block: usize,
    sums: &'a mut [[f32; 16]],
}

impl Kernel for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let together = (OPERANDS / self.lens[0]).max(1);
        let operands = self.operands.chunks(together * self.lens[0]);
        for (operands, vectors) in operands.zip(self.vectors.chunks(together * self.lens[1])) {
            self.gather.block(lanes, operands, vectors.as_chunks().0, self.block, self.sums);
        }
    }
}
