//! Byte products of few channels under a kernel of three columns with a scale a position: pixels that lie side by side share
//! most of their inputs.
//!
//! Four pixels of a row see six columns. Each element is loaded once for the up to three positions that meet it, the weights
//! of sixteen channels of which stay in registers, where tiles of one position at a time (`runs.rs`) load it three
//! times. Processors that begin two products in a cycle wait for those loads.
//!
//! What it brings: `docs/kernels.md`, "Three columns at a time".

use super::tiles::At;
use super::units::{Products, products};
use crate::kernels::generic::tile::{Job, Segment};
use crate::kernels::layout::{BLOCK, Lanes};
use std::arch::x86_64::*;

/// Kernel columns.
const COLUMNS: usize = 3;

/// Elements of a pixel: those of 16 and of 32 channels. With 64 the tiles of 64 filters are faster.
const FEW: usize = 4;
const MORE: usize = 8;

/// Elements that are taken at a time.
const ELEMENTS: usize = 4;

/// Pixels of a tile.
const PIXELS: usize = 4;

/// Blocks of filters, as [`At::of`] and `store!` count them.
const R: usize = 1;

/// Whether these tiles can compute the job, and are the faster ones.
pub(super) fn fits(job: &Job<'_, u32>) -> bool {
    let Some(len) = job.run_len() else { return false };
    let (rows, rest) = job.segments.as_chunks::<COLUMNS>();
    let next = |a: &Segment, b: &Segment| b.offset == a.offset + len && b.weight == a.weight + len;
    job.planes == 1
        && matches!(len, FEW | MORE)
        && job.column_step == len
        && rest.is_empty()
        && rows.iter().all(|[a, b, c]| next(a, b) && next(b, c))
        && products() == Products::Two
}

/// Computes the job's outputs.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
pub(super) fn convolve(job: &mut Job<'_, u32>, weights: &[Lanes<u32>]) {
    if job.column_step == FEW { blocks::<FEW>(job, weights) } else { blocks::<MORE>(job, weights) }
}

/// All blocks, of pixels of `LEN` elements.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
fn blocks<const LEN: usize>(job: &mut Job<'_, u32>, weights: &[Lanes<u32>]) {
    for block in job.blocks.clone() {
        let at = At::of::<_, _, R>(job, weights, block, job.block_len);
        let mut cursor = job.cursor(job.pixels.start, at.group);
        let mut pixel = job.pixels.start;
        while pixel < job.pixels.end {
            // Pixels of one row.
            let left = (job.columns - pixel % job.columns).min(job.pixels.end - pixel);
            for _ in 0..left / PIXELS {
                let [base, ..] = cursor.advance::<_, PIXELS>(job);
                tile::<PIXELS, LEN>(job, weights, &at, base, pixel);
                pixel += PIXELS;
            }
            for _ in 0..left % PIXELS {
                let [base] = cursor.advance::<_, 1>(job);
                tile::<1, LEN>(job, weights, &at, base, pixel);
                pixel += 1;
            }
        }
    }
}

/// `P` pixels of one row, the first window of which begins at `base`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
#[allow(clippy::needless_range_loop, reason = "an array's own iterator copies the array; measured")]
fn tile<const P: usize, const LEN: usize>(
    job: &mut Job<'_, u32>,
    weights: &[Lanes<u32>],
    at: &At,
    base: usize,
    pixel: usize,
) {
    let block = at.block;
    let x = &job.input[base..][..job.window + (P - 1) * LEN];
    let weights = &weights[block * job.block_len..][..job.block_len];
    let scales = job.scales[block * job.scale_step..].as_chunks::<COLUMNS>().0;
    let constants = job.constants[block * job.ends.len()..].as_chunks::<COLUMNS>().0;
    let mut sums = [[_mm512_setzero_ps(); R]; P];
    for (row, [first, ..]) in job.segments.as_chunks::<COLUMNS>().0.iter().enumerate() {
        let inputs = x[first.offset..][..(P + COLUMNS - 1) * LEN].as_chunks::<LEN>().0;
        let from = weights[first.weight..][..COLUMNS * LEN].as_chunks::<LEN>().0;
        let mut counts = [[_mm512_setzero_si512(); COLUMNS]; P];
        for c in 0..COLUMNS {
            for p in 0..P {
                counts[p][c] = bytemuck::cast(constants[row][c].0);
            }
        }
        for part in 0..LEN / ELEMENTS {
            let mut weight = [[_mm512_setzero_si512(); ELEMENTS]; COLUMNS];
            for c in 0..COLUMNS {
                for e in 0..ELEMENTS {
                    weight[c][e] = bytemuck::cast(from[c][part * ELEMENTS + e].0);
                }
            }
            for column in 0..P + COLUMNS - 1 {
                for e in 0..ELEMENTS {
                    let x = _mm512_set1_epi32(inputs[column][part * ELEMENTS + e].cast_signed());
                    for c in 0..COLUMNS {
                        // The pixel that meets this column at kernel column c.
                        if column >= c && column - c < P {
                            counts[column - c][c] = _mm512_dpbusd_epi32(counts[column - c][c], x, weight[c][e]);
                        }
                    }
                }
            }
        }
        for c in 0..COLUMNS {
            let scale = bytemuck::cast(scales[row][c].0);
            for p in 0..P {
                sums[p][0] = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(counts[p][c]), sums[p][0]);
            }
        }
    }
    store!(job, at, pixel, sums);
}
