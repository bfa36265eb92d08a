//! The backward pass over a batch: weight gradient and input gradient of each image while it is in
//! the cache, the quantizer's straight-through rule included.

use super::operand::{Code, Packing, Placement, Plain, filter_vectors, filter_vectors_of_two};
use super::pack::{Direction, floats, pack};
use super::plan::Pass;
use super::straight_through::PassOn;
use super::weight_gradient::Gather;
use super::{BackwardSums, ConvOp, GradMode, Input, InputGradient, OutputGradient, Producer, Weights, plan};
use crate::kernels::elementwise::{Factors, reduce};
use crate::kernels::isa::Precision;
use crate::kernels::lanes::{Kernel, Lanes, dispatch};
use crate::parallel::Workers;
use syq_core::ConvGeometry;

/// Parts that a batch is divided into, each with weight gradients of its own; fixed, so that these do
/// not depend on the threads.
const PARTS: usize = 8;

/// Elements of the parts together, where that is more than two parts: they are not to fill the memory.
const PART_ELEMENTS: usize = 1 << 24;

/// Elements of the operands and gradients that a weight gradient's tile runs over: a fraction of an L2 cache.
const SLOT_ELEMENTS: usize = 1 << 15;

/// What the units of a batch share.
struct Shared<'a> {
    geometry: &'a ConvGeometry,
    packing: Packing,
    precision: Precision,
    input: Placement,
    gather: Gather,
    data: Option<Data>,
    x: Input<'a>,
    dy: &'a [f32],
    /// Repeated factors, and z.
    normalized: Option<(Factors, &'a [f32])>,
    mode: GradMode,
    producer: Option<Producer<'a>>,
    workers: &'a Workers,
}

/// Backward-data.
struct Data {
    placement: Placement,
    passes: Vec<(Pass, Vec<[u32; 16]>)>,
}

