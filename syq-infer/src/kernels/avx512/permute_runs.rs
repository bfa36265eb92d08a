//! Look-ups by permutation where every subgroup is one run of tables, as with a scale a kernel position: the loops over
//! planes and tables are unrolled, as in `runs.rs`.
//!
//! What it brings: `docs/kernels.md`, "Runs".

use super::tiles::At;
use crate::kernels::generic::tile::{Cursor, Job};
use crate::kernels::layout::{BLOCK, HALF_WEIGHT, Lanes};
use std::arch::x86_64::*;

/// Pixels of a tile.
const PIXELS: usize = 4;

/// Pixels of a tile where weights are better read less often than all sums kept in registers.
const MORE_PIXELS: usize = 7;

/// Tables of the longest run of which that is not true.
const FEW_TABLES: usize = 8;

/// Runs that are all alike, in a form that the tiles know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Runs {
    planes: usize,
    tables: usize,
}

impl Runs {
    /// Those of a job.
    pub(super) fn of(job: &Job<'_, u32>) -> Option<Self> {
        let (planes, tables) = (job.planes, job.run_len()? / BLOCK);
        let fits = matches!(planes, 1 | 2) && (matches!(tables, 1 | 3) || tables.is_multiple_of(2));
        fits.then_some(Self { planes, tables })
    }
}

/// Computes the job's outputs; `ROWS` look-ups a weight: one of binary, two of ternary ones.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
pub(super) fn convolve<const ROWS: usize>(job: &mut Job<'_, u32>, weights: &[Lanes<u32>], runs: Runs) {
    match (runs.planes, runs.tables) {
        (1, 1) => blocks::<ROWS, 1, 1, false>(job, weights),
        (1, 2) => blocks::<ROWS, 1, 2, false>(job, weights),
        (1, 3) => blocks::<ROWS, 1, 3, false>(job, weights),
        (1, 4) => blocks::<ROWS, 1, 4, false>(job, weights),
        (1, tables) if ROWS == 1 && tables % 4 == 0 => blocks::<ROWS, 1, 4, true>(job, weights),
        (1, _) => blocks::<ROWS, 1, 2, true>(job, weights),
        (_, 1) => blocks::<ROWS, 2, 1, false>(job, weights),
        (_, 2) => blocks::<ROWS, 2, 2, false>(job, weights),
        (_, 3) => blocks::<ROWS, 2, 3, false>(job, weights),
        (_, 4) => blocks::<ROWS, 2, 4, false>(job, weights),
        (_, tables) if ROWS == 1 && tables % 4 == 0 => blocks::<ROWS, 2, 4, true>(job, weights),
        (_, _) => blocks::<ROWS, 2, 2, true>(job, weights),
    }
}

/// `TABLES` at a time, of runs of as many, or of `LONG` ones of several times as many.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
fn blocks<const ROWS: usize, const PLANES: usize, const TABLES: usize, const LONG: bool>(
    job: &mut Job<'_, u32>,
    weights: &[Lanes<u32>],
) {
    in_pairs!(image, [ROWS, PLANES, TABLES, LONG], job, weights);
}

/// All pixels of `R` filter blocks.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
fn image<const ROWS: usize, const PLANES: usize, const TABLES: usize, const LONG: bool, const R: usize>(
    job: &mut Job<'_, u32>,
    weights: &[Lanes<u32>],
    block: usize,
) {
    let at = At::of::<_, _, R>(job, weights, block, job.block_len / BLOCK * ROWS);
    let cursor = job.cursor(job.pixels.start, at.group);
    let mut at = (at, cursor);
    let mut pixel = job.pixels.start;
    let many = LONG && PLANES == 1 && job.segments.first().is_some_and(|segment| segment.len > FEW_TABLES * BLOCK);
    while many && pixel + MORE_PIXELS <= job.pixels.end {
        tile::<MORE_PIXELS, ROWS, PLANES, TABLES, LONG, R>(job, weights, &mut at, pixel);
        pixel += MORE_PIXELS;
    }
    while pixel + PIXELS <= job.pixels.end {
        tile::<PIXELS, ROWS, PLANES, TABLES, LONG, R>(job, weights, &mut at, pixel);
        pixel += PIXELS;
    }
    while pixel < job.pixels.end {
        tile::<1, ROWS, PLANES, TABLES, LONG, R>(job, weights, &mut at, pixel);
        pixel += 1;
    }
}

