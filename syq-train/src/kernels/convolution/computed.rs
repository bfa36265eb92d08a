//! Operands of feature maps that are computed while they are read: a batch norm's output, or the gradient of
//! its input. Nothing but operands is written.

use super::operand::{Packing, Placement, Plain, Value, each};
use crate::kernels::elementwise::Source;
use crate::kernels::lanes::Lanes;

impl Placement {
    /// Whether rows consist of whole pairs of blocks, as the functions here have it.
    pub(super) fn has_whole_blocks(&self) -> bool {
        self.channels.is_multiple_of(4) && (self.width * self.channels * self.groups).is_multiple_of(32)
    }

    /// [`Self::write`] of an image of `rows` rows.
    #[inline(always)]
    pub(super) fn write_computed<L: Lanes>(
        &self,
        lanes: L,
        packing: Packing,
        rows: usize,
        mut image: impl Source,
        operand: &mut [u32],
        value: impl Value,
    ) {
        let elements = packing.elements(self.channels) * self.groups;
        for row in 0..rows {
            let to = &mut operand[self.row_start(row) * elements..][..self.width * elements];
            match packing {
                Packing::Single => {
                    for to in to.as_chunks_mut::<16>().0 {
                        *to = bytemuck::cast(each(&image.next(), value));
                    }
                }
                Packing::CodeQuads => {
                    for to in to.as_chunks_mut::<4>().0 {
                        *to = lanes.quads(&each(&image.next(), value));
                    }
                }
                Packing::ChannelPairs => {
                    for to in to.as_chunks_mut::<16>().0 {
                        let halves = [each(&image.next(), value), each(&image.next(), value)];
                        *to = lanes.pairs(&bytemuck::cast(halves));
                    }
                }
            }
        }
    }

    /// [`Self::write_two`] of images of `rows` rows.
    #[inline(always)]
    pub(super) fn write_two_computed<L: Lanes, S: Source>(
        &self,
        lanes: L,
        rows: usize,
        [mut a, mut b]: [S; 2],
        operand: &mut [u32],
        value: impl Value,
    ) {
        let pixel = self.channels * self.groups;
        for row in 0..rows {
            let to = &mut operand[self.row_start(row) * pixel..][..self.width * pixel];
            for to in to.as_chunks_mut::<16>().0 {
                *to = lanes.couple(&each(&a.next(), value), &each(&b.next(), value));
            }
        }
    }

    /// From the output gradients of two images the vectors of filters of the weight gradient and, if there are any, both
    /// operands of backward-data, which this places.
    #[inline(always)]
    pub(super) fn write_gradients<L: Lanes, S: Source>(
        &self,
        lanes: L,
        [mut a, mut b]: [S; 2],
        vectors: &mut [u32],
        operands: Option<[&mut [u32]; 2]>,
    ) {
        let len = self.width * self.channels * self.groups;
        let vectors = vectors.chunks_exact_mut(len).map(|row| row.as_chunks_mut::<16>().0.as_chunks_mut::<2>().0);
        let Some([to_a, to_b]) = operands else {
            for vectors in vectors.flatten().flatten() {
                *vectors = lanes.couple(&each(&a.next(), Plain), &each(&b.next(), Plain));
            }
            return;
        };
        for (row, vectors) in vectors.enumerate() {
            let start = self.row_start(row) * len / self.width / 2;
            let [to_a, to_b] = [&mut *to_a, &mut *to_b].map(|to| to[start..][..len / 2].as_chunks_mut::<16>().0);
            for ((vectors, to_a), to_b) in vectors.iter_mut().zip(to_a).zip(to_b) {
                let (a, b) = ([a.next(), a.next()], [b.next(), b.next()]);
                *vectors = [lanes.couple(&a[0], &b[0]), lanes.couple(&a[1], &b[1])];
                *to_a = lanes.pairs(&bytemuck::cast(a));
                *to_b = lanes.pairs(&bytemuck::cast(b));
            }
        }
    }
}
