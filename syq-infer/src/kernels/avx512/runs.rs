//! Integer sums where every subgroup is one run of words, as with a scale a kernel position: what surrounds a loop of few
//! steps takes longer than the steps.
//!
//! The loops over planes and words are unrolled. A pixel's sum of a short run is finished before the next pixel's begins, so
//! that it needs no register of its own; four pixels' sums of long runs are kept in registers, and their outputs too.
//!
//! What it brings: `docs/kernels.md`, "Runs".

use super::integer::{BITS, BYTES};
use super::tiles::At;
use super::units::{Products, products};
use crate::kernels::generic::tile::{Cursor, Job};
use crate::kernels::layout::{BLOCK, Lanes};
use std::arch::x86_64::*;

/// Pixels of a tile.
const PIXELS: usize = 4;

/// Runs that are all alike, in a form that the tiles know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Runs {
    planes: usize,
    words: usize,
}

impl Runs {
    /// Those of a job, whose weights have `rows` words.
    pub(super) fn of(job: &Job<'_, u32>, step: u8, rows: usize) -> Option<Self> {
        let (planes, words) = (job.planes, job.run_len()?);
        // What is not named is no faster in these tiles.
        let fits = match (step, rows, planes, words) {
            (BYTES, _, 1, 4) | (BITS, _, 1 | 2, 1 | 2) | (BITS, 1, 1 | 2, 4) => true,
            // Processors of two products have faster tiles.
            (BYTES, _, 1, 8) => products() == Products::One,
            _ => false,
        };
        fits.then_some(Self { planes, words })
    }
}

/// Computes the job's outputs; `ROWS` words a weight: +1 and −1 of ternary ones, otherwise one.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
pub(super) fn convolve<const STEP: u8, const ROWS: usize>(
    job: &mut Job<'_, u32>,
    weights: &[[Lanes<u32>; ROWS]],
    runs: Runs,
) {
    match (runs.planes, runs.words) {
        (1, 1) => blocks::<STEP, ROWS, 1, 1, false>(job, weights),
        (1, 2) => blocks::<STEP, ROWS, 1, 2, false>(job, weights),
        (1, 4) if STEP == BYTES => blocks::<STEP, ROWS, 1, 4, false>(job, weights),
        // Four binary words are faster as a long run.
        (1, _) => blocks::<STEP, ROWS, 1, 4, true>(job, weights),
        (_, 1) => blocks::<STEP, ROWS, 2, 1, false>(job, weights),
        (_, 2) => blocks::<STEP, ROWS, 2, 2, false>(job, weights),
        (_, _) => blocks::<STEP, ROWS, 2, 4, false>(job, weights),
    }
}

/// `WORDS` at a time: all of a short run, or as often as a `LONG` one of one plane has so many.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
fn blocks<const STEP: u8, const ROWS: usize, const PLANES: usize, const WORDS: usize, const LONG: bool>(
    job: &mut Job<'_, u32>,
    weights: &[[Lanes<u32>; ROWS]],
) {
    in_pairs!(image, [STEP, ROWS, PLANES, WORDS, LONG], job, weights);
}

/// All pixels of `R` filter blocks.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
fn image<
    const STEP: u8,
    const ROWS: usize,
    const PLANES: usize,
    const WORDS: usize,
    const LONG: bool,
    const R: usize,
>(
    job: &mut Job<'_, u32>,
    weights: &[[Lanes<u32>; ROWS]],
    block: usize,
) {
    let at = At::of::<_, _, R>(job, weights, block, job.block_len);
    let cursor = job.cursor(job.pixels.start, at.group);
    let mut at = (at, cursor);
    let mut pixel = job.pixels.start;
    while pixel + PIXELS <= job.pixels.end {
        tile::<PIXELS, STEP, ROWS, PLANES, WORDS, LONG, R>(job, weights, &mut at, pixel);
        pixel += PIXELS;
    }
    while pixel < job.pixels.end {
        tile::<1, STEP, ROWS, PLANES, WORDS, LONG, R>(job, weights, &mut at, pixel);
        pixel += 1;
    }
}

