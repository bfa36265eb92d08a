//! Byte products of 64 filters at a time: an input element is loaded once for four products.
//!
//! Processors that begin two products in a cycle (Intel's) wait for loads where 32 filters share an element, and what surrounds the
//! six steps of a row of the first convolution's window counts twice as much there. The floats beside the sums do not fit the
//! registers; where a filter has one sum alone there are none until it is complete, so that every processor takes these
//! tiles there.
//!
//! Those floats may as well be the outputs: where the weights are many, all tiles are computed for some subgroups before the
//! next ones, so that each weight comes to the first-level cache once.
//!
//! What it brings: `docs/kernels.md`, "64 filters at a time" and "Some positions at a time".

use super::integer::{self, BYTES};
use super::tiles::At;
use super::units::{Products, products};
use crate::kernels::cost::{WIDE_TILE_BLOCKS as BLOCKS, wide_tile_is_near};
use crate::kernels::generic::tile::Job;
use crate::kernels::layout::{BLOCK, Lanes};
use std::arch::x86_64::*;
use std::ops::Range;

/// Bytes of weights that stay in a first-level cache beside the inputs.
const NEAREST: usize = 32 << 10;

/// Most pixels in a tile: 24 sums, four registers of weights and one of inputs.
const PIXELS: usize = 6;

/// Whether these tiles are the faster ones.
pub(super) fn fits(job: &Job<'_, u32>) -> bool {
    let one_sum = job.ends.len() == 1;
    job.planes == 1
        && wide_tile_is_near(job.block_len.div_ceil(job.ends.len()))
        && (one_sum || products() == Products::Two)
}

/// Computes the job's outputs.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
pub(super) fn convolve(job: &mut Job<'_, u32>, weights: &[Lanes<u32>]) {
    let group_blocks = job.group_filters.div_ceil(BLOCK);
    let mut block = job.blocks.start;
    while block < job.blocks.end {
        // Blocks of the same group.
        let left = (group_blocks - block % group_blocks).min(job.blocks.end - block);
        block += match left {
            BLOCKS.. => {
                image(job, weights, block);
                BLOCKS
            }
            2.. => {
                integer::image::<BYTES, 1, 2>(job, weights.as_chunks().0, block);
                2
            }
            _ => {
                integer::image::<BYTES, 1, 1>(job, weights.as_chunks().0, block);
                1
            }
        };
    }
}

/// All pixels of four filter blocks: for all subgroups, or where the weights are many for those that are near together, then for
/// the next.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
fn image(job: &mut Job<'_, u32>, weights: &[Lanes<u32>], block: usize) {
    let mut at = At::of::<_, _, BLOCKS>(job, weights, block, job.block_len);
    let count = job.ends.len();
    // Sums of part of a block have no place to wait.
    if wide_tile_is_near(job.block_len) || at.place.is_none() {
        return tiles::<WHOLE>(job, weights, &mut at, &Part { subgroups: 0..count, segment: 0 });
    }
    let bytes = BLOCKS * job.block_len * size_of::<Lanes<u32>>();
    let at_once = (NEAREST * count / bytes).max(1);
    for start in (0..count).step_by(at_once) {
        let segment = if start == 0 { 0 } else { job.ends[start - 1] };
        let part = Part { subgroups: start..(start + at_once).min(count), segment };
        tiles::<PART>(job, weights, &mut at, &part);
    }
}

