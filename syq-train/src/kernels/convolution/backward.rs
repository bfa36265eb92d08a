//! The backward pass over a batch: weight gradient and input gradient of each image while it is in
//! the cache, the quantizer's straight-through rule included.

use super::operand::{Packing, Placement, pair};
use super::pack::{Direction, pack};
use super::walk::Walk;
use super::weight_gradient::Gather;
use super::{ConvOp, GradMode, Input, UNITS, Weights, plan, subgroup};
use crate::kernels::isa::Precision;
use crate::kernels::lanes::{Kernel, Lanes, dispatch};
use crate::parallel::Workers;
use syq_core::ConvGeometry;

/// What the units of a batch share.
struct Shared<'a> {
    geometry: ConvGeometry,
    packing: Packing,
    input: Placement,
    gathers: Vec<Gather>,
    data: Option<(Placement, Vec<Walk>, Vec<Vec<[u32; 16]>>)>,
    x: Input<'a>,
    mode: GradMode,
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
    let g = op.geometry;
    let packing = op.packing();
    let data = dx.is_some().then(|| {
        let (placement, walks) = plan::backward_data(&g, packing);
        let weights = match w {
            Weights::Float(w) => pack(&g, packing, Direction::Backward, |j| w[j]),
            Weights::Codes { codes, scales, granularity } => {
                pack(&g, packing, Direction::Backward, |j| f32::from(codes[j]) * scales[subgroup(&g, granularity, j)])
            }
        };
        (placement, walks, weights)
    });
    let (input, gathers) = plan::weight_gradient(&g);
    let mut no_dx: [f32; 0] = [];
    let (dx, mode) = dx.unwrap_or((&mut no_dx, GradMode::Overwrite));
    let shared = Shared { geometry: g, packing, input, gathers, data, x, mode };
    let batch = dz.len() / g.output.len();
    let unit = batch.div_ceil(UNITS).max(1);
    let vectors = g.groups * g.group_filters().div_ceil(16) * g.filter_len();
    let mut parts = vec![Part { weights: vec![[0.0; 16]; vectors], step: 0.0 }; batch.div_ceil(unit)];
    let work = |index: usize, dx: &mut [f32], part: &mut [Part]| {
        let images = index * unit..((index + 1) * unit).min(batch);
        if let [part] = part {
            dispatch(op.isa, op.precision, Unit { shared: &shared, dz, images, dx, part, precision: op.precision });
        }
    };
    if dx.is_empty() {
        workers.chunks(&mut parts, 1, |index, part| work(index, &mut [], part));
    } else {
        workers.chunk_pairs((dx, &mut parts), [unit * g.input.len(), 1], work);
    }
    let step = match x {
        Input::Float(_) => 1.0,
        Input::Quantized { levels, .. } => levels.step,
    };
    scatter(&g, &parts, step, dw);
    parts.iter().map(|part| part.step).sum()
}

/// The partial sums of one unit.
#[derive(Clone, Debug)]
struct Part {
    /// `[group][block][window element][16]`.
    weights: Vec<[f32; 16]>,
    step: f64,
}

/// Adds the parts in order and brings them into the order of the weights; the operand held codes,
/// so the step is still to come.
fn scatter(g: &ConvGeometry, parts: &[Part], step: f32, dw: &mut [f32]) {
    let (len, filters) = (g.filter_len(), g.group_filters());
    let blocks = filters.div_ceil(16);
    for (filter, dw) in dw.chunks_exact_mut(len).enumerate() {
        let (group, filter) = (filter / filters, filter % filters);
        let first = (group * blocks + filter / 16) * len;
        for (element, dw) in dw.iter_mut().enumerate() {
            *dw = step * parts.iter().map(|part| part.weights[first + element][filter % 16]).sum::<f32>();
        }
    }
}

/// Some images of a batch.
struct Unit<'a> {
    shared: &'a Shared<'a>,
    dz: &'a [f32],
    images: std::ops::Range<usize>,
    dx: &'a mut [f32],
    part: &'a mut Part,
    precision: Precision,
}

