//! The forward pass over a batch.

use super::operand::{Code, Dequantized, Packing, Placement, Plain, Value};
use super::pack::{Direction, floats, pack_codes, room};
use super::plan::Pass;
use super::walk::{Codes, Floats};
use super::winograd::Grid;
use super::{ChannelSums, ConvOp, Input, Weights, plan, winograd};
use crate::kernels::elementwise::ChannelAffine;
use crate::kernels::lanes::{Kernel, Lanes, dispatch};
use crate::parallel::{Scratch, Workers};
use syq_core::reference::effective_scales;
use syq_core::{ConvGeometry, Granularity};

/// Images of one unit of work. Outputs do not depend on it; sums go by image.
const UNIT: usize = 4;

pub(super) fn run(op: &ConvOp, workers: &Workers, x: Input<'_>, w: Weights<'_>, z: &mut [f32]) -> ChannelSums {
    let g = &op.geometry;
    // Where both sides have codes their sums are exact, and the contract is about them. Bytes hold those of weights −1, 0
    // and +1 with unsigned codes.
    let (packing, exact) = match (w, x.levels) {
        (Weights::Codes { scales, granularity, .. }, Some(levels)) if levels.zero == 0 => {
            (Packing::CodeQuads, Some((effective_scales(scales, levels.step), granularity)))
        }
        (Weights::Integers(_), Some(levels)) => {
            (op.packing(), Some((effective_scales(&[1.0], levels.step), Granularity::Layer)))
        }
        _ => (op.packing(), None),
    };
    let (placement, pass) = plan::forward(g, packing, exact.as_ref().map(|(_, granularity)| *granularity));
    let float = matches!(w, Weights::Float(_)) && x.levels.is_none();
    let grid = Grid::of(op, &placement, 0, g.output).filter(|_| float);
    // Maps are turned in f32.
    let packing = if grid.is_some() { Packing::Single } else { packing };
    let weights = match (packing, w) {
        (Packing::CodeQuads, Weights::Codes { codes, .. }) => pack_codes(g, workers, codes),
        _ => {
            let mut made = room(workers, g, w);
            let weights = floats(workers, g, w, &mut made);
            winograd::packed(op, workers, Direction::Forward, &pass.taps, weights, grid)
        }
    };
    let scales = exact.map(|(scales, _)| scales);
    let batch = z.len() / g.output.len();
    let blocks = g.groups * g.group_filters().div_ceil(16);
    let mut moments = workers.scratch(batch * blocks * 32);
    let shared = Shared { geometry: g, packing, placement, pass, weights, grid, scales, x, workers };
    workers.chunk_pairs((z, &mut moments), [UNIT * g.output.len(), UNIT * blocks * 32], |index, z, moments| {
        let unit = Unit { shared: &shared, first: index * UNIT, z, moments: bytemuck::cast_slice_mut(moments) };
        dispatch(op.isa, op.precision, unit);
    });
    channel_sums(g, bytemuck::cast_slice(&moments))
}

/// Adds the images' moments in order.
fn channel_sums(g: &ConvGeometry, moments: &[[[f32; 16]; 2]]) -> ChannelSums {
    let blocks = g.group_filters().div_ceil(16);
    let mut sums = vec![[[0.0f64; 16]; 2]; g.groups * blocks];
    for image in moments.chunks_exact(sums.len()) {
        for (sum, moment) in sums.as_flattened_mut().iter_mut().zip(image.as_flattened()) {
            sum.iter_mut().zip(moment).for_each(|(sum, moment)| *sum += f64::from(*moment));
        }
    }
    let of = |which: usize| {
        let block = |filter: usize| filter / g.group_filters() * blocks + filter % g.group_filters() / 16;
        (0..g.filters()).map(|filter| sums[block(filter)][which][filter % g.group_filters() % 16]).collect()
    };
    ChannelSums { sum: of(0), sum_of_squares: of(1) }
}