/// The weights of `R` blocks from `$start` on. (Macros, as arrays of registers that are handed to a function go through
/// memory.)
macro_rules! weights_of {
    ($blocks:ident, $start:expr) => {{
        let mut weight = [[[_mm512_setzero_si512(); ROWS]; WORDS]; R];
        for r in 0..R {
            let from = &$blocks[r][$start..][..WORDS];
            for e in 0..WORDS {
                for row in 0..ROWS {
                    weight[r][e][row] = bytemuck::cast(from[e][row].0);
                }
            }
        }
        weight
    }};
}

/// `$sums` and what the words of one pixel and plane add to them.
macro_rules! summed {
    ($sums:expr, $input:ident, $weight:ident) => {{
        let mut sums: [__m512i; R] = $sums;
        for e in 0..WORDS {
            let x = _mm512_set1_epi32($input[e].cast_signed());
            for r in 0..R {
                let last = $weight[r][e][ROWS - 1];
                sums[r] = if STEP == BYTES {
                    _mm512_dpbusd_epi32(sums[r], x, last)
                } else {
                    let chosen = if ROWS == 2 {
                        _mm512_ternarylogic_epi32::<0xCA>(x, $weight[r][e][0], last)
                    } else {
                        _mm512_xor_si512(x, last)
                    };
                    _mm512_add_epi32(sums[r], _mm512_popcnt_epi32(chosen))
                };
            }
        }
        sums
    }};
}

/// `P` pixels of `R` filter blocks.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
#[allow(clippy::needless_range_loop, reason = "an array's own iterator copies the array; measured")]
fn tile<
    const P: usize,
    const STEP: u8,
    const ROWS: usize,
    const PLANES: usize,
    const WORDS: usize,
    const LONG: bool,
    const R: usize,
>(
    job: &mut Job<'_, u32>,
    weights: &[[Lanes<u32>; ROWS]],
    (at, cursor): &mut (At, Cursor),
    pixel: usize,
) {
    let block = at.block;
    let bases = cursor.advance::<_, P>(job);
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
    for (subgroup, segment) in job.segments.iter().enumerate() {
        let mut constant = [_mm512_setzero_si512(); R];
        let mut scale = [_mm512_setzero_ps(); R];
        for r in 0..R {
            constant[r] = bytemuck::cast(job.constants[(block + r) * job.ends.len() + subgroup].0);
            scale[r] = bytemuck::cast(job.scales[(block + r) * job.scale_step + subgroup].0);
        }
        let mut counts = [[_mm512_setzero_si512(); R]; P];
        if LONG {
            for p in 0..P {
                counts[p] = constant;
            }
            for chunk in 0..segment.len / WORDS {
                let weight = weights_of!(w, segment.weight + chunk * WORDS);
                if STEP == BYTES {
                    for _ in 0..WORDS {
                        at.ahead.fetch();
                    }
                }
                for p in 0..P {
                    let input = &x[p][segment.offset + chunk * WORDS..][..WORDS];
                    counts[p] = summed!(counts[p], input, weight);
                }
            }
        } else {
            let weight = weights_of!(w, segment.weight);
            for p in 0..P {
                // The constant comes before the lowest plane, with twice the counts of the other one.
                counts[p] = constant;
                for plane in (0..PLANES).rev() {
                    let input = &x[p][plane * job.plane_len + segment.offset..][..WORDS];
                    let part = if plane == 0 { counts[p] } else { [_mm512_setzero_si512(); R] };
                    let part = summed!(part, input, weight);
                    for r in 0..R {
                        counts[p][r] =
                            if plane == 0 { part[r] } else { _mm512_dpwssd_epi32(counts[p][r], part[r], two) };
                    }
                }
            }
        }
        for p in 0..P {
            for r in 0..R {
                sums[p][r] = _mm512_fmadd_ps(scale[r], _mm512_cvtepi32_ps(counts[p][r]), sums[p][r]);
            }
        }
    }
    store!(job, at, pixel, sums);
}