/// `P` pixels of `R` filter blocks.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
#[allow(clippy::needless_range_loop, reason = "an array's own iterator copies the array; measured")]
fn tile<
    const P: usize,
    const ROWS: usize,
    const PLANES: usize,
    const TABLES: usize,
    const LONG: bool,
    const R: usize,
>(
    job: &mut Job<'_, u32>,
    weights: &[Lanes<u32>],
    (at, cursor): &mut (At, Cursor),
    pixel: usize,
) {
    let block = at.block;
    let block_len = job.block_len / BLOCK * ROWS;
    let bases = cursor.advance::<_, P>(job);
    let mut x: [&[u32]; P] = [&[]; P];
    for p in 0..P {
        x[p] = &job.input[bases[p]..][..job.window];
    }
    let mut rows: [&[Lanes<u32>]; R] = [&[]; R];
    for r in 0..R {
        rows[r] = &weights[(block + r) * block_len..][..block_len];
    }
    // Of the low halves, and of the high ones.
    let factors = [_mm512_set1_epi8(1), _mm512_set1_epi8(HALF_WEIGHT as i8)];
    let mut sums = [[_mm512_setzero_ps(); R]; P];
    for (subgroup, segment) in job.segments.iter().enumerate() {
        // A codebook's scales are those of all filters.
        let scale = _mm512_set1_ps(job.scales[subgroup].0[0]);
        let mut counts = [[_mm512_setzero_si512(); R]; P];
        for chunk in 0..if LONG { segment.len / (BLOCK * TABLES) } else { 1 } {
            let mut weight = [[[_mm512_setzero_si512(); ROWS]; TABLES]; R];
            for r in 0..R {
                let from = &rows[r][(segment.weight / BLOCK + chunk * TABLES) * ROWS..][..TABLES * ROWS];
                for table in 0..TABLES {
                    for row in 0..ROWS {
                        weight[r][table][row] = bytemuck::cast(from[table * ROWS + row].0);
                    }
                }
                if LONG {
                    for _ in 0..TABLES * ROWS / 2 {
                        at.ahead.fetch();
                    }
                }
            }
            for p in 0..P {
                for plane in 0..PLANES {
                    let from = plane * job.plane_len + segment.offset + chunk * TABLES * BLOCK;
                    let input = &x[p][from..][..TABLES * BLOCK];
                    let mut found = [_mm512_setzero_si512(); R];
                    for table in 0..TABLES {
                        let entries: __m512i = bytemuck::cast(input.as_chunks::<BLOCK>().0[table]);
                        for r in 0..R {
                            let mut part = _mm512_permutexvar_epi8(weight[r][table][0], entries);
                            if ROWS == 2 {
                                let less = _mm512_permutexvar_epi8(weight[r][table][ROWS - 1], entries);
                                part = _mm512_sub_epi8(part, less);
                            }
                            // Two of them fit a byte: 2 · 4 · 15 = 120.
                            found[r] = if table % 2 == 0 { part } else { _mm512_add_epi8(found[r], part) };
                            if table % 2 == 1 || table + 1 == TABLES {
                                counts[p][r] = _mm512_dpbusd_epi32(counts[p][r], factors[plane], found[r]);
                            }
                        }
                    }
                }
                if !LONG {
                    for r in 0..R {
                        sums[p][r] = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(counts[p][r]), sums[p][r]);
                    }
                }
            }
        }
        if LONG {
            for p in 0..P {
                for r in 0..R {
                    sums[p][r] = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(counts[p][r]), sums[p][r]);
                }
            }
        }
    }
    store!(job, at, pixel, sums);
}