impl Data {
    /// The gradient of one image's convolution operand.
    #[inline(always)]
    fn run<L: Lanes>(&self, lanes: L, operand: &[u32], gradient: &mut [f32]) {
        for (pass, weights) in &self.passes {
            let each = weights.len() / self.placement.groups;
            for group in 0..self.placement.groups {
                let [from, to] = pass.group_step.map(|step| step * group);
                let weights = &weights[group * each..][..each];
                pass.walk.run(lanes, &operand[from..], weights, None, &mut gradient[to..], &mut []);
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
    let data = dx.is_some().then(|| {
        let (placement, passes) = plan::backward_data(g, op.packing());
        let weights = floats(g, w, true);
        let packed = passes.into_iter().map(|pass| {
            let packed = pack(op, Direction::Backward, &pass.taps, &weights);
            (pass, packed)
        });
        Data { placement, passes: packed.collect() }
    });
    let (input, gather) = plan::weight_gradient(g);
    let InputGradient { mut dx, mode, producer } =
        dx.unwrap_or(InputGradient { dx: &mut [], mode: GradMode::Overwrite, producer: None });
    let normalized = dz.normalized.map(|(factors, z)| (factors.repeated(), z));
    let (packing, precision) = (op.packing(), op.precision);
    let shared = Shared {
        geometry: g,
        packing,
        precision,
        input,
        gather,
        data,
        x,
        dy: dz.dy,
        normalized,
        mode,
        producer,
        workers,
    };
    let batch = dz.dy.len() / g.output.len();
    let part_len = g.groups * g.group_filters().next_multiple_of(16) * g.filter_len();
    // At least two images, so that bf16 has pairs.
    let images = batch.div_ceil((PART_ELEMENTS / part_len).clamp(2, PARTS)).max(2);
    let mut parts = workers.scratch(batch.div_ceil(images) * part_len);
    let mut steps = vec![0.0f64; batch.div_ceil(images)];
    let sums_len = if producer.is_some() { 2 * g.input.channels } else { 0 };
    let mut channel_sums = workers.scratch(batch * sums_len);
    let dx_len = if dx.is_empty() { 0 } else { g.input.len() };
    let mut units = Vec::with_capacity(steps.len());
    let mut sums = &mut channel_sums[..];
    for (index, (weights, step)) in parts.chunks_exact_mut(part_len).zip(&mut steps).enumerate() {
        let images = index * images..((index + 1) * images).min(batch);
        let now;
        (now, dx) = dx.split_at_mut(images.len() * dx_len);
        let channels;
        (channels, sums) = sums.split_at_mut(images.len() * sums_len);
        let weights = weights.as_chunks_mut::<16>().0;
        units.push((Unit { shared: &shared, images, dx: now, weights, channels }, step));
    }
    workers.chunks(&mut units, 1, |_, units| {
        for (unit, step) in units {
            **step = dispatch(op.isa, precision, unit);
        }
    });
    drop(units);
    let step = x.levels.map_or(1.0, |levels| levels.step);
    add_parts(workers, &mut parts, part_len);
    scatter(g, parts[..part_len].as_chunks::<16>().0, step, dw);
    let producer = producer.map(|_| reduce(&channel_sums, g.input.channels));
    BackwardSums { step: steps.iter().sum(), producer }
}

/// Adds all parts to the first, in order.
fn add_parts(workers: &Workers, parts: &mut [f32], part_len: usize) {
    /// Small enough for a part's stretch to stay in the L1 cache.
    const STRETCH: usize = 4096;
    let (first, others) = parts.split_at_mut(part_len.min(parts.len()));
    workers.chunks(first, STRETCH, |index, sums| {
        for part in others.chunks_exact(part_len) {
            sums.iter_mut().zip(&part[index * STRETCH..]).for_each(|(sum, value)| *sum += value);
        }
    });
}

/// Brings `[group][block][window element][16]` into the order of the weights; the operand held codes,
/// so the step is still to come.
fn scatter(g: &ConvGeometry, sums: &[[f32; 16]], step: f32, dw: &mut [f32]) {
    let (len, filters) = (g.filter_len(), g.group_filters());
    let blocks = filters.div_ceil(16);
    for (filter, dw) in dw.chunks_exact_mut(len).enumerate() {
        let (group, filter) = (filter / filters, filter % filters);
        let sums = &sums[(group * blocks + filter / 16) * len..];
        dw.iter_mut().zip(sums).for_each(|(dw, sum)| *dw = step * sum[filter % 16]);
    }
}

/// Some images of a batch.
struct Unit<'a> {
    shared: &'a Shared<'a>,
    images: std::ops::Range<usize>,
    dx: &'a mut [f32],
    /// The part's weight gradients.
    weights: &'a mut [[f32; 16]],
    /// Σ dx and Σ dx·z of each image's channels.
    channels: &'a mut [f32],
}

impl Kernel for &mut Unit<'_> {
    /// The step's gradient.
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> f64 {
        let s = self.shared;
        let g = s.geometry;
        let (image_in, image_out) = (g.input.len(), g.output.len());
        let together = if s.precision == Precision::Bf16 { 2 } else { 1 };
        let operand_len = s.gather.image_len;
        let vectors_len = g.output.height * g.output.width * g.groups * g.group_filters().next_multiple_of(16);
        // Each tile of the weight gradient runs over several small images, as many as fit the cache.
        let slots = (SLOT_ELEMENTS / (operand_len + vectors_len)).clamp(1, 8);
        let mut operands = s.workers.scratch(slots * operand_len);
        let operands: &mut [u32] = bytemuck::cast_slice_mut(&mut operands);
        let in_place = s.precision == Precision::F32 && g.group_filters().is_multiple_of(16);
        let mut vectors = s.workers.scratch(if in_place { 0 } else { slots * vectors_len });
        let vectors: &mut [u32] = bytemuck::cast_slice_mut(&mut vectors);
        let data_len = s.data.as_ref().map_or(0, |data| data.placement.len(s.packing));
        let mut data_operand = s.workers.scratch(data_len);
        let data_operand: &mut [u32] = bytemuck::cast_slice_mut(&mut data_operand);
        let mut fresh = s.workers.scratch(if s.data.is_some() { image_in } else { 0 });
        // Inputs and gradients that are still to be computed, of the images at hand.
        let mut xs = s.workers.scratch(if s.x.affine.is_some() { slots * together * image_in } else { 0 });
        let mut dzs = s.workers.scratch(if s.normalized.is_some() { slots * together * image_out } else { 0 });
        let mut step = 0.0;
        for first in self.images.clone().step_by(slots * together) {
            let end = (first + slots * together).min(self.images.end);
            let slots = (end - first).div_ceil(together);
            let (stored, from) = (&s.x.values[first * image_in..end * image_in], first * image_out..end * image_out);
            let x = match s.x.affine {
                Some(affine) => affine.apply(lanes, stored, &mut xs[..stored.len()]),
                None => stored,
            };
            let dz = match &s.normalized {
                Some((factors, z)) => {
                    let dz = &mut dzs[..from.len()];
                    factors.apply(lanes, &z[from.clone()], &s.dy[from], dz);
                    &*dz
                }
                None => &s.dy[from],
            };
            let x = |image: usize| &x[(image - first) * image_in..][..image_in];
            let dz_of = |image: usize| &dz[(image - first) * image_out..][..image_out];
            for slot in 0..slots {
                let operand = &mut operands[slot * operand_len..][..operand_len];
                let image = first + slot * together;
                let last = (image + together).min(end) - 1;
                match (s.x.levels, s.precision) {
                    (None, Precision::F32) => s.input.write(lanes, Packing::Single, x(image), operand, Plain),
                    (Some(levels), Precision::F32) => {
                        s.input.write(lanes, Packing::Single, x(image), operand, Code(levels));
                    }
                    (None, Precision::Bf16) => s.input.write_two(lanes, [x(image), x(last)], operand, Plain),
                    (Some(levels), Precision::Bf16) => {
                        s.input.write_two(lanes, [x(image), x(last)], operand, Code(levels));
                    }
                }
                if in_place {
                    continue;
                }
                let vectors = &mut vectors[slot * vectors_len..][..vectors_len];
                match s.precision {
                    Precision::F32 => filter_vectors(g.group_filters(), dz_of(image), vectors),
                    Precision::Bf16 => {
                        filter_vectors_of_two(lanes, g.group_filters(), [dz_of(image), dz_of(last)], vectors);
                        if image == last {
                            // The last of an odd number is paired with itself: its second gradient is zero.
                            vectors.iter_mut().for_each(|pair| *pair &= 0xffff);
                        }
                    }
                }
            }
            let gradients = if in_place { bytemuck::cast_slice(dz) } else { &vectors[..slots * vectors_len] };
            s.gather.run(lanes, operands, gradients.as_chunks::<16>().0, self.weights);
            let Some(data) = &s.data else { continue };
            for image in first..end {
                data.placement.write(lanes, s.packing, dz_of(image), data_operand, Plain);
                let index = image - self.images.start;
                let dx = &mut self.dx[index * image_in..][..image_in];
                if s.x.levels.is_none() && s.mode == GradMode::Overwrite && s.producer.is_none() {
                    data.run(lanes, data_operand, dx);
                    continue;
                }
                data.run(lanes, data_operand, &mut fresh);
                let producer = s.producer.map(|p| Producer { z: &p.z[image * image_in..][..image_in], ..p });
                let sums_len = if producer.is_some() { 2 * g.input.channels } else { 0 };
                let sums = &mut self.channels[index * sums_len..][..sums_len];
                let (levels, mode) = (s.x.levels, s.mode);
                step += PassOn { levels, x: x(image), gradient: &fresh, dx, mode, producer, sums }.run();
            }
        }
        step
    }
}