impl Kernel for Unit<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let s = self.shared;
        let g = &s.geometry;
        let (image_in, image_out) = (g.input.len(), g.output.len());
        let blocks = g.groups * g.group_filters().div_ceil(16);
        let mut operand = vec![0u32; s.input.len(Packing::Single)];
        let mut vectors = vec![[0u32; 16]; g.output.height * g.output.width * blocks];
        let mut data = s.data.as_ref().map(|(placement, ..)| vec![0u32; placement.len(s.packing)]);
        let mut fresh = vec![0.0f32; if data.is_some() { image_in } else { 0 }];
        let nothing = [vec![0.0f32; image_in], vec![0.0f32; image_out]];
        let together = if self.precision == Precision::Bf16 { 2 } else { 1 };
        let code = |x: f32| match s.x {
            Input::Float(_) => x,
            Input::Quantized { levels, .. } => f32::from(levels.code(x)),
        };
        for image in self.images.clone().step_by(together) {
            let x = |image: usize| &s.x.values()[image * image_in..][..image_in];
            let dz = |image: usize| &self.dz[image * image_out..][..image_out];
            if together == 2 {
                let two = image + 1 < self.images.end;
                let second = if two { [x(image + 1), dz(image + 1)] } else { [&nothing[0][..], &nothing[1][..]] };
                s.input.write_two([x(image), second[0]], &mut operand, code);
                let second = second[1];
                filter_vectors(g, dz(image), &mut vectors, |index, value| pair(value, second[index]));
            } else {
                s.input.write(Packing::Single, x(image), &mut operand, code);
                filter_vectors(g, dz(image), &mut vectors, |_, value| value.to_bits());
            }
            let mut sums = self.part.weights.as_mut_slice();
            for gather in &s.gathers {
                let (now, later) = sums.split_at_mut(gather.group_blocks * g.filter_len());
                sums = later;
                gather.run(lanes, &operand, &vectors, now);
            }
            let (Some(data), Some((placement, walks, weights))) = (&mut data, &s.data) else { continue };
            for image in image..(image + together).min(self.images.end) {
                placement.write(s.packing, dz(image), data, |x| x);
                for (walk, weights) in walks.iter().zip(weights) {
                    walk.run(lanes, data, weights, None, &mut fresh);
                }
                let dx = &mut self.dx[(image - self.images.start) * image_in..][..image_in];
                self.part.step += pass_on(s.x, x(image), &fresh, dx, s.mode);
            }
        }
    }
}

/// One image's output gradient as vectors `[pixel][group][block]` of 16 filters.
#[inline(always)]
fn filter_vectors(g: &ConvGeometry, dz: &[f32], vectors: &mut [[u32; 16]], element: impl Fn(usize, f32) -> u32) {
    let filters = g.group_filters();
    let blocks = filters.div_ceil(16);
    for (index, (from, to)) in dz.chunks_exact(filters).zip(vectors.chunks_exact_mut(blocks)).enumerate() {
        for (block, (from, to)) in from.chunks(16).zip(to).enumerate() {
            let first = index * filters + block * 16;
            for (lane, (to, value)) in to.iter_mut().zip(from).enumerate() {
                *to = element(first + lane, *value);
            }
        }
    }
}

/// Hands the gradient of a convolution's operand through its quantizer (straight-through) to `dx`;
/// returns the image's share of the step's gradient.
#[inline(always)]
fn pass_on(input: Input<'_>, x: &[f32], gradient: &[f32], dx: &mut [f32], mode: GradMode) -> f64 {
    let mut lanes = [0.0f32; 16];
    let chunks = x.chunks(16).zip(gradient.chunks(16)).zip(dx.chunks_mut(16));
    match input {
        Input::Float(_) => match mode {
            GradMode::Overwrite => dx.copy_from_slice(gradient),
            GradMode::Accumulate => dx.iter_mut().zip(gradient).for_each(|(dx, g)| *dx += g),
        },
        Input::Quantized { levels, .. } => {
            for ((x, gradient), dx) in chunks {
                for (((x, g), dx), lane) in x.iter().zip(gradient).zip(dx).zip(&mut lanes) {
                    *lane += g * levels.step_gradient(*x);
                    let passed = levels.input_gradient(*x, *g);
                    *dx = match mode {
                        GradMode::Overwrite => passed,
                        GradMode::Accumulate => *dx + passed,
                    };
                }
            }
        }
    }
    lanes.iter().map(|lane| f64::from(*lane)).sum()
}
