//! Operands: feature maps in the zero-padded, four-byte form that the loops read.
//!
//! A pixel is `[group][element]`; an element is one f32 channel, two bf16 channels (the last of an
//! odd number paired with 0), the codes of four channels, or, for the weight gradient in bf16, one channel of
//! two images.

use crate::kernels::lanes::{Lanes, code_byte, pair};
use syq_core::Levels;

/// How channels stand in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// One f32 channel an element.
    Single,
    /// Two bf16 channels an element.
    ChannelPairs,
    /// The codes of four channels an element, the first in the byte of the lowest address.
    CodeQuads,
}

impl Packing {
    /// Elements of `channels` channels of one group.
    pub(super) const fn elements(self, channels: usize) -> usize {
        match self {
            Self::Single => channels,
            Self::ChannelPairs => channels.div_ceil(2),
            Self::CodeQuads => channels.div_ceil(4),
        }
    }
}

/// [`Levels::code`] less its zero point as a float, without a conversion to an integer, which would not
/// vectorise. An operand holds signed codes as signed numbers, so that its padding is zero there too.
/// (NaN becomes the smallest code here; a run ends with its loss.)
#[inline(always)]
pub(super) fn code(levels: Levels, x: f32) -> f32 {
    let [smallest, largest] = levels.bounds();
    let u = x.mul_add(levels.inverse_step, 0.5).floor();
    let u = if u > smallest { u } else { smallest };
    if u < largest { u } else { largest }
}

/// What becomes of a value on its way into an operand. Not a closure: only a method can be made to
/// be inlined always, and out of the instruction set's function a fused multiply-add is a call.
pub(super) trait Value: Copy {
    fn of(self, x: f32) -> f32;
}

/// The value itself.
#[derive(Clone, Copy)]
pub(super) struct Plain;

/// Its code.
#[derive(Clone, Copy)]
pub(super) struct Code(pub(super) Levels);

/// What its code stands for.
#[derive(Clone, Copy)]
pub(super) struct Dequantized(pub(super) Levels);

impl Value for Plain {
    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        x
    }
}

impl Value for Code {
    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        code(self.0, x)
    }
}

impl Value for Dequantized {
    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        code(self.0, x) * self.0.step
    }
}

/// Where the pixels of a feature map stand in a padded operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placement {
    /// Columns of the feature map.
    pub(super) width: usize,
    /// Rows and columns of the operand.
    pub(super) padded: [usize; 2],
    /// Row and column of the first pixel.
    pub(super) origin: [usize; 2],
    /// Channels of a group, and groups.
    pub(super) channels: usize,
    pub(super) groups: usize,
}

impl Placement {
    /// Elements of the operand with `packing`.
    pub(super) fn len(&self, packing: Packing) -> usize {
        self.padded[0] * self.padded[1] * self.groups * packing.elements(self.channels)
    }

    /// Writes one image whose channel values `value` gives from the feature map's. The padding must
    /// be zero already; it is never written.
    #[inline(always)]
    pub(super) fn write<L: Lanes>(
        &self,
        lanes: L,
        packing: Packing,
        image: &[f32],
        operand: &mut [u32],
        value: impl Value,
    ) {
        let elements = packing.elements(self.channels) * self.groups;
        for (row, from) in image.chunks_exact(self.width * self.channels * self.groups).enumerate() {
            let to = &mut operand[self.row_start(row) * elements..][..self.width * elements];
            match packing {
                Packing::Single => {
                    for (to, x) in to.iter_mut().zip(from) {
                        *to = value.of(*x).to_bits();
                    }
                }
                // Pairs follow each other without gaps from pixel to pixel.
                Packing::ChannelPairs if self.channels.is_multiple_of(2) => write_pairs(lanes, from, to, value),
                Packing::ChannelPairs => {
                    write_odd_pairs(lanes, self.channels, from, to, value);
                }
                Packing::CodeQuads if self.channels.is_multiple_of(4) => write_quads(lanes, from, to, value),
                Packing::CodeQuads => {
                    let each = packing.elements(self.channels);
                    for (from, to) in from.chunks_exact(self.channels).zip(to.chunks_exact_mut(each)) {
                        write_quads(lanes, from, to, value);
                    }
                }
            }
        }
    }

    /// Writes the same channel of two images into each element, in bf16.
    #[inline(always)]
    pub(super) fn write_two<L: Lanes>(&self, lanes: L, images: [&[f32]; 2], operand: &mut [u32], value: impl Value) {
        let pixel = self.channels * self.groups;
        let rows = images[0].chunks_exact(self.width * pixel).zip(images[1].chunks_exact(self.width * pixel));
        for (row, (a, b)) in rows.enumerate() {
            let to = &mut operand[self.row_start(row) * pixel..][..self.width * pixel];
            couple(lanes, [a, b], to, value);
        }
    }

