//! The backward pass over a batch: weight gradient and input gradient of each image while it is in
//! the cache, the quantizer's straight-through rule included.

use super::operand::{Packing, Placement, code, couple};
use super::pack::{Direction, floats, pack};
use super::plan::Pass;
use super::weight_gradient::Gather;
use super::{ConvOp, GradMode, Input, Weights, plan};
use crate::kernels::isa::Precision;
use crate::kernels::lanes::{Kernel, Lanes, dispatch};
use crate::parallel::Workers;
use syq_core::ConvGeometry;

/// Parts that a batch is divided into, each with weight gradients of its own; fixed, so that these do
/// not depend on the threads.
const PARTS: usize = 8;

/// What the units of a batch share.
struct Shared<'a> {
    geometry: &'a ConvGeometry,
    packing: Packing,
    precision: Precision,
    input: Placement,
    gather: Gather,
    data: Option<Data>,
    x: Input<'a>,
    mode: GradMode,
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
    dz: &[f32],
    dx: Option<(&mut [f32], GradMode)>,
    dw: &mut [f32],
) -> f64 {
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
    let (dx, mode) = dx.unwrap_or((&mut [], GradMode::Overwrite));
    let precision = op.precision;
    let shared = Shared { geometry: g, packing: op.packing(), precision, input, gather, data, x, mode, workers };
    let batch = dz.len() / g.output.len();
    let images = batch.div_ceil(PARTS).max(1);
    let part_len = g.groups * g.group_filters().div_ceil(16) * g.filter_len() * 16;
    let mut parts = workers.scratch(batch.div_ceil(images) * part_len);
    let mut steps = vec![0.0f64; batch.div_ceil(images)];
    let work = |index: usize, dx: &mut [f32], sums: &mut [f32], step: &mut f64| {
        let images = index * images..((index + 1) * images).min(batch);
        let sums = sums.as_chunks_mut::<16>().0;
        *step = dispatch(op.isa, precision, Unit { shared: &shared, dz, images, dx, sums });
    };
    let dx_len = if dx.is_empty() { 0 } else { images * g.input.len() };
    let mut units = Vec::with_capacity(steps.len());
    let mut dx = dx;
    for (sums, step) in parts.chunks_exact_mut(part_len).zip(&mut steps) {
        let (now, later) = dx.split_at_mut(dx_len.min(dx.len()));
        dx = later;
        units.push((now, sums, step));
    }
    workers.chunks(&mut units, 1, |index, unit| {
        for (dx, sums, step) in unit {
            work(index, dx, sums, step);
        }
    });
    let step = match x {
        Input::Float(_) => 1.0,
        Input::Quantized { levels, .. } => levels.step,
    };
    add_parts(workers, &mut parts, part_len);
    scatter(g, parts[..part_len].as_chunks::<16>().0, step, dw);
    steps.iter().sum()
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
    dz: &'a [f32],
    images: std::ops::Range<usize>,
    dx: &'a mut [f32],
    sums: &'a mut [[f32; 16]],
}

impl Kernel for Unit<'_> {
    /// The step's gradient.
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> f64 {
        let s = self.shared;
        let g = s.geometry;
        let (image_in, image_out) = (g.input.len(), g.output.len());
        let blocks = g.groups * g.group_filters().div_ceil(16);
        let mut operand = s.workers.scratch(s.input.len(Packing::Single));
        let operand: &mut [u32] = bytemuck::cast_slice_mut(&mut operand);
        let mut vectors = s.workers.scratch(g.output.height * g.output.width * blocks * 16);
        let vectors: &mut [u32] = bytemuck::cast_slice_mut(&mut vectors);
        let data_len = s.data.as_ref().map_or(0, |data| data.placement.len(s.packing));
        let mut data_operand = s.workers.scratch(data_len);
        let data_operand: &mut [u32] = bytemuck::cast_slice_mut(&mut data_operand);
        let mut fresh = s.workers.scratch(if s.data.is_some() { image_in } else { 0 });
        let together = if s.precision == Precision::Bf16 { 2 } else { 1 };
        let mut step = 0.0;
        for first in self.images.clone().step_by(together) {
            let end = (first + together).min(self.images.end);
            let x = |image: usize| &s.x.values()[image * image_in..][..image_in];
            let dz = |image: usize| &self.dz[image * image_out..][..image_out];
            let gradients = if together == 2 {
                let images = [x(first), x(end - 1)];
                match s.x {
                    Input::Float(_) => s.input.write_two(lanes, images, operand, |x| x),
                    Input::Quantized { levels, .. } => {
                        s.input.write_two(lanes, images, operand, |x| code(levels, x));
                    }
                }
                coupled_vectors(lanes, g, [dz(first), dz(end - 1)], vectors);
                if end - first == 1 {
                    // The last of an odd number was paired with itself: its second gradient is zero.
                    vectors.iter_mut().for_each(|pair| *pair &= 0xffff);
                }
                &*vectors
            } else {
                match s.x {
                    Input::Float(_) => s.input.write(lanes, Packing::Single, x(first), operand, |x| x),
                    Input::Quantized { levels, .. } => {
                        s.input.write(lanes, Packing::Single, x(first), operand, |x| code(levels, x));
                    }
                }
                if g.group_filters().is_multiple_of(16) {
                    bytemuck::cast_slice(dz(first))
                } else {
                    single_vectors(g, dz(first), vectors);
                    &*vectors
                }
            };
            s.gather.run(lanes, operand, gradients.as_chunks::<16>().0, self.sums);
            let Some(data) = &s.data else { continue };
            for image in first..end {
                data.placement.write(lanes, s.packing, dz(image), data_operand, |x| x);
                let dx = &mut self.dx[(image - self.images.start) * image_in..][..image_in];
                match (s.x, s.mode) {
                    (Input::Float(_), GradMode::Overwrite) => data.run(lanes, data_operand, dx),
                    _ => {
                        data.run(lanes, data_operand, &mut fresh);
                        step += pass_on(s.x, x(image), &fresh, dx, s.mode);
                    }
                }
            }
        }
        step
    }
}

