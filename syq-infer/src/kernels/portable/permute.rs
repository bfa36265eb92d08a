//! Tables for sixteen channels in plain Rust, for the instruction sets whose plans do not choose them.

use super::fma::fma;
use crate::kernels::generic::tile::{Job, put};
use crate::kernels::layout::{BLOCK, HALF_WEIGHT, Lanes};
use syq_core::Codebook;

/// Computes the job's outputs with binary weights.
pub(in crate::kernels) fn binary(job: &mut Job<'_, u32>, weights: &[Lanes<u32>]) {
    convolve::<1>(job, weights);
}

/// Computes the job's outputs with ternary weights.
pub(in crate::kernels) fn ternary(job: &mut Job<'_, u32>, weights: &[[Lanes<u32>; 2]]) {
    convolve::<2>(job, weights.as_flattened());
}

/// `ROWS` look-ups a weight: one of binary, two of ternary ones.
fn convolve<const ROWS: usize>(job: &mut Job<'_, u32>, weights: &[Lanes<u32>]) {
    let block_len = job.block_len / BLOCK * ROWS;
    for block in job.blocks.clone() {
        let weights = &weights[block * block_len..][..block_len];
        let group = block / job.group_filters.div_ceil(BLOCK) * job.group_len;
        for pixel in job.pixels.clone() {
            let [row, column] = [pixel / job.columns, pixel % job.columns];
            let base = job.origin + row * job.row_step + column * job.column_step + group;
            let mut results = [0.0; BLOCK];
            for subgroup in 0..job.ends.len() {
                let sums = subgroup_sums::<ROWS>(job, weights, subgroup, base);
                let scale = job.scales[subgroup].0[0];
                results.iter_mut().zip(sums).for_each(|(result, sum)| *result = fma(scale, sum as f32, *result));
            }
            put(job, pixel, block, &[[Lanes(results)]]);
        }
    }
}

/// The tables of sixteen halves of codes for weights of a codebook, see
/// [`InputFormat::WideTables`](crate::kernels::InputFormat::WideTables).
pub(in crate::kernels) fn tables(codes: &[u8; BLOCK], codebook: Codebook) -> [[u8; 16]; 4] {
    let (mut tables, _) = super::tables(codes);
    if codebook == Codebook::Binary {
        for table in &mut tables {
            let all = table[15];
            // Halves are at most 15, four of them 60.
            table.iter_mut().for_each(|sum| *sum = sum.wrapping_mul(2).wrapping_sub(all));
        }
    }
    tables
}

/// Σ q·u of a subgroup: what is found for binary weights, for ternary ones the difference.
fn subgroup_sums<const ROWS: usize>(
    job: &Job<'_, u32>,
    weights: &[Lanes<u32>],
    subgroup: usize,
    base: usize,
) -> [i32; BLOCK] {
    let first = if subgroup == 0 { 0 } else { job.ends[subgroup - 1] };
    let mut sums = [0i32; BLOCK];
    for plane in 0..job.planes {
        let weight = HALF_WEIGHT.pow(plane as u32).cast_signed();
        let factors = [weight, -weight];
        for segment in &job.segments[first..job.ends[subgroup]] {
            let input = &job.input[base + plane * job.plane_len + segment.offset..][..segment.len];
            let weights = &weights[segment.weight / BLOCK * ROWS..][..segment.len / BLOCK * ROWS];
            for (table, rows) in input.chunks_exact(BLOCK).zip(weights.chunks_exact(ROWS)) {
                let table: &[u8] = bytemuck::cast_slice(table);
                for (indices, factor) in rows.iter().zip(factors) {
                    for (sum, indices) in sums.iter_mut().zip(indices.0) {
                        let found = indices.to_ne_bytes().map(|index| {
                            let entry = table[usize::from(index)];
                            if ROWS == 1 { i32::from(entry.cast_signed()) } else { i32::from(entry) }
                        });
                        *sum = sum.wrapping_add(factor * found.iter().sum::<i32>());
                    }
                }
            }
        }
    }
    sums
}
