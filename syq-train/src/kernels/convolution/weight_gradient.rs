//! The weight gradient: lane = filter, a tile of consecutive (kernel column, channel) accumulators
//! in registers, the reduction over the pixels of one image, or of two in bf16.

use crate::kernels::lanes::Lanes;

/// What the weight gradient of one group reads and where it adds.
#[derive(Clone, Debug)]
pub(super) struct Gather {
    /// Offsets and lengths, in elements from a window's first, of the runs that make up a window.
    pub(super) runs: Vec<(usize, usize)>,
    /// Elements from one window to the next in a row, and from one row of windows to the next.
    pub(super) pixel_step: usize,
    pub(super) row_step: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Blocks of 16 filters of all groups, and the first of this group.
    pub(super) blocks: usize,
    pub(super) first_block: usize,
    /// Blocks of this group.
    pub(super) group_blocks: usize,
}

impl Gather {
    /// Adds Σ x·dz to `sums`, `[block][window element][16]`. `gradients` is
    /// `[pixel][block]` vectors of 16 filters.
    #[inline(always)]
    pub(super) fn run<L: Lanes>(&self, lanes: L, operand: &[u32], gradients: &[[u32; 16]], sums: &mut [[f32; 16]]) {
        let mut sums = sums;
        for block in self.first_block..self.first_block + self.group_blocks {
            for &(offset, len) in &self.runs {
                let mut done = 0;
                while done < len {
                    let from = offset + done;
                    let count = match len - done {
                        24.. => self.tile::<L, 24>(lanes, operand, from, gradients, block, sums),
                        16.. => self.tile::<L, 16>(lanes, operand, from, gradients, block, sums),
                        8.. => self.tile::<L, 8>(lanes, operand, from, gradients, block, sums),
                        _ => self.tile::<L, 1>(lanes, operand, from, gradients, block, sums),
                    };
                    sums = &mut sums[count..];
                    done += count;
                }
            }
        }
    }

    #[inline(always)]
    fn tile<L: Lanes, const E: usize>(
        &self,
        lanes: L,
        operand: &[u32],
        from: usize,
        gradients: &[[u32; 16]],
        block: usize,
        sums: &mut [[f32; 16]],
    ) -> usize {
        let mut accumulators = [lanes.zero(); E];
        let mut gradients = gradients.chunks_exact(self.blocks);
        for row in 0..self.rows {
            let mut x = &operand[row * self.row_step + from..];
            for column in 0..self.columns {
                if let (Some(gradient), Some(window)) = (gradients.next(), x.first_chunk::<E>()) {
                    let gradient = lanes.load(&gradient[block]);
                    for e in 0..E {
                        accumulators[e] = lanes.multiply_add(accumulators[e], gradient, window[e]);
                    }
                }
                if column + 1 < self.columns {
                    x = &x[self.pixel_step..];
                }
            }
        }
        for (sum, accumulator) in sums.iter_mut().zip(accumulators) {
            for (sum, value) in sum.iter_mut().zip(lanes.values(accumulator)) {
                *sum += value;
            }
        }
        E
    }
}
