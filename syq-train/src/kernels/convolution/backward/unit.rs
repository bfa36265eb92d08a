//! Some images of a batch: their operands for the weight gradient, and the gradient of their input.

use super::super::operand::{Code, Packing, Plain, filter_vectors, filter_vectors_of_two};
use super::super::straight_through::PassOn;
use super::super::{GradMode, Producer};
use super::{Range, Shared};
use crate::kernels::isa::Precision;
use crate::kernels::lanes::{Kernel, Lanes};

/// Elements of the operands and gradients that a weight gradient's tile runs over: a fraction of an L2 cache.
const SLOT_ELEMENTS: usize = 1 << 15;

/// Some images of a batch.
pub(super) struct Unit<'a> {
    shared: &'a Shared<'a>,
    images: Range<usize>,
    dx: &'a mut [f32],
    /// Σ dx and Σ dx·z of each image's channels.
    channels: &'a mut [f32],
    into: Into<'a>,
}

/// Where the weight gradient goes.
pub(super) enum Into<'a> {
    /// It is added to sums `[group][block][window element][16]`.
    Sums(&'a mut [[f32; 16]]),
    /// Nowhere yet: its operands are kept.
    Operands {
        /// Of the inputs.
        operands: &'a mut [u32],
        /// Of the output gradients, as vectors of filters.
        vectors: &'a mut [u32],
    },
}

impl<'a> Unit<'a> {
    /// The batch in units of `images` images.
    pub(super) fn split(
        shared: &'a Shared<'a>,
        images: usize,
        mut dx: &'a mut [f32],
        mut sums: &'a mut [f32],
        into: impl Iterator<Item = Into<'a>>,
    ) -> impl Iterator<Item = Self> {
        let batch = shared.dy.len() / shared.geometry.output.len();
        let dx_len = if dx.is_empty() { 0 } else { shared.geometry.input.len() };
        let sums_len = shared.sums_len();
        into.enumerate().map(move |(index, into)| {
            let images = index * images..((index + 1) * images).min(batch);
            let (now, channels);
            (now, dx) = std::mem::take(&mut dx).split_at_mut(images.len() * dx_len);
            (channels, sums) = std::mem::take(&mut sums).split_at_mut(images.len() * sums_len);
            Unit { shared, images, dx: now, channels, into }
        })
    }
}

/// The images at hand, and the gradients of their outputs.
struct Images<'a> {
    range: Range<usize>,
    x: &'a [f32],
    dz: &'a [f32],
    /// Values of an image of either.
    lens: [usize; 2],
}

impl<'a> Images<'a> {
    fn x(&self, image: usize) -> &'a [f32] {
        &self.x[(image - self.range.start) * self.lens[0]..][..self.lens[0]]
    }

    fn dz(&self, image: usize) -> &'a [f32] {
        &self.dz[(image - self.range.start) * self.lens[1]..][..self.lens[1]]
    }
}

impl Shared<'_> {
    /// Writes the operands of the weight gradient, one or two images a slot. Without `vectors`, the output gradients
    /// are read where they are.
    #[inline(always)]
    fn slots<L: Lanes>(&self, lanes: L, images: &Images<'_>, operands: &mut [u32], vectors: &mut [u32]) {
        let filters = self.geometry.group_filters();
        let mut vectors = vectors.chunks_exact_mut(self.vectors_len());
        let firsts = images.range.clone().step_by(self.together());
        for (image, operand) in firsts.zip(operands.chunks_exact_mut(self.gather.image_len)) {
            let last = (image + self.together()).min(images.range.end) - 1;
            let (x, dz) = ([images.x(image), images.x(last)], [images.dz(image), images.dz(last)]);
            match (self.x.levels, self.precision) {
                (None, Precision::F32) => self.input.write(lanes, Packing::Single, x[0], operand, Plain),
                (Some(levels), Precision::F32) => self.input.write(lanes, Packing::Single, x[0], operand, Code(levels)),
                (None, Precision::Bf16) => self.input.write_two(lanes, x, operand, Plain),
                (Some(levels), Precision::Bf16) => self.input.write_two(lanes, x, operand, Code(levels)),
            }
            let Some(vectors) = vectors.next() else { continue };
            match self.precision {
                Precision::F32 => filter_vectors(filters, dz[0], vectors),
                Precision::Bf16 => {
                    filter_vectors_of_two(lanes, filters, dz, vectors);
                    if image == last {
                        // The last of an odd number is paired with itself: its second gradient is zero.
                        vectors.iter_mut().for_each(|pair| *pair &= 0xffff);
                    }
                }
            }
        }
    }
}

impl Kernel for &mut Unit<'_> {
    /// The step's gradient.
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> f64 {
        let s = self.shared;
        let g = s.geometry;
        let (image_in, image_out) = (g.input.len(), g.output.len());
        let together = s.together();
        let (operand_len, vectors_len) = (s.gather.image_len, s.vectors_len());
        // Each tile of the weight gradient runs over several small images, as many as fit the cache.
        let slots = (SLOT_ELEMENTS / (operand_len + vectors_len)).clamp(1, 8);
        let summed = matches!(self.into, Into::Sums(_));
        let in_place = summed && s.in_place();
        let mut operands = s.workers.scratch(if summed { slots * operand_len } else { 0 });
        let operands: &mut [u32] = bytemuck::cast_slice_mut(&mut operands);
        let mut vectors = s.workers.scratch(if in_place || !summed { 0 } else { slots * vectors_len });
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
            let images = Images { range: first..end, x, dz, lens: [image_in, image_out] };
            match &mut self.into {
                Into::Sums(sums) => {
                    let vectors = if in_place { &mut [] } else { &mut vectors[..slots * vectors_len] };
                    s.slots(lanes, &images, operands, vectors);
                    let gradients = if in_place { bytemuck::cast_slice(dz) } else { vectors };
                    s.gather.run(lanes, operands, gradients.as_chunks::<16>().0, sums);
                }
                Into::Operands { operands, vectors } => {
                    let slot = (first - self.images.start) / together;
                    let vectors = &mut vectors[slot * vectors_len..];
                    s.slots(lanes, &images, &mut operands[slot * operand_len..], vectors);
                }
            }
            let Some(data) = &s.data else { continue };
            for image in first..end {
                data.placement.write(lanes, s.packing, images.dz(image), data_operand, Plain);
                let index = image - self.images.start;
                let dx = &mut self.dx[index * image_in..][..image_in];
                if s.x.levels.is_none() && s.mode == GradMode::Overwrite && s.producer.is_none() {
                    data.run(lanes, data_operand, dx);
                    continue;
                }
                data.run(lanes, data_operand, &mut fresh);
                let producer = s.producer.map(|p| Producer { z: &p.z[image * image_in..][..image_in], ..p });
                let sums = &mut self.channels[index * s.sums_len()..][..s.sums_len()];
                let (levels, mode) = (s.x.levels, s.mode);
                step += PassOn { levels, x: images.x(image), gradient: &fresh, dx, mode, producer, sums }.run();
            }
        }
        step
    }
}