    pub(super) fn row_start(&self, row: usize) -> usize {
        (self.origin[0] + row) * self.padded[1] + self.origin[1]
    }
}

/// As `from.map(|x| value.of(x))`, but a plain loop cannot fail to be inlined.
#[inline(always)]
pub(super) fn each<const N: usize>(from: &[f32; N], value: impl Value) -> [f32; N] {
    let mut values = [0.0; N];
    for i in 0..N {
        values[i] = value.of(from[i]);
    }
    values
}

#[inline(always)]
fn write_pairs<L: Lanes>(lanes: L, from: &[f32], to: &mut [u32], value: impl Value) {
    let (from, from_rest) = from.as_chunks::<32>();
    let (to, to_rest) = to.as_chunks_mut::<16>();
    for (from, to) in from.iter().zip(to) {
        *to = lanes.pairs(&each(from, value));
    }
    for (from, to) in from_rest.chunks(2).zip(to_rest) {
        *to = match from {
            [low, high] => pair(value.of(*low), value.of(*high)),
            rest => rest.first().map_or(0, |low| pair(value.of(*low), 0.0)),
        };
    }
}

/// Pixels of an odd number of channels; sixteen elements at a time where these are whole pixels, as of the three channels of
/// a picture.
#[inline(always)]
fn write_odd_pairs<L: Lanes>(lanes: L, channels: usize, from: &[f32], to: &mut [u32], value: impl Value) {
    let elements = Packing::ChannelPairs.elements(channels);
    let together = if 16 % elements == 0 { 16 / elements } else { 1 };
    for (from, to) in from.chunks(together * channels).zip(to.chunks_mut(together * elements)) {
        let Ok(to) = <&mut [u32; 16]>::try_from(&mut *to) else {
            for (from, to) in from.chunks_exact(channels).zip(to.chunks_exact_mut(elements)) {
                write_pairs(lanes, from, to, value);
            }
            continue;
        };
        let mut padded = [0.0; 32];
        for (from, to) in from.chunks_exact(channels).zip(padded.chunks_exact_mut(2 * elements)) {
            for (from, to) in from.iter().zip(to) {
                *to = value.of(*from);
            }
        }
        *to = lanes.pairs(&padded);
    }
}

/// Unsigned codes, which `value` gives as floats, four an element.
#[inline(always)]
fn write_quads<L: Lanes>(lanes: L, from: &[f32], to: &mut [u32], value: impl Value) {
    let (from, from_rest) = from.as_chunks::<16>();
    let (to, to_rest) = to.split_at_mut(4 * from.len());
    for (from, to) in from.iter().zip(to.as_chunks_mut().0) {
        *to = lanes.quads(&each(from, value));
    }
    for (from, to) in from_rest.chunks(4).zip(to_rest) {
        let mut bytes = [0; 4];
        for (byte, x) in bytes.iter_mut().zip(from) {
            *byte = code_byte(value.of(*x));
        }
        *to = u32::from_ne_bytes(bytes);
    }
}

/// Output gradients of one image as vectors `[pixel][group][block]` of 16 filters in f32.
#[inline(always)]
pub(super) fn filter_vectors(filters: usize, dz: &[f32], vectors: &mut [u32]) {
    for (from, to) in dz.chunks_exact(filters).zip(vectors.chunks_exact_mut(filters.next_multiple_of(16))) {
        to[..filters].copy_from_slice(bytemuck::cast_slice(from));
    }
}

/// The same of two images in bf16.
#[inline(always)]
pub(super) fn filter_vectors_of_two<L: Lanes>(lanes: L, filters: usize, dz: [&[f32]; 2], vectors: &mut [u32]) {
    if filters.is_multiple_of(16) {
        return couple(lanes, dz, vectors, Plain);
    }
    let pixels = dz[0].chunks_exact(filters).zip(dz[1].chunks_exact(filters));
    for ((a, b), to) in pixels.zip(vectors.chunks_exact_mut(filters.next_multiple_of(16))) {
        couple(lanes, [a, b], &mut to[..filters], Plain);
    }
}

/// The same values of two images as bf16 elements.
#[inline(always)]
fn couple<L: Lanes>(lanes: L, [a, b]: [&[f32]; 2], to: &mut [u32], value: impl Value) {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let (to, to_rest) = to.as_chunks_mut::<16>();
    for ((a, b), to) in a.iter().zip(b).zip(to) {
        *to = lanes.couple(&each(a, value), &each(b, value));
    }
    for ((a, b), to) in a_rest.iter().zip(b_rest).zip(to_rest) {
        *to = pair(value.of(*a), value.of(*b));
    }
}
