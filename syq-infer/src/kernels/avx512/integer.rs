//! Integer sums, bit counts and byte products, as the generic tiles have them, with what surrounds the steps cut down.
//!
//! Counts of ternary weights are added as floats (`count`): an addition of integers goes to any vector port, also to those
//! that bit counts need; an addition of floats goes to the others.
//!
//! A tile of few channels with one scale a position spends more on that than on its steps. Here the constant is what a
//! subgroup's sum begins with; where there are several planes, one 16-bit product doubles the sum and adds the constant;
//! and the results go straight from their registers to where they belong. (On a Zen 4, binary weights and activations,
//! 56²×64 pixel-wise: 670 to 790 GMAC/s.)

use super::bytes;
use super::runs::{self, Runs};
use super::tiles::At;
use super::triples;
use crate::kernels::generic::tile::{Job, Segment};
use crate::kernels::layout::{BLOCK, Lanes};
use std::arch::x86_64::*;
use std::hint::black_box;

/// Channels of a word.
const WORD: usize = 32;

/// What a step adds.
pub(super) const BITS: u8 = 0;
pub(super) const BYTES: u8 = 1;

/// Computes the job's outputs: bits where inputs and signs of binary weights differ.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
pub(super) fn binary(job: &mut Job<'_, u32>, weights: &[Lanes<u32>]) {
    convolve::<BITS, 1>(job, weights.as_chunks().0);
}

/// Computes the job's outputs: bits of the +1 weights where the input is set and of the −1 weights where it is not.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
pub(super) fn ternary(job: &mut Job<'_, u32>, weights: &[[Lanes<u32>; 2]]) {
    convolve::<BITS, 2>(job, weights);
}

/// Computes the job's outputs: four products of unsigned and signed bytes a step, exact for all bytes.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
pub(super) fn bytes(job: &mut Job<'_, u32>, weights: &[Lanes<u32>]) {
    const ROWS: usize = 1;
    let words = weights.as_chunks().0;
    match Runs::of(job, BYTES, ROWS) {
        _ if triples::fits(job) => triples::convolve(job, weights),
        Some(runs) => runs::convolve::<BYTES, ROWS>(job, words, runs),
        None if bytes::fits(job) => bytes::convolve(job, weights),
        None => {
            in_pairs!(image, [BYTES, ROWS], job, words);
        }
    }
}

/// `ROWS` words a weight: +1 and −1 of ternary ones, otherwise one.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
fn convolve<const STEP: u8, const ROWS: usize>(job: &mut Job<'_, u32>, weights: &[[Lanes<u32>; ROWS]]) {
    if let Some(runs) = Runs::of(job, STEP, ROWS) {
        return runs::convolve::<STEP, ROWS>(job, weights, runs);
    }
    in_pairs!(image, [STEP, ROWS], job, weights);
}

/// All pixels of `R` filter blocks, in tiles as even as possible.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
pub(super) fn image<const STEP: u8, const ROWS: usize, const R: usize>(
    job: &mut Job<'_, u32>,
    weights: &[[Lanes<u32>; ROWS]],
    block: usize,
) {
    let mut at = At::of::<_, _, R>(job, weights, block, job.block_len);
    in_tiles!(tile, [STEP, ROWS], R, job, weights, at);
}

