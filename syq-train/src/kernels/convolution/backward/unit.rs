//! Some images of a batch: their operands for the weight gradient, and the gradient of their input.

use super::super::operand::{Code, Packing, Plain, Value, filter_vectors, filter_vectors_of_two};
use super::super::straight_through::PassOn;
use super::super::{GradMode, Producer};
use super::filters::IMAGES;
use super::{Data, Range, Shared};
use crate::kernels::elementwise::{ChannelAffine, Factors};
use crate::kernels::isa::Precision;
use crate::kernels::lanes::{Kernel, Lanes};

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
    /// Into sums: it is added to `[group][block][window element][16]`, or made in a grid's form.
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

    /// The first and the last image of each slot.
    fn slots(&self, together: usize) -> impl Iterator<Item = [usize; 2]> {
        let end = self.range.end;
        self.range.clone().step_by(together).map(move |image| [image, (image + together).min(end) - 1])
    }
}

/// What is computed while it is read instead of written first.
#[derive(Clone, Copy)]
struct Computed<'a> {
    /// The batch norm of the input.
    x: Option<&'a ChannelAffine>,
    /// The factors of the output gradients, and z.
    dz: Option<(&'a Factors, &'a [f32])>,
}

impl Shared<'_> {
    fn computed(&self) -> Computed<'_> {
        let given_on = self.data.is_none() || self.producer.is_some();
        let whole = given_on && self.input.has_whole_blocks();
        let gradients = &self.gradients;
        // Both operands of what is computed once have pairs, or neither.
        let by_tiles = self.data.as_ref().is_some_and(|data| data.grid.is_some());
        let pairs = self.precision == Precision::Bf16 && !by_tiles;
        let vectors = pairs && gradients.has_whole_blocks() && self.geometry.group_filters().is_multiple_of(16);
        Computed {
            x: self.x.affine.filter(|_| whole),
            dz: self.normalized.as_ref().filter(|_| vectors).map(|(factors, z)| (factors, *z)),
        }
    }

    /// Writes the input operands of the weight gradient, one or two images a slot.
    #[inline(always)]
    fn inputs<L: Lanes>(&self, lanes: L, affine: Option<&ChannelAffine>, images: &Images<'_>, operands: &mut [u32]) {
        let slots = images.slots(self.together()).zip(operands.chunks_exact_mut(self.gather.image_len));
        for (slot, operand) in slots {
            match self.x.levels {
                None => self.input(lanes, affine, slot.map(|image| images.x(image)), operand, Plain),
                Some(levels) => self.input(lanes, affine, slot.map(|image| images.x(image)), operand, Code(levels)),
            }
        }
    }

    #[inline(always)]
    fn input<L: Lanes>(
        &self,
        lanes: L,
        affine: Option<&ChannelAffine>,
        x: [&[f32]; 2],
        operand: &mut [u32],
        value: impl Value,
    ) {
        let (input, rows) = (&self.input, self.geometry.input.height);
        match (self.precision, affine) {
            (Precision::F32, None) => input.write(lanes, Packing::Single, x[0], operand, value),
            (Precision::F32, Some(affine)) => {
                input.write_computed(lanes, Packing::Single, rows, affine.source(x[0]), operand, value);
            }
            (Precision::Bf16, None) => input.write_two(lanes, x, operand, value),
            (Precision::Bf16, Some(affine)) => {
                input.write_two_computed(lanes, rows, x.map(|x| affine.source(x)), operand, value);
            }
        }
    }

    /// Writes the output gradients as vectors of filters, and the operands of backward-data, an image each, where
    /// they are computed.
    #[inline(always)]
    fn vectors<L: Lanes>(
        &self,
        lanes: L,
        computed: Option<(&Factors, &[f32])>,
        images: &Images<'_>,
        vectors: &mut [u32],
        data: &mut [u32],
    ) {
        let filters = self.geometry.group_filters();
        let operand_len = self.gradients.len(self.packing);
        let mut operands = data.chunks_exact_mut((2 * operand_len).max(1));
        for ([image, last], vectors) in images.slots(self.together()).zip(vectors.chunks_exact_mut(self.vectors_len()))
        {
            match (self.precision, computed) {
                (Precision::F32, _) => filter_vectors(filters, images.dz(image), vectors),
                (Precision::Bf16, None) => {
                    filter_vectors_of_two(lanes, filters, [images.dz(image), images.dz(last)], vectors);
                }
                (Precision::Bf16, Some((factors, z))) => {
                    let len = images.lens[1];
                    let dz = [image, last]
                        .map(|image| factors.source(&z[image * len..][..len], &self.dy[image * len..][..len]));
                    let operands = operands.next().map(|operands| operands.split_at_mut(operand_len).into());
                    self.gradients.write_gradients(lanes, dz, vectors, operands);
                }
            }
            if self.precision == Precision::Bf16 && image == last {
                // The last of an odd number is paired with itself: its second gradient is zero.
                vectors.iter_mut().for_each(|pair| *pair &= 0xffff);
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
        let at_hand = s.images_at_hand();
        let slots = at_hand.div_ceil(together);
        let summed = matches!(self.into, Into::Sums(_));
        let in_place = summed && s.in_place();
        let computed = s.computed();
        let mut operands = s.workers.scratch(if summed || s.grid.is_some() { slots * operand_len } else { 0 });
        let operands: &mut [u32] = bytemuck::cast_slice_mut(&mut operands);
        let mut vectors = s.workers.scratch(if in_place || !summed { 0 } else { slots * vectors_len });
        let vectors: &mut [u32] = bytemuck::cast_slice_mut(&mut vectors);
        let data_images = s.data.as_ref().map_or(1, Data::images);
        let data_len = if s.data.is_some() { s.gradients.len(s.packing) } else { 0 };
        let mut data_operands = s.workers.scratch(data_len * if computed.dz.is_some() { at_hand } else { data_images });
        let data_operands: &mut [u32] = bytemuck::cast_slice_mut(&mut data_operands);
        let mut turned_data = s.workers.room(s.data.as_ref().map_or(0, Data::turned_len));
        let turned_data: &mut [u32] = bytemuck::cast_slice_mut(&mut turned_data);
        let turned_lens = s.grid.filter(|_| summed).map_or([0; 2], |grid| grid.turned_lens(at_hand));
        let [mut inputs, mut gradients] = turned_lens.map(|len| s.workers.room(len));
        let mut turned: [&mut [u32]; 2] =
            [bytemuck::cast_slice_mut(&mut inputs), bytemuck::cast_slice_mut(&mut gradients)];
        let mut fresh = s.workers.room(if s.data.is_some() { data_images * image_in } else { 0 });
        // Inputs and gradients that are still to be computed, of the images at hand.
        let most = |needed: bool, len| if needed { at_hand * len } else { 0 };
        let mut xs = s.workers.room(most(s.x.affine.is_some() && computed.x.is_none(), image_in));
        let mut dzs = s.workers.room(most(s.normalized.is_some() && computed.dz.is_none(), image_out));
        let mut step = 0.0;
        for first in self.images.clone().step_by(at_hand) {
            let end = (first + at_hand).min(self.images.end);
            let slots = (end - first).div_ceil(together);
            let (stored, from) = (&s.x.values[first * image_in..end * image_in], first * image_out..end * image_out);
            let x = match (s.x.affine, computed.x) {
                (Some(affine), None) => affine.apply(lanes, stored, &mut xs[..stored.len()]),
                _ => stored,
            };
            let dz = match (&s.normalized, computed.dz) {
                (Some((factors, z)), None) => {
                    let dz = &mut dzs[..from.len()];
                    factors.apply(lanes, &z[from.clone()], &s.dy[from], dz);
                    &*dz
                }
                _ => &s.dy[from],
            };
            let images = Images { range: first..end, x, dz, lens: [image_in, image_out] };
            match (&mut self.into, &s.grid) {
                (Into::Sums(sums), Some(grid)) => {
                    s.inputs(lanes, computed.x, &images, operands);
                    let (maps, [inputs, gradients]) = ([bytemuck::cast_slice(operands), dz], &mut turned);
                    let mode = if first == self.images.start { GradMode::Overwrite } else { GradMode::Accumulate };
                    grid.weight_gradient(lanes, maps, end - first, [inputs, gradients], sums, mode);
                }
                (Into::Sums(sums), None) => {
                    s.inputs(lanes, computed.x, &images, operands);
                    let vectors = if in_place { &mut [] } else { &mut vectors[..slots * vectors_len] };
                    s.vectors(lanes, computed.dz, &images, vectors, data_operands);
                    let gradients = if in_place { bytemuck::cast_slice(dz) } else { vectors };
                    s.gather.run(lanes, operands, gradients.as_chunks::<16>().0, 0, sums);
                }
                (Into::Operands { operands: inputs, vectors: gradients }, Some(grid)) => {
                    s.inputs(lanes, computed.x, &images, operands);
                    let slots = s.slots(grid, IMAGES, (first - self.images.start) / at_hand);
                    let maps = [bytemuck::cast_slice(operands), dz];
                    grid.turn_images(lanes, maps, end - first, slots, [inputs, gradients]);
                }
                (Into::Operands { operands, vectors }, None) => {
                    let slot = (first - self.images.start) / together;
                    s.inputs(lanes, computed.x, &images, &mut operands[slot * operand_len..]);
                    let vectors = &mut vectors[slot * vectors_len..];
                    s.vectors(lanes, computed.dz, &images, vectors, data_operands);
                }
            }
            if let Some(data) = &s.data {
                let room = [&mut *data_operands, &mut *turned_data];
                step += self.input_gradient(lanes, data, computed, &images, room, &mut fresh);
            }
        }
        step
    }
}

impl Unit<'_> {
    /// The gradient of the input of the images at hand, and that of its step. `operands` holds those of backward-data where
    /// `computed` has them, else it is room for them; `turned` and `fresh` are room for turned tiles and for gradients.
    #[inline(always)]
    fn input_gradient<L: Lanes>(
        &mut self,
        lanes: L,
        data: &Data<'_>,
        computed: Computed<'_>,
        images: &Images<'_>,
        [operands, turned]: [&mut [u32]; 2],
        fresh: &mut [f32],
    ) -> f64 {
        let s = self.shared;
        let (image_in, operand_len) = (s.geometry.input.len(), s.gradients.len(s.packing));
        let (first, end) = (images.range.start, images.range.end);
        let mut step = 0.0;
        for start in (first..end).step_by(data.images()) {
            let range = start..(start + data.images()).min(end);
            let operands = match computed.dz {
                Some(_) => &operands[(start - first) * operand_len..][..operand_len],
                None => {
                    for (image, operand) in range.clone().zip(operands.chunks_exact_mut(operand_len)) {
                        s.gradients.write(lanes, s.packing, images.dz(image), operand, Plain);
                    }
                    &*operands
                }
            };
            let index = start - self.images.start;
            let dx = &mut self.dx[index * image_in..][..range.len() * image_in];
            if s.x.levels.is_none() && s.mode == GradMode::Overwrite && s.producer.is_none() {
                data.run(lanes, operands, turned, dx);
                continue;
            }
            let fresh = &mut fresh[..dx.len()];
            data.run(lanes, operands, turned, fresh);
            let gradients = dx.chunks_exact_mut(image_in).zip(fresh.chunks_exact(image_in));
            let mut sums = &mut self.channels[index * s.sums_len()..];
            for (image, (dx, gradient)) in range.zip(gradients) {
                let (now, later) = sums.split_at_mut(s.sums_len());
                sums = later;
                let producer = s.producer.map(|p| Producer { z: &p.z[image * image_in..][..image_in], ..p });
                let (levels, affine, mode) = (s.x.levels, computed.x, s.mode);
                let x = images.x(image);
                step += PassOn { levels, x, affine, gradient, dx, mode, producer, sums: now }.run();
            }
        }
        step
    }
}
