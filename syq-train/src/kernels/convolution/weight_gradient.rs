//! The weight gradient: lane = filter, a tile of consecutive (kernel column, channel) accumulators
//! in registers, the reduction over the pixels of some images, two at a time in bf16.

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

    /// Adds Σ x·dz over the images to `sums`, `[group][block][window element][16]`. `gradients` is
    /// `[image][pixel][group][block]` vectors of 16 filters.
    #[inline(always)]
    pub(super) fn run<L: Lanes>(&self, lanes: L, operand: &[u32], gradients: &[[u32; 16]], sums: &mut [[f32; 16]]) {
        let len = sums.len() / self.blocks();
        for (block, sums) in sums.chunks_exact_mut(len).enumerate() {
            self.block(lanes, operand, gradients, block, sums);
        }
    }

    /// The same of one block, `[window element][16]`.
    #[inline(always)]
    pub(super) fn block<L: Lanes>(
        &self,
        lanes: L,
        operand: &[u32],
        gradients: &[[u32; 16]],
        block: usize,
        mut sums: &mut [[f32; 16]],
    ) {
        let operand = &operand[block / self.group_blocks * self.group_step..];
        for run in &self.runs {
            let mut done = 0;
            while done < run.len {
                let operand = &operand[run.offset + done..];
                let count = match run.len - done {
                    24.. if L::ACCUMULATORS >= 24 => self.tile::<L, 24>(lanes, operand, gradients, block, sums),
                    16.. if L::ACCUMULATORS >= 16 => self.tile::<L, 16>(lanes, operand, gradients, block, sums),
                    12.. if L::ACCUMULATORS >= 12 => self.tile::<L, 12>(lanes, operand, gradients, block, sums),
                    // Three channels of three kernel columns.
                    9.. if L::ACCUMULATORS >= 9 => self.tile::<L, 9>(lanes, operand, gradients, block, sums),
                    8.. if L::ACCUMULATORS >= 8 => self.tile::<L, 8>(lanes, operand, gradients, block, sums),
                    6.. if L::ACCUMULATORS >= 6 => self.tile::<L, 6>(lanes, operand, gradients, block, sums),
                    4.. if L::ACCUMULATORS >= 4 => self.tile::<L, 4>(lanes, operand, gradients, block, sums),
                    2.. => self.tile::<L, 2>(lanes, operand, gradients, block, sums),
                    _ => self.tile::<L, 1>(lanes, operand, gradients, block, sums),
                };
                sums = &mut sums[count..];
                done += count;
            }
        }
    }

    #[inline(always)]
    fn tile<L: Lanes, const E: usize>(
        &self,
        lanes: L,
        operand: &[u32],
        gradients: &[[u32; 16]],
        block: usize,
        sums: &mut [[f32; 16]],
    ) -> usize {
        let mut accumulators = [lanes.zero(); E];
        let blocks = self.blocks();
        // `operand` starts at the tile's first element: the last image's stretch is short.
        let images = operand.chunks(self.image_len).zip(gradients.chunks_exact(self.rows * self.columns * blocks));
        for (operand, gradients) in images {
            for (row, gradients) in gradients.chunks_exact(self.columns * blocks).enumerate() {
                let operand = &operand[row * self.row_step..];
                for (column, gradients) in gradients.chunks_exact(blocks).enumerate() {
                    let gradient = lanes.load(&gradients[block]);
                    if let Some(window) = operand[column * self.pixel_step..].first_chunk::<E>() {
                        for e in 0..E {
                            accumulators[e] = lanes.multiply_add(accumulators[e], gradient, window[e]);
                        }
                    }
                }
            }
        }
        for (sum, accumulator) in sums.iter_mut().zip(accumulators) {
            *sum = lanes.values(lanes.add(lanes.floats(sum), accumulator));
        }
        E
    }
}
