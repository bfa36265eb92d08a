//! What the kernels with tiles of their own share: which blocks and pixels a tile has, and where its sums go. (Macros, as
//! arrays of registers that are handed to a function go through memory, and a closure stays a call.)

use crate::kernels::generic::tile::{Job, place_of};
use crate::kernels::layout::BLOCK;
use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};

/// Most pixels in a tile: with two blocks of filters 14 counts and 14 sums. 7 divides the maps of networks for 224×224
/// images.
pub(super) const PIXELS: usize = 7;

/// Tiles of a job's pixels.
pub(super) fn tiles<E>(job: &Job<'_, E>) -> usize {
    job.pixels.len().div_ceil(PIXELS)
}

/// Filter blocks of a tile, and where they read and write.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    /// The first block.
    pub(super) block: usize,
    /// Where its group begins within a pixel's inputs.
    pub(super) group: usize,
    /// Where its filters begin within a pixel's outputs, if all blocks are whole.
    pub(super) place: Option<usize>,
    /// What is fetched meanwhile.
    pub(super) ahead: Ahead,
}

impl At {
    /// `R` blocks from `block` on, of `block_len` weights each.
    pub(super) fn of<E, W, const R: usize>(job: &Job<'_, E>, weights: &[W], block: usize, block_len: usize) -> Self {
        // Behind the last blocks the first ones come again, for the pixels of the next call.
        let next = if block + R < job.blocks.end { block + R } else { job.blocks.start };
        let next = &weights[next * block_len..(next + R).min(job.blocks.end) * block_len];
        Self {
            block,
            group: block / job.group_filters.div_ceil(BLOCK) * job.group_len,
            place: place_of::<_, R>(job, block),
            ahead: Ahead::of(next, tiles(job) * job.planes * block_len),
        }
    }
}

/// The weights of the next blocks on their way to the second-level cache, a little with every step: those of wide layers
/// lie farther away, and the first tile that needs them would wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ahead {
    at: *const i8,
    /// Bytes that go with a step.
    advance: usize,
}

impl Ahead {
    /// Weights in equal parts, one for each of `steps` steps.
    fn of<W>(next: &[W], steps: usize) -> Self {
        Self { at: next.as_ptr().cast(), advance: size_of_val(next).div_ceil(steps.max(1)) }
    }

    /// What goes with one step.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn fetch(&mut self) {
        fetch(self.at);
        self.at = self.at.wrapping_byte_add(self.advance);
    }
}

/// Asks for the line of an address.
#[target_feature(enable = "avx512f")]
#[inline]
#[allow(unused_unsafe, reason = "later compilers than the oldest that is supported call it safe")]
pub(super) fn fetch(at: *const i8) {
    // SAFETY: a hint, which reads nothing and may name any address.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(at) };
}

/// Calls `$image` with two filter blocks of a group at a time, or with the last alone.
macro_rules! in_pairs {
    ($image:ident, [$($generic:ident),*], $job:ident, $weights:ident) => {
        let group_blocks = $job.group_filters.div_ceil(BLOCK);
        let mut block = $job.blocks.start;
        while block < $job.blocks.end {
            let paired = block + 1 < $job.blocks.end && block % group_blocks + 1 < group_blocks;
            if paired {
                $image::<$($generic,)* 2>($job, $weights, block);
            } else {
                $image::<$($generic,)* 1>($job, $weights, block);
            }
            block += 1 + usize::from(paired);
        }
    };
}

/// Calls `$tile` with all pixels of `$blocks` filter blocks, in tiles as even as possible.
macro_rules! in_tiles {
    ($tile:ident, [$($generic:ident),*], $blocks:ident, $job:ident, $weights:ident, $at:ident) => {
        let mut pixel = $job.pixels.start;
        let mut tiles = $crate::kernels::avx512::tiles::tiles($job);
        while tiles > 0 {
            let len = ($job.pixels.end - pixel).div_ceil(tiles);
            match len {
                7 => $tile::<7, $($generic,)* $blocks>($job, $weights, &mut $at, pixel),
                6 => $tile::<6, $($generic,)* $blocks>($job, $weights, &mut $at, pixel),
                5 => $tile::<5, $($generic,)* $blocks>($job, $weights, &mut $at, pixel),
                4 => $tile::<4, $($generic,)* $blocks>($job, $weights, &mut $at, pixel),
                3 => $tile::<3, $($generic,)* $blocks>($job, $weights, &mut $at, pixel),
                2 => $tile::<2, $($generic,)* $blocks>($job, $weights, &mut $at, pixel),
                _ => $tile::<1, $($generic,)* $blocks>($job, $weights, &mut $at, pixel),
            }
            pixel += len;
            tiles -= 1;
        }
    };
}

/// Stores the sums of a tile of `P` pixels of `R` filter blocks.
macro_rules! store {
    ($job:ident, $at:ident, $pixel:ident, $sums:ident) => {
        let (filters, start) = ($job.filters.len(), $job.pixels.start);
        let Some(first) = $at.place else {
            let mut lanes = [[Lanes([0.0; BLOCK]); R]; P];
            for p in 0..P {
                for r in 0..R {
                    lanes[p][r].0 = bytemuck::cast($sums[p][r]);
                }
            }
            return $crate::kernels::generic::tile::put($job, $pixel, $at.block, &lanes);
        };
        for p in 0..P {
            let index = ($pixel - start + p) * filters + first;
            for map in $job.soon.at(index) {
                for r in 0..R {
                    $crate::kernels::avx512::tiles::fetch(map.wrapping_add(r * BLOCK).cast());
                }
            }
            let blocks = &mut $job.output[index..].as_chunks_mut::<BLOCK>().0[..R];
            for r in 0..R {
                blocks[r] = bytemuck::cast($sums[p][r]);
            }
        }
    };
}
