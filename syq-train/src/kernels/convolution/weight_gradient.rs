//! The weight gradient: lane = filter, a tile of consecutive (kernel column, channel) accumulators
//! of one or two blocks of filters in registers, the reduction over the pixels of some images, two at a time in bf16.

use super::walk::Segment;
use crate::kernels::lanes::Lanes;

/// What the weight gradient reads and where it adds.
#[derive(Clone, Debug)]
pub(super) struct Gather {
    /// The runs of elements that make up a window.
    pub(super) runs: Vec<Segment>,
    /// Elements from one window to the next in a row, and from one row of windows to the next.
    pub(super) pixel_step: usize,
    pub(super) row_step: usize,
    /// Elements from one image to the next.
    pub(super) image_len: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Groups, elements from one group's channels to the next one's, blocks of 16 filters a group.
    pub(super) groups: usize,
    pub(super) group_step: usize,
    pub(super) group_blocks: usize,
}

impl Gather {
    /// Blocks of 16 filters of all groups.
    pub(super) fn blocks(&self) -> usize {
        self.groups * self.group_blocks
    }

    /// Adds Σ x·dz over the images to `sums`, `[block][window element][16]`, whose first block is `block` of
    /// `[group][block]`. `gradients` is `[image][pixel][group][block]` vectors of 16 filters.
    #[inline(always)]
    pub(super) fn run<L: Lanes>(
        &self,
        lanes: L,
        operand: &[u32],
        gradients: &[[u32; 16]],
        mut block: usize,
        sums: &mut [[f32; 16]],
    ) {
        let len = self.runs.iter().map(|run| run.len).sum::<usize>().max(1);
        let read = Read { operand, gradients, block };
        if L::TWO_BLOCKS && self.group_blocks.is_multiple_of(2) && sums.len().is_multiple_of(2 * len) {
            for sums in sums.chunks_exact_mut(2 * len) {
                let (first, second) = sums.split_at_mut(len);
                self.blocks_of(lanes, Read { block, ..read }, [first, second]);
                block += 2;
            }
            return;
        }
        for sums in sums.chunks_exact_mut(len) {
            self.blocks_of(lanes, Read { block, ..read }, [sums]);
            block += 1;
        }
    }

    /// The same of `B` blocks of one group.
    #[inline(always)]
    fn blocks_of<L: Lanes, const B: usize>(&self, lanes: L, read: Read<'_>, mut sums: [&mut [[f32; 16]]; B]) {
        let operand = &read.operand[read.block / self.group_blocks * self.group_step..];
        let mut sum = 0;
        for run in &self.runs {
            let mut done = 0;
            while done < run.len {
                let read = Read { operand: &operand[run.offset + done..], ..read };
                let count = match run.len - done {
                    24.. if L::ACCUMULATORS >= 24 * B => self.tile::<L, 24, B>(lanes, read, &mut sums, sum),
                    16.. if L::ACCUMULATORS >= 16 * B => self.tile::<L, 16, B>(lanes, read, &mut sums, sum),
                    12.. if L::ACCUMULATORS >= 12 * B => self.tile::<L, 12, B>(lanes, read, &mut sums, sum),
                    // Three channels of three kernel columns.
                    9.. if L::ACCUMULATORS >= 9 * B => self.tile::<L, 9, B>(lanes, read, &mut sums, sum),
                    8.. if L::ACCUMULATORS >= 8 * B => self.tile::<L, 8, B>(lanes, read, &mut sums, sum),
                    6.. if L::ACCUMULATORS >= 6 * B => self.tile::<L, 6, B>(lanes, read, &mut sums, sum),
                    4.. if L::ACCUMULATORS >= 4 * B => self.tile::<L, 4, B>(lanes, read, &mut sums, sum),
                    2.. => self.tile::<L, 2, B>(lanes, read, &mut sums, sum),
                    _ => self.tile::<L, 1, B>(lanes, read, &mut sums, sum),
                };
                sum += count;
                done += count;
            }
        }
    }

    /// The sums of `E` elements from the operand's first on, which go to `sums` from `first` on.
    #[inline(always)]
    fn tile<L: Lanes, const E: usize, const B: usize>(
        &self,
        lanes: L,
        read: Read<'_>,
        sums: &mut [&mut [[f32; 16]]; B],
        first: usize,
    ) -> usize {
        let mut accumulators = [[lanes.zero(); B]; E];
        let blocks = self.blocks();
        // The last image's stretch is short.
        let images = read.operand.chunks(self.image_len);
        let gradients = read.gradients.chunks_exact(self.rows * self.columns * blocks);
        for (operand, gradients) in images.zip(gradients) {
            for (row, gradients) in gradients.chunks_exact(self.columns * blocks).enumerate() {
                let operand = &operand[row * self.row_step..];
                for (column, gradients) in gradients.chunks_exact(blocks).enumerate() {
                    let of_blocks = gradients[read.block..].first_chunk::<B>();
                    let window = operand[column * self.pixel_step..].first_chunk::<E>();
                    if let (Some(of_blocks), Some(window)) = (of_blocks, window) {
                        let mut gradients = [lanes.load(&of_blocks[0]); B];
                        for b in 1..B {
                            gradients[b] = lanes.load(&of_blocks[b]);
                        }
                        for e in 0..E {
                            for b in 0..B {
                                accumulators[e][b] = lanes.multiply_add(accumulators[e][b], gradients[b], window[e]);
                            }
                        }
                    }
                }
            }
        }
        for b in 0..B {
            let sums = &mut sums[b][first..][..E];
            for e in 0..E {
                sums[e] = lanes.values(lanes.add(lanes.floats(&sums[e]), accumulators[e][b]));
            }
        }
        E
    }
}

/// What a weight gradient reads, and the first block of filters that is summed.
#[derive(Clone, Copy)]
struct Read<'a> {
    operand: &'a [u32],
    gradients: &'a [[u32; 16]],
    block: usize,
}