/// Output gradients as vectors `[pixel][group][block]` of 16 filters, in f32 from one image.
#[inline(always)]
fn single_vectors(g: &ConvGeometry, dz: &[f32], vectors: &mut [u32]) {
    let (filters, lanes) = (g.group_filters(), g.group_filters().next_multiple_of(16));
    for (from, to) in dz.chunks_exact(filters).zip(vectors.chunks_exact_mut(lanes)) {
        to[..filters].copy_from_slice(bytemuck::cast_slice(from));
    }
}

/// The same in bf16 from two images.
#[inline(always)]
fn coupled_vectors<L: Lanes>(lanes: L, g: &ConvGeometry, dz: [&[f32]; 2], vectors: &mut [u32]) {
    let filters = g.group_filters();
    if filters.is_multiple_of(16) {
        return couple(lanes, dz, vectors, &|x| x);
    }
    let pixels = dz[0].chunks_exact(filters).zip(dz[1].chunks_exact(filters));
    for ((a, b), to) in pixels.zip(vectors.chunks_exact_mut(filters.next_multiple_of(16))) {
        couple(lanes, [a, b], &mut to[..filters], &|x| x);
    }
}

/// Hands the gradient of a convolution's operand through its quantizer (straight-through) to `dx`;
/// returns the image's share of the step's gradient.
#[inline(always)]
fn pass_on(input: Input<'_>, x: &[f32], gradient: &[f32], dx: &mut [f32], mode: GradMode) -> f64 {
    match (input, mode) {
        (Input::Float(_), GradMode::Overwrite) => dx.copy_from_slice(gradient),
        (Input::Float(_), GradMode::Accumulate) => {
            for (dx, g) in dx.iter_mut().zip(gradient) {
                *dx += g;
            }
        }
        (Input::Quantized { levels, .. }, GradMode::Overwrite) => {
            return straight_through(levels, x, gradient, dx, |_, passed| passed);
        }
        (Input::Quantized { levels, .. }, GradMode::Accumulate) => {
            return straight_through(levels, x, gradient, dx, |dx, passed| dx + passed);
        }
    }
    0.0
}

#[inline(always)]
fn straight_through(
    levels: syq_core::Levels,
    x: &[f32],
    gradient: &[f32],
    dx: &mut [f32],
    put: impl Fn(f32, f32) -> f32,
) -> f64 {
    let largest = f32::from(levels.largest);
    let mut sums = [0.0f32; 16];
    // `Levels::input_gradient` and `Levels::step_gradient`, without branches.
    let one = |x: f32, g: f32, dx: &mut f32, sum: &mut f32| {
        let t = x * levels.inverse_step;
        let inside = t >= 0.0 && t <= largest;
        *dx = put(*dx, if inside { g } else { 0.0 });
        let above = if t > largest { largest } else { 0.0 };
        *sum += g * if inside { code(levels, x) - t } else { above };
    };
    let (xs, x_rest) = x.as_chunks::<16>();
    let (gradients, gradient_rest) = gradient.as_chunks::<16>();
    let (dxs, dx_rest) = dx.as_chunks_mut::<16>();
    for ((x, g), dx) in xs.iter().zip(gradients).zip(dxs) {
        for i in 0..16 {
            one(x[i], g[i], &mut dx[i], &mut sums[i]);
        }
    }
    for (((x, g), dx), sum) in x_rest.iter().zip(gradient_rest).zip(dx_rest).zip(&mut sums) {
        one(*x, *g, dx, sum);
    }
    sums.iter().map(|sum| f64::from(*sum)).sum()
}
