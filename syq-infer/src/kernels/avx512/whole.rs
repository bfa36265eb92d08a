//! Byte products that all belong to one subgroup, as 8-bit weights' do: a filter's sum is one count, so that no register
//! holds a sum beside it, and a tile has twice the pixels.
//!
//! What surrounds a tile's steps takes as long as ten to twenty of them, and the first convolution has 42.

use super::tiles::At;
use crate::kernels::generic::tile::Job;
use crate::kernels::layout::{BLOCK, Lanes};
use std::arch::x86_64::*;

/// Pixels of a tile: with two blocks of filters 28 counts, which leave room for two weights and an input.
const PIXELS: usize = 14;

/// Whether a job's products are such.
pub(super) fn is_whole(job: &Job<'_, u32>) -> bool {
    job.ends.len() == 1 && job.planes == 1
}

/// All pixels of `R` filter blocks, as far as they fill whole tiles; returns the first pixel behind those.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
pub(super) fn image<const R: usize>(job: &mut Job<'_, u32>, weights: &[Lanes<u32>], at: &mut At) -> usize {
    let mut pixel = job.pixels.start;
    while pixel + PIXELS <= job.pixels.end {
        tile::<PIXELS, R>(job, weights, at, pixel);
        pixel += PIXELS;
    }
    pixel
}

/// `P` pixels of `R` filter blocks.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
#[allow(clippy::needless_range_loop, reason = "an array's own iterator copies the array; measured")]
fn tile<const P: usize, const R: usize>(job: &mut Job<'_, u32>, weights: &[Lanes<u32>], at: &mut At, pixel: usize) {
    let At { block, group, mut ahead, .. } = *at;
    let bases = job.bases::<P>(pixel, group);
    // Slices of one length, so that one comparison stands for all of them.
    let mut x: [&[u32]; P] = [&[]; P];
    for p in 0..P {
        x[p] = &job.input[bases[p]..][..job.window];
    }
    let mut w: [&[Lanes<u32>]; R] = [&[]; R];
    let mut constant = [_mm512_setzero_si512(); R];
    for r in 0..R {
        w[r] = &weights[(block + r) * job.block_len..][..job.block_len];
        constant[r] = bytemuck::cast(job.constants[block + r].0);
    }
    let mut counts = [constant; P];
    for segment in job.segments {
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
    let mut sums = [[_mm512_setzero_ps(); R]; P];
    for r in 0..R {
        let scale = bytemuck::cast(job.scales[(block + r) * job.scale_step].0);
        for p in 0..P {
            sums[p][r] = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(counts[p][r]), _mm512_setzero_ps());
        }
    }
    at.ahead = ahead;
    store!(job, at, pixel, sums);
}
