//! AVX-512: 16 lanes are one register. Tiles of 7 pixels × 32 filters keep 14 integer and 14 float
//! accumulators in the 32 registers.

#[macro_use]
mod tiles;
mod bytes;
mod codes;
mod finish;
mod integer;
mod permute;
mod permute_runs;
mod runs;
mod tables;
mod triples;
pub(super) mod units;

use super::generic::kernel::{Kernel, Ops};
use super::generic::rows::{RowOps, RowWork, run};
use super::generic::tile::convolve as tiles;
use super::layout::{BLOCK, Lanes};
use super::run::Work;
pub(super) use finish::{finish_into, finishes_into};
use std::arch::x86_64::*;
use std::marker::PhantomData;
use syq_core::Levels;

/// Runs one convolution.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
pub(super) fn convolve(work: Work<'_>) {
    match work {
        // At one pixel the planes take its place, so that each weight is read once.
        Work::Binary(mut job, weights) if job.is_vector() => tiles(&binary(), &mut job, weights),
        Work::Ternary(mut job, weights) if job.is_vector() || !integer::floats_count() => {
            tiles(&ternary(), &mut job, weights);
        }
        Work::Binary(mut job, weights) => integer::binary(&mut job, weights),
        Work::Ternary(mut job, weights) => integer::ternary(&mut job, weights),
        Work::LookupBinary(mut job, weights) => super::avx2::lookup::binary(&mut job, weights),
        Work::LookupTernary(mut job, weights) => super::avx2::lookup::ternary(&mut job, weights),
        Work::PermuteBinary(mut job, weights) => permute::binary(&mut job, weights),
        Work::PermuteTernary(mut job, weights) => permute::ternary(&mut job, weights),
        // The instruction is exact for every signed byte.
        Work::Int8(mut job, weights) | Work::EightBit(mut job, weights) => integer::bytes(&mut job, weights),
        Work::Wide(mut job, weights) => tiles(&wide(), &mut job, weights),
        Work::Float(mut job, weights) => tiles(&float(), &mut job, weights),
    }
}

/// Runs one row function.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
pub(super) fn rows(work: RowWork<'_>) {
    let work = match work {
        RowWork::PlaceCodes { codes, layout, row } if tables::places(&layout) => {
            return tables::place(codes, &layout, row);
        }
        RowWork::Quantize { values, levels, codes } => return codes::quantize(values, &levels, codes),
        RowWork::PlaceValues { values, levels, layout, row } if codes::lie_side_by_side(&layout) => {
            return codes::quantize(values, &levels, bytemuck::cast_slice_mut(row));
        }
        work => work,
    };
    let ops = RowOps {
        fma: |x: f32, y, z| x.mul_add(y, z),
        codes: |values: &[f32; BLOCK], levels: &Levels| codes::of(values, levels),
        bits: |codes: &[u8; BLOCK], plane: u32| {
            let bit = _mm_set1_epi8((1u8 << plane).cast_signed());
            _mm_test_epi8_mask(bytemuck::cast(*codes), bit)
        },
        tables: |codes: &[u8; BLOCK]| super::avx2::lookup::tables(codes),
        wide_tables: |codes: &[u8; BLOCK], codebook| tables::tables(codes, codebook),
    };
    run(&ops, work);
}

/// Bits where input and sign differ.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
fn binary() -> impl Kernel<Element = u32, Weight = Lanes<u32>> {
    integer::<2, _>(|acc, x: u32, w: &Lanes<u32>| {
        let differ = _mm512_xor_si512(_mm512_set1_epi32(x.cast_signed()), bytemuck::cast(w.0));
        _mm512_add_epi32(acc, _mm512_popcnt_epi32(differ))
    })
}

/// Bits of the +1 weights where the input is set and of the −1 weights where it is not: x ? p : n.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
fn ternary() -> impl Kernel<Element = u32, Weight = [Lanes<u32>; 2]> {
    integer::<2, _>(|acc, x: u32, [p, n]: &[Lanes<u32>; 2]| {
        let x = _mm512_set1_epi32(x.cast_signed());
        let chosen = _mm512_ternarylogic_epi32::<0xCA>(x, bytemuck::cast(p.0), bytemuck::cast(n.0));
        _mm512_add_epi32(acc, _mm512_popcnt_epi32(chosen))
    })
}

/// Two products of 16-bit integers a lane.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
fn wide() -> impl Kernel<Element = u32, Weight = Lanes<u32>> {
    integer::<1, _>(|acc, x: u32, w: &Lanes<u32>| {
        _mm512_dpwssd_epi32(acc, _mm512_set1_epi32(x.cast_signed()), bytemuck::cast(w.0))
    })
}

/// The operations around the step of an integer kernel.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
fn integer<const UNROLL: usize, W>(
    mac: impl Fn(__m512i, u32, &W) -> __m512i,
) -> impl Kernel<Element = u32, Weight = W> {
    Ops::<{ usize::MAX }, 7, 2, UNROLL, _, _, _, _, _, _, _, _, _, _, _> {
        types: PhantomData,
        zero: _mm512_setzero_si512(),
        empty: _mm512_setzero_ps(),
        start: |acc: __m512i| acc,
        mac,
        fold: |_, part| part,
        add: |a, b| _mm512_add_epi32(a, b),
        flush: |acc, constant: &Lanes<i32>, scale: &Lanes<f32>, sum: __m512| {
            let exact = _mm512_cvtepi32_ps(_mm512_add_epi32(acc, bytemuck::cast(constant.0)));
            _mm512_fmadd_ps(bytemuck::cast(scale.0), exact, sum)
        },
        store: |sum| bytemuck::cast(sum),
    }
}

/// One fused multiply-add a lane; the accumulator is the result.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
fn float() -> impl Kernel<Element = f32, Weight = Lanes<f32>> {
    Ops::<{ usize::MAX }, 7, 2, 1, _, _, _, _, _, _, _, _, _, _, _> {
        types: PhantomData,
        zero: _mm512_setzero_ps(),
        empty: _mm512_setzero_ps(),
        start: |acc: __m512| acc,
        mac: |acc, x: f32, w: &Lanes<f32>| _mm512_fmadd_ps(_mm512_set1_ps(x), bytemuck::cast(w.0), acc),
        fold: |_, part| part,
        add: |a, b| _mm512_add_ps(a, b),
        flush: |acc, _: &Lanes<i32>, _: &Lanes<f32>, _| acc,
        store: |sum| bytemuck::cast(sum),
    }
}
