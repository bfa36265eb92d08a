//! Operands: feature maps in the zero-padded, four-byte form that the loops read.
//!
//! A pixel is `[group][element]`; an element is one f32 channel, two bf16 channels (the last of an
//! odd number paired with 0), or, for the weight gradient in bf16, one channel of two images.

/// How channels stand in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// One f32 channel an element.
    Single,
    /// Two bf16 channels an element.
    ChannelPairs,
}

impl Packing {
    /// Elements of `channels` channels of one group.
    pub(super) const fn elements(self, channels: usize) -> usize {
        match self {
            Self::Single => channels,
            Self::ChannelPairs => channels.div_ceil(2),
        }
    }
}

/// The bits of `x` as bf16, rounded to nearest even: what `half::bf16::from_f32` gives, for finite
/// values, without its branch on NaN, so that whole rows are converted in vectors.
#[inline(always)]
fn half_bits(x: f32) -> u32 {
    let bits = x.to_bits();
    bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16
}

/// Two values as one element, the first in the low half.
#[inline(always)]
pub(super) fn pair(low: f32, high: f32) -> u32 {
    half_bits(low) | half_bits(high) << 16
}

/// Where the pixels of a feature map stand in a padded operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placement {
    /// Rows and columns of the feature map.
    pub(super) size: [usize; 2],
    /// Rows and columns of the operand.
    pub(super) padded: [usize; 2],
    /// Row and column of the first pixel.
    pub(super) origin: [usize; 2],
    /// Rows and columns from one pixel to the next.
    pub(super) spacing: [usize; 2],
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
    pub(super) fn write(&self, packing: Packing, image: &[f32], operand: &mut [u32], value: impl Fn(f32) -> f32) {
        let elements = packing.elements(self.channels);
        self.for_each_pixel(image, elements * self.groups, operand, |from, to| {
            for (from, to) in from.chunks_exact(self.channels).zip(to.chunks_exact_mut(elements)) {
                match packing {
                    Packing::Single => {
                        for (to, x) in to.iter_mut().zip(from) {
                            *to = value(*x).to_bits();
                        }
                    }
                    Packing::ChannelPairs => {
                        let (pairs, last) = from.as_chunks::<2>();
                        for (to, x) in to.iter_mut().zip(pairs) {
                            *to = pair(value(x[0]), value(x[1]));
                        }
                        if let ([last], Some(to)) = (last, to.last_mut()) {
                            *to = pair(value(*last), 0.0);
                        }
                    }
                }
            }
        });
    }

    /// Writes the same channel of two images into each element, in bf16.
    #[inline(always)]
    pub(super) fn write_two(&self, images: [&[f32]; 2], operand: &mut [u32], value: impl Fn(f32) -> f32) {
        let pixel = self.channels * self.groups;
        let mut second = images[1].chunks_exact(pixel);
        self.for_each_pixel(images[0], pixel, operand, |from, to| {
            let other = second.next().unwrap_or(from);
            for ((to, a), b) in to.iter_mut().zip(from).zip(other) {
                *to = pair(value(*a), value(*b));
            }
        });
    }

    #[inline(always)]
    fn for_each_pixel(
        &self,
        image: &[f32],
        elements: usize,
        operand: &mut [u32],
        mut visit: impl FnMut(&[f32], &mut [u32]),
    ) {
        let pixel = self.channels * self.groups;
        for (row, values) in image.chunks_exact(self.size[1] * pixel).enumerate() {
            let start = (self.origin[0] + row * self.spacing[0]) * self.padded[1] + self.origin[1];
            let to = &mut operand[start * elements..];
            for (from, to) in values.chunks_exact(pixel).zip(to.chunks_mut(elements * self.spacing[1])) {
                visit(from, &mut to[..elements]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_that_of_the_half_crate() {
        let mut bits = 1u32;
        for _ in 0..100_000 {
            bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let x = f32::from_bits(bits);
            if !x.is_nan() {
                assert_eq!(half_bits(x), u32::from(half::bf16::from_f32(x).to_bits()), "{x:e}");
            }
        }
    }
}