/// All pixels, in tiles as even as possible.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
#[inline]
fn tiles<const SPAN: u8>(job: &mut Job<'_, u32>, weights: &[Lanes<u32>], at: &mut At, part: &Part) {
    let mut pixel = job.pixels.start;
    let mut tiles = job.pixels.len().div_ceil(PIXELS);
    while tiles > 0 {
        let len = (job.pixels.end - pixel).div_ceil(tiles);
        match len {
            6 => tile::<6, BLOCKS, SPAN>(job, weights, at, pixel, part),
            5 => tile::<5, BLOCKS, SPAN>(job, weights, at, pixel, part),
            4 => tile::<4, BLOCKS, SPAN>(job, weights, at, pixel, part),
            3 => tile::<3, BLOCKS, SPAN>(job, weights, at, pixel, part),
            2 => tile::<2, BLOCKS, SPAN>(job, weights, at, pixel, part),
            _ => tile::<1, BLOCKS, SPAN>(job, weights, at, pixel, part),
        }
        pixel += len;
        tiles -= 1;
    }
}

/// What a tile's sums are of: all subgroups, or a part of them. (The loops of the former are faster if they know.)
const WHOLE: u8 = 0;
const PART: u8 = 1;

/// Consecutive subgroups.
struct Part {
    subgroups: Range<usize>,
    /// The first one's first segment.
    segment: usize,
}

/// A part's sums for `P` pixels of `R` filter blocks, added to those of the parts before it, which are in the output.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
#[allow(clippy::needless_range_loop, reason = "an array's own iterator copies the array; measured")]
fn tile<const P: usize, const R: usize, const SPAN: u8>(
    job: &mut Job<'_, u32>,
    weights: &[Lanes<u32>],
    at: &mut At,
    pixel: usize,
    part: &Part,
) {
    let At { block, group, mut ahead, .. } = *at;
    let bases = job.bases::<P>(pixel, group);
    // Slices of one length, so that one comparison stands for all of them.
    let mut x: [&[u32]; P] = [&[]; P];
    for p in 0..P {
        x[p] = &job.input[bases[p]..][..job.window];
    }
    let mut w: [&[Lanes<u32>]; R] = [&[]; R];
    for r in 0..R {
        w[r] = &weights[(block + r) * job.block_len..][..job.block_len];
    }
    let mut sums = [[_mm512_setzero_ps(); R]; P];
    let (subgroups, mut first) =
        if SPAN == WHOLE { (0..job.ends.len(), 0) } else { (part.subgroups.clone(), part.segment) };
    if SPAN == PART && part.subgroups.start > 0 {
        let (filters, place) = (job.filters.len(), at.place.unwrap_or_default());
        for p in 0..P {
            let index = (pixel - job.pixels.start + p) * filters + place;
            let blocks = &job.output[index..].as_chunks::<BLOCK>().0[..R];
            for r in 0..R {
                sums[p][r] = bytemuck::cast(blocks[r]);
            }
        }
    }
    for subgroup in subgroups {
        let end = job.ends[subgroup];
        let segments = &job.segments[first..end];
        first = end;
        let mut counts = [[_mm512_setzero_si512(); R]; P];
        for r in 0..R {
            for p in 0..P {
                counts[p][r] = bytemuck::cast(job.constants[(block + r) * job.ends.len() + subgroup].0);
            }
        }
        for segment in segments {
            let mut inputs: [&[u32]; P] = [&[]; P];
            for p in 0..P {
                inputs[p] = &x[p][segment.offset..][..segment.len];
            }
            let mut weights: [&[Lanes<u32>]; R] = [&[]; R];
            for r in 0..R {
                weights[r] = &w[r][segment.weight..][..segment.len];
            }
            for e in 0..segment.len {
                ahead.fetch();
                for p in 0..P {
                    let x = _mm512_set1_epi32(inputs[p][e].cast_signed());
                    for r in 0..R {
                        counts[p][r] = _mm512_dpbusd_epi32(counts[p][r], x, bytemuck::cast(weights[r][e].0));
                    }
                }
            }
        }
        for r in 0..R {
            let scale = bytemuck::cast(job.scales[(block + r) * job.scale_step + subgroup].0);
            for p in 0..P {
                sums[p][r] = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(counts[p][r]), sums[p][r]);
            }
        }
    }
    at.ahead = ahead;
    store!(job, at, pixel, sums);
}
