//! The forward pass over a batch.

use super::operand::{Packing, Placement};
use super::pack::{Direction, pack};
use super::walk::Walk;
use super::{ChannelSums, ConvOp, Input, UNITS, Weights, plan, subgroup};
use crate::kernels::elementwise::reduce;
use crate::kernels::lanes::{Kernel, Lanes, dispatch};
use crate::parallel::Workers;
use syq_core::reference::effective_scales;

pub(super) fn run(op: &ConvOp, workers: &Workers, x: Input<'_>, w: Weights<'_>, z: &mut [f32]) -> ChannelSums {
    let g = &op.geometry;
    let mut scales = None;
    let mut granularity = None;
    let weights = match (w, x) {
        (Weights::Codes { codes, scales: alpha, granularity: of }, Input::Quantized { levels, .. }) => {
            scales = Some(effective_scales(alpha, levels.step));
            granularity = Some(of);
            pack(g, op.packing(), Direction::Forward, |j| f32::from(codes[j]))
        }
        (Weights::Codes { codes, scales, granularity }, Input::Float(_)) => {
            pack(g, op.packing(), Direction::Forward, |j| f32::from(codes[j]) * scales[subgroup(g, granularity, j)])
        }
        (Weights::Float(w), _) => pack(g, op.packing(), Direction::Forward, |j| w[j]),
    };
    let (placement, walks) = plan::forward(g, op.packing(), granularity);
    let (image_in, image_out, filters) = (g.input.len(), g.output.len(), g.filters());
    let batch = z.len() / image_out;
    let unit = batch.div_ceil(UNITS).max(1);
    let mut parts = vec![0.0f32; batch * 2 * filters];
    workers.chunk_pairs((z, &mut parts), [unit * image_out, unit * 2 * filters], |index, z, parts| {
        let first = index * unit * image_in;
        let values = &x.values()[first..first + z.len() / image_out * image_in];
        let kernel = Unit {
            packing: op.packing(),
            placement,
            walks: &walks,
            weights: &weights,
            scales: scales.as_deref(),
            x,
            values,
            filters,
            z,
            parts,
        };
        dispatch(op.isa, op.precision, kernel);
    });
    let [sum, sum_of_squares] = reduce(&parts, filters);
    ChannelSums { sum, sum_of_squares }
}

/// Some images of a batch.
struct Unit<'a> {
    packing: Packing,
    placement: Placement,
    walks: &'a [Walk],
    weights: &'a [Vec<[u32; 16]>],
    scales: Option<&'a [f32]>,
    x: Input<'a>,
    values: &'a [f32],
    filters: usize,
    z: &'a mut [f32],
    parts: &'a mut [f32],
}

impl Kernel for Unit<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let mut operand = vec![0u32; self.placement.len(self.packing)];
        let images = self.parts.len() / (2 * self.filters);
        let parts = self.parts.chunks_exact_mut(2 * self.filters);
        let outputs = self.z.chunks_exact_mut(self.z.len() / images.max(1));
        for ((image, z), part) in self.values.chunks_exact(self.values.len() / images.max(1)).zip(outputs).zip(parts) {
            match (self.x, self.scales) {
                (Input::Float(_), _) => self.placement.write(self.packing, image, &mut operand, |x| x),
                (Input::Quantized { levels, .. }, Some(_)) => {
                    self.placement.write(self.packing, image, &mut operand, |x| f32::from(levels.code(x)));
                }
                (Input::Quantized { levels, .. }, None) => {
                    self.placement.write(self.packing, image, &mut operand, |x| levels.value(levels.code(x)));
                }
            }
            for (walk, weights) in self.walks.iter().zip(self.weights) {
                walk.run(lanes, &operand, weights, self.scales, z);
            }
            let (sum, squares) = part.split_at_mut(self.filters);
            for pixel in z.chunks_exact(self.filters) {
                for ((s, q), z) in sum.iter_mut().zip(squares.iter_mut()).zip(pixel) {
                    *s += z;
                    *q += z * z;
                }
            }
        }
    }
}
