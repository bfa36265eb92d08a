//! Sums of codes, looked up in tables of 64 bytes: one byte permutation finds those of four times four codes
//! for sixteen filters, and the product with a constant widens and adds them.
//!
//! The tables are those of [`InputFormat::WideTables`](crate::kernels::InputFormat::WideTables); a filter's four
//! bytes say which entries. For binary weights the entries are signed, and Σ q·u is the sum of what is found; for
//! ternary weights it is that of the +1 weights less that of the −1 weights. Codes of eight bits are two halves
//! with tables of their own; the high ones count 16 times.

use super::permute_runs::{self, Runs};
use super::tiles::At;
use crate::kernels::generic::tile::{Cursor, Job};
use crate::kernels::layout::{BLOCK, HALF_WEIGHT, Lanes};
use std::arch::x86_64::*;

/// Tables of sixteen channels, 64 bytes.
type Table = [u32; BLOCK];

/// Computes the job's outputs with binary weights.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
pub(super) fn binary(job: &mut Job<'_, u32>, weights: &[Lanes<u32>]) {
    convolve::<1>(job, weights);
}

/// Computes the job's outputs with ternary weights.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
pub(super) fn ternary(job: &mut Job<'_, u32>, weights: &[[Lanes<u32>; 2]]) {
    convolve::<2>(job, weights.as_flattened());
}

/// `ROWS` look-ups a weight: one of binary, two of ternary ones.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
fn convolve<const ROWS: usize>(job: &mut Job<'_, u32>, weights: &[Lanes<u32>]) {
    if let Some(runs) = Runs::of(job) {
        return permute_runs::convolve::<ROWS>(job, weights, runs);
    }
    in_pairs!(image, [ROWS], job, weights);
}

/// All pixels of `R` filter blocks, in tiles as even as possible.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
fn image<const ROWS: usize, const R: usize>(job: &mut Job<'_, u32>, weights: &[Lanes<u32>], block: usize) {
    let at = At::of::<_, _, R>(job, weights, block, job.block_len / BLOCK * ROWS);
    let cursor = job.cursor(job.pixels.start, at.group);
    let mut at = (at, cursor);
    in_tiles!(tile, [ROWS], R, job, weights, at);
}

/// `P` pixels of `R` filter blocks.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
#[allow(clippy::needless_range_loop, reason = "an array's own iterator copies the array; measured")]
fn tile<const P: usize, const ROWS: usize, const R: usize>(
    job: &mut Job<'_, u32>,
    weights: &[Lanes<u32>],
    (at, cursor): &mut (At, Cursor),
    pixel: usize,
) {
    let At { block, mut ahead, .. } = *at;
    let block_len = job.block_len / BLOCK * ROWS;
    let bases = cursor.advance::<_, P>(job);
    let mut rows: [&[Lanes<u32>]; R] = [&[]; R];
    for r in 0..R {
        rows[r] = &weights[(block + r) * block_len..][..block_len];
    }
    let mut sums = [[_mm512_setzero_ps(); R]; P];
    let mut first = 0;
    for (subgroup, &end) in job.ends.iter().enumerate() {
        let mut acc = [[_mm512_setzero_si512(); R]; P];
        for plane in 0..job.planes {
            let factor = _mm512_set1_epi8(HALF_WEIGHT.pow(plane as u32) as i8);
            for segment in &job.segments[first..end] {
                // In tables, of which each is sixteen elements.
                let len = segment.len / BLOCK;
                let mut x: [&[Table]; P] = [&[]; P];
                for p in 0..P {
                    let offset = bases[p] + plane * job.plane_len + segment.offset;
                    x[p] = &job.input[offset..][..segment.len].as_chunks().0[..len];
                }
                let mut w: [&[[Lanes<u32>; ROWS]]; R] = [&[]; R];
                for r in 0..R {
                    w[r] = &rows[r][segment.weight / BLOCK * ROWS..][..len * ROWS].as_chunks().0[..len];
                }
                let mut e = 0;
                // Two of binary weights are added as bytes first: a permutation and half of an addition and of a
                // product keep all ports busy, where the products of one each would be waited for.
                while ROWS == 1 && e + 2 <= len {
                    ahead.fetch();
                    ahead.fetch();
                    for p in 0..P {
                        let tables: [__m512i; 2] = [bytemuck::cast(x[p][e]), bytemuck::cast(x[p][e + 1])];
                        for r in 0..R {
                            let first = _mm512_permutexvar_epi8(bytemuck::cast(w[r][e][0].0), tables[0]);
                            let second = _mm512_permutexvar_epi8(bytemuck::cast(w[r][e + 1][0].0), tables[1]);
                            acc[p][r] = _mm512_dpbusd_epi32(acc[p][r], factor, _mm512_add_epi8(first, second));
                        }
                    }
                    e += 2;
                }
                while e < len {
                    for _ in 0..ROWS {
                        ahead.fetch();
                    }
                    for p in 0..P {
                        let table: __m512i = bytemuck::cast(x[p][e]);
                        for r in 0..R {
                            let mut found = _mm512_permutexvar_epi8(bytemuck::cast(w[r][e][0].0), table);
                            if ROWS == 2 {
                                let less = _mm512_permutexvar_epi8(bytemuck::cast(w[r][e][ROWS - 1].0), table);
                                found = _mm512_sub_epi8(found, less);
                            }
                            acc[p][r] = _mm512_dpbusd_epi32(acc[p][r], factor, found);
                        }
                    }
                    e += 1;
                }
            }
        }
        first = end;
        // A codebook's scales are those of all filters.
        let scale = _mm512_set1_ps(job.scales[subgroup].0[0]);
        for p in 0..P {
            for r in 0..R {
                let exact = _mm512_cvtepi32_ps(acc[p][r]);
                sums[p][r] = _mm512_fmadd_ps(scale, exact, sums[p][r]);
            }
        }
    }
    at.ahead = ahead;
    store!(job, at, pixel, sums);
}
