//! Weight codes as the packing reads them: a few filters at a time, from bytes or from 1 or 2 bits.

use std::ops::Range;
use syq_core::Codebook;
use syq_pack::PackedCodes;

/// Valid codes of a layer, `[filter][kernel row][kernel column][channel of the group]`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Codes<'a> {
    /// A byte each.
    Bytes(&'a [i8]),
    /// 1 or 2 bits each: a range is unpacked when it is read, and stays in the cache until it is packed.
    Packed(&'a PackedCodes),
}

impl<'a> Codes<'a> {
    /// The packed words of `codebook`, if the codes are packed and whole groups of 32 weights are whole words
    /// in each position of `channels` channels.
    pub(super) fn words(self, codebook: Codebook, channels: usize) -> Option<&'a [u32]> {
        match self {
            Self::Packed(codes) if codes.codebook() == codebook && channels.is_multiple_of(32) => Some(codes.words()),
            _ => None,
        }
    }
}

/// A tensor that is read range by range.
pub(super) trait Ranges<T> {
    /// The elements of a range inside the tensor; `scratch` is where they may be made.
    fn range<'s>(&'s self, range: Range<usize>, scratch: &'s mut Vec<T>) -> &'s [T];
}

impl Ranges<i8> for Codes<'_> {
    fn range<'s>(&'s self, range: Range<usize>, scratch: &'s mut Vec<i8>) -> &'s [i8] {
        match self {
            Self::Bytes(codes) => &codes[range],
            Self::Packed(codes) => {
                scratch.resize(range.len(), 0);
                codes.unpack_from(range.start, scratch);
                scratch
            }
        }
    }
}

impl<T> Ranges<T> for &[T] {
    fn range<'s>(&'s self, range: Range<usize>, _: &'s mut Vec<T>) -> &'s [T] {
        &self[range]
    }
}