/// What the units of a batch share.
struct Shared<'a> {
    geometry: &'a ConvGeometry,
    packing: Packing,
    placement: Placement,
    pass: Pass,
    weights: Scratch<'a>,
    /// If it goes by tiles; the weights are turned then.
    grid: Option<Grid>,
    scales: Option<Vec<f32>>,
    x: Input<'a>,
    workers: &'a Workers,
}

impl Shared<'_> {
    /// The operand of one image, `computed` while it is read or first written to `y` where an affine is still to come.
    #[inline(always)]
    fn operand<L: Lanes>(
        &self,
        lanes: L,
        computed: Option<&ChannelAffine>,
        image: &[f32],
        y: &mut [f32],
        operand: &mut [u32],
        value: impl Value,
    ) {
        let image = match (self.x.affine, computed) {
            (Some(_), Some(affine)) => {
                let (rows, image) = (self.geometry.input.height, affine.source(image));
                return self.placement.write_computed(lanes, self.packing, rows, image, operand, value);
            }
            (Some(affine), None) => affine.apply(lanes, image, y),
            (None, _) => image,
        };
        self.placement.write(lanes, self.packing, image, operand, value);
    }
}

/// Some images of a batch.
struct Unit<'a> {
    shared: &'a Shared<'a>,
    first: usize,
    z: &'a mut [f32],
    /// `[image][group][block]`: Σ z and Σ z² of 16 filters.
    moments: &'a mut [[[f32; 16]; 2]],
}

impl Kernel for Unit<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let s = self.shared;
        let g = s.geometry;
        let (image_in, image_out) = (g.input.len(), g.output.len());
        let together = s.grid.map_or(1, |grid| grid.images());
        let operand_len = s.placement.len(s.packing);
        let mut operands = s.workers.scratch(together * operand_len);
        let operands: &mut [u32] = bytemuck::cast_slice_mut(&mut operands);
        let computed = s.x.affine.filter(|_| s.placement.has_whole_blocks());
        let stored = s.x.affine.is_some() && computed.is_none();
        let mut y = s.workers.room(if stored { image_in } else { 0 });
        let mut turned = s.workers.room(s.grid.map_or(0, |grid| grid.turned_len()));
        let turned: &mut [u32] = bytemuck::cast_slice_mut(&mut turned);
        let weights: &[[u32; 16]] = bytemuck::cast_slice(&s.weights);
        let blocks = g.groups * g.group_filters().div_ceil(16);
        let inputs = s.x.values[self.first * image_in..].chunks(together * image_in);
        let outputs = self.z.chunks_mut(together * image_out).zip(self.moments.chunks_mut(together * blocks));
        for (inputs, (z, moments)) in inputs.zip(outputs) {
            let images = inputs.chunks_exact(image_in).take(z.len() / image_out);
            for (image, operand) in images.zip(operands.chunks_exact_mut(operand_len)) {
                match (s.x.levels, &s.scales) {
                    (None, _) => s.operand(lanes, computed, image, &mut y, operand, Plain),
                    (Some(levels), Some(_)) => s.operand(lanes, computed, image, &mut y, operand, Code(levels)),
                    (Some(levels), None) => s.operand(lanes, computed, image, &mut y, operand, Dequantized(levels)),
                }
            }
            if let Some(grid) = &s.grid {
                grid.run(lanes, bytemuck::cast_slice(operands), weights, turned, z, moments);
                continue;
            }
            let weights = weights.chunks_exact(weights.len() / g.groups);
            for (group, (weights, moments)) in weights.zip(moments.chunks_exact_mut(blocks / g.groups)).enumerate() {
                let [from, to] = s.pass.group_step.map(|step| step * group);
                let (walk, operand, z) = (&s.pass.walk, &operands[from..], &mut z[to..]);
                let scales = s.scales.as_deref();
                match s.packing {
                    Packing::CodeQuads => walk.run::<L, Codes>(lanes, operand, weights, scales, z, moments),
                    _ => walk.run::<L, Floats>(lanes, operand, weights, scales, z, moments),
                }
            }
        }
    }
}