/// `P` pixels of `R` filter blocks.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
#[allow(clippy::needless_range_loop, reason = "an array's own iterator copies the array; measured")]
fn tile<const P: usize, const STEP: u8, const ROWS: usize, const R: usize>(
    job: &mut Job<'_, u32>,
    weights: &[[Lanes<u32>; ROWS]],
    at: &mut At,
    pixel: usize,
) {
    let At { block, group, mut ahead, .. } = *at;
    let bases = job.bases::<P>(pixel, group);
    // Slices of one length, so that one comparison stands for all of them.
    let mut x: [&[u32]; P] = [&[]; P];
    for p in 0..P {
        x[p] = &job.input[bases[p]..][..job.window];
    }
    let mut w: [&[[Lanes<u32>; ROWS]]; R] = [&[]; R];
    for r in 0..R {
        w[r] = &weights[(block + r) * job.block_len..][..job.block_len];
    }
    let two = _mm512_set1_epi32(2);
    let mut sums = [[_mm512_setzero_ps(); R]; P];
    let mut first = 0;
    for (subgroup, &end) in job.ends.iter().enumerate() {
        let segments = &job.segments[first..end];
        first = end;
        let mut constants = [_mm512_setzero_si512(); R];
        for r in 0..R {
            constants[r] = bytemuck::cast(job.constants[(block + r) * job.ends.len() + subgroup].0);
        }
        let narrow = largest_count(segments, job.planes) <= i16::MAX as usize;
        let mut counts = [[_mm512_setzero_si512(); R]; P];
        for plane in (0..job.planes).rev() {
            // Horner's rule, and the constant before the lowest plane; what floats count, with the constant behind it, begins
            // with a count.
            for p in 0..P {
                for r in 0..R {
                    counts[p][r] = if STEP == BITS && ROWS == 2 {
                        _mm512_add_epi32(counts[p][r], counts[p][r])
                    } else if plane + 1 == job.planes {
                        if plane == 0 { constants[r] } else { counts[p][r] }
                    } else if plane == 0 && narrow {
                        _mm512_dpwssd_epi32(constants[r], counts[p][r], two)
                    } else {
                        let twice = _mm512_add_epi32(counts[p][r], counts[p][r]);
                        if plane == 0 { _mm512_add_epi32(twice, constants[r]) } else { twice }
                    };
                }
            }
            let mut counted = STEP != BITS || ROWS != 2 || plane + 1 != job.planes;
            for segment in segments {
                let at = plane * job.plane_len + segment.offset;
                let mut inputs: [&[u32]; P] = [&[]; P];
                for p in 0..P {
                    inputs[p] = &x[p][at..][..segment.len];
                }
                let mut weights: [&[[Lanes<u32>; ROWS]]; R] = [&[]; R];
                for r in 0..R {
                    weights[r] = &w[r][segment.weight..][..segment.len];
                }
                let mut e = 0;
                if !counted {
                    counted = true;
                    for p in 0..P {
                        let x = _mm512_set1_epi32(inputs[p][0].cast_signed());
                        for r in 0..R {
                            let weight = &weights[r][0];
                            let (plus, minus) = (bytemuck::cast(weight[0].0), bytemuck::cast(weight[ROWS - 1].0));
                            let chosen = _mm512_ternarylogic_epi32::<0xCA>(x, plus, minus);
                            counts[p][r] = _mm512_popcnt_epi32(chosen);
                        }
                    }
                    e = 1;
                }
                while e < segment.len {
                    if STEP == BYTES {
                        ahead.fetch();
                    }
                    for p in 0..P {
                        let x = _mm512_set1_epi32(inputs[p][e].cast_signed());
                        for r in 0..R {
                            let weight = &weights[r][e];
                            let last = bytemuck::cast(weight[ROWS - 1].0);
                            counts[p][r] = if STEP == BYTES {
                                _mm512_dpbusd_epi32(counts[p][r], x, last)
                            } else if ROWS == 2 {
                                let chosen = _mm512_ternarylogic_epi32::<0xCA>(x, bytemuck::cast(weight[0].0), last);
                                count(counts[p][r], _mm512_popcnt_epi32(chosen))
                            } else {
                                _mm512_add_epi32(counts[p][r], _mm512_popcnt_epi32(_mm512_xor_si512(x, last)))
                            };
                        }
                    }
                    e += 1;
                }
            }
        }
        for r in 0..R {
            let scale = bytemuck::cast(job.scales[(block + r) * job.scale_step + subgroup].0);
            for p in 0..P {
                let counted = counts[p][r];
                let exact = if STEP == BITS && ROWS == 2 { _mm512_add_epi32(counted, constants[r]) } else { counted };
                sums[p][r] = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(exact), sums[p][r]);
            }
        }
    }
    at.ahead = ahead;
    store!(job, at, pixel, sums);
}

/// The sum of counts below 2²⁴, lane by lane: of the subnormal floats that have their bits, and of the least normal ones.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
#[inline]
fn count(a: __m512i, b: __m512i) -> __m512i {
    _mm512_castps_si512(_mm512_add_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b)))
}

/// Whether floats can count in this thread: a program that embeds this one may have told the processor to take subnormal
/// numbers for zeros.
pub(super) fn floats_count() -> bool {
    let one = black_box(f32::from_bits(1));
    black_box(one + one).to_bits() == 2
}

/// What the planes but the lowest of a subgroup count at most.
#[inline]
fn largest_count(segments: &[Segment], planes: usize) -> usize {
    let words: usize = segments.iter().map(|segment| segment.len).sum();
    words * WORD * ((1 << (planes - 1)) - 1)
}
