//! AVX2 with FMA: 16 lanes are two registers, and bits are counted by nibble look-ups.

use super::generic::kernel::{Kernel, Ops};
use super::generic::rows::{RowOps, RowWork, run};
use super::generic::tile::convolve as tiles;
use super::layout::{BLOCK, Lanes};
use super::run::Work;
use std::arch::x86_64::*;
use std::marker::PhantomData;
use syq_core::Levels;

pub(super) mod lookup;

/// Runs one convolution.
#[target_feature(enable = "avx2,fma,popcnt")]
pub(super) fn convolve(work: Work<'_>) {
    match work {
        Work::Binary(mut job, weights) => tiles(&binary(), &mut job, weights),
        Work::Ternary(mut job, weights) => tiles(&ternary(), &mut job, weights),
        Work::LookupBinary(mut job, weights) => lookup::binary(&mut job, weights),
        Work::LookupTernary(mut job, weights) => lookup::ternary(&mut job, weights),
        Work::PermuteBinary(mut job, weights) => super::portable::permute::binary(&mut job, weights),
        Work::PermuteTernary(mut job, weights) => super::portable::permute::ternary(&mut job, weights),
        Work::Int8(mut job, weights) => tiles(&int8(), &mut job, weights),
        Work::EightBit(mut job, weights) => tiles(&eight_bit(), &mut job, weights),
        Work::Wide(mut job, weights) => tiles(&wide(), &mut job, weights),
        Work::Float(mut job, weights) => tiles(&float(), &mut job, weights),
    }
}

/// Runs one row function.
#[target_feature(enable = "avx2,fma,popcnt")]
pub(super) fn rows(work: RowWork<'_>) {
    let ops = RowOps {
        fma: |x: f32, y, z| x.mul_add(y, z),
        codes: |values: &[f32; BLOCK], levels: &Levels| {
            let halves: [__m256; 2] = bytemuck::cast(*values);
            let [low, high] = halves.map(|x| code(x, levels));
            // Packing works in each 128-bit half: 0–3, 8–11, 4–7, 12–15, put right afterwards.
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi32(low, high));
            let bytes = _mm256_packus_epi16(words, words);
            bytemuck::cast(_mm256_castsi256_si128(_mm256_permute4x64_epi64::<0b10_00>(bytes)))
        },
        bits: |codes: &[u8; BLOCK], plane: u32| {
            // The bit becomes the sign of its byte; what moves in from the other byte lies below it.
            let shift = _mm_cvtsi32_si128(7 - plane.cast_signed());
            _mm_movemask_epi8(_mm_sll_epi16(bytemuck::cast(*codes), shift)) as u16
        },
        tables: |codes: &[u8; BLOCK]| lookup::tables(codes),
        wide_tables: super::portable::permute::tables,
    };
    run(&ops, work);
}

/// The codes of eight values.
#[target_feature(enable = "avx2,fma,popcnt")]
fn code(x: __m256, levels: &Levels) -> __m256i {
    let code = _mm256_fmadd_ps(x, _mm256_set1_ps(levels.inverse_step), _mm256_set1_ps(0.5));
    if levels.zero != 0 {
        return signed(code, levels);
    }
    // The second operand where the first is NaN.
    let code = _mm256_max_ps(code, _mm256_setzero_ps());
    _mm256_cvttps_epi32(_mm256_min_ps(code, _mm256_set1_ps(f32::from(levels.largest))))
}

/// Signed codes: rounded down within the bounds, which are whole numbers; NaN is 0.
#[target_feature(enable = "avx2,fma,popcnt")]
fn signed(code: __m256, levels: &Levels) -> __m256i {
    let [smallest, largest] = levels.bounds();
    let code = _mm256_and_ps(code, _mm256_cmp_ps::<_CMP_ORD_Q>(code, code));
    let code = _mm256_min_ps(_mm256_max_ps(code, _mm256_set1_ps(smallest)), _mm256_set1_ps(largest));
    let code = _mm256_cvttps_epi32(_mm256_floor_ps(code));
    _mm256_add_epi32(code, _mm256_set1_epi32(i32::from(levels.zero)))
}

/// Adds the bits of each byte of `bits` to the bytes of `part`.
#[target_feature(enable = "avx2,fma,popcnt")]
fn count(part: __m256i, bits: __m256i) -> __m256i {
    let low = _mm256_set1_epi8(0x0f);
    let table = _mm256_setr_epi8(
        0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
    );
    let small = _mm256_shuffle_epi8(table, _mm256_and_si256(bits, low));
    let large = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16::<4>(bits), low));
    _mm256_add_epi8(part, _mm256_add_epi8(small, large))
}

/// Adds the four bytes of each lane, at most 31 · 8 each, to the lane.
#[target_feature(enable = "avx2,fma,popcnt")]
fn fold_bytes(acc: __m256i, part: __m256i) -> __m256i {
    fold_words(acc, _mm256_maddubs_epi16(part, _mm256_set1_epi8(1)))
}

/// Adds the two 16-bit halves of each lane to the lane.
#[target_feature(enable = "avx2,fma,popcnt")]
fn fold_words(acc: __m256i, part: __m256i) -> __m256i {
    _mm256_add_epi32(acc, _mm256_madd_epi16(part, _mm256_set1_epi16(1)))
}

/// Bits where input and sign differ. A byte counts 8 a step: 31 steps fit.
#[target_feature(enable = "avx2,fma,popcnt")]
fn binary() -> impl Kernel<Element = u32, Weight = Lanes<u32>> {
    integer::<31, 3, 1, _>(
        |_| [_mm256_setzero_si256(); 2],
        |part, x: u32, w: &Lanes<u32>| {
            let (x, [w0, w1]) = (_mm256_set1_epi32(x.cast_signed()), registers(w));
            [count(part[0], _mm256_xor_si256(x, w0)), count(part[1], _mm256_xor_si256(x, w1))]
        },
        |acc, part| [fold_bytes(acc[0], part[0]), fold_bytes(acc[1], part[1])],
    )
}

/// Bits of the +1 weights where the input is set and of the −1 weights where it is not, x ? p : n,
/// which is n ^ (x & (p ^ n)): the inner term is the same for all pixels of the tile.
#[target_feature(enable = "avx2,fma,popcnt")]
fn ternary() -> impl Kernel<Element = u32, Weight = [Lanes<u32>; 2]> {
    integer::<31, 3, 1, _>(
        |_| [_mm256_setzero_si256(); 2],
        |part, x: u32, [p, n]: &[Lanes<u32>; 2]| {
            let (x, [p0, p1], [n0, n1]) = (_mm256_set1_epi32(x.cast_signed()), registers(p), registers(n));
            let chosen = [
                _mm256_xor_si256(n0, _mm256_and_si256(x, _mm256_xor_si256(p0, n0))),
                _mm256_xor_si256(n1, _mm256_and_si256(x, _mm256_xor_si256(p1, n1))),
            ];
            [count(part[0], chosen[0]), count(part[1], chosen[1])]
        },
        |acc, part| [fold_bytes(acc[0], part[0]), fold_bytes(acc[1], part[1])],
    )
}

/// Products of unsigned and signed bytes, added in pairs. The instruction saturates at 2^15, but a
/// weight is −1, 0 or +1: a pair is at most 510, and 64 of them 32,640.
#[target_feature(enable = "avx2,fma,popcnt")]
fn int8() -> impl Kernel<Element = u32, Weight = Lanes<u32>> {
    integer::<64, 6, 1, _>(
        |_| [_mm256_setzero_si256(); 2],
        |part, x: u32, w: &Lanes<u32>| {
            let (x, [w0, w1]) = (_mm256_set1_epi32(x.cast_signed()), registers(w));
            [
                _mm256_add_epi16(part[0], _mm256_maddubs_epi16(x, w0)),
                _mm256_add_epi16(part[1], _mm256_maddubs_epi16(x, w1)),
            ]
        },
        |acc, part| [fold_words(acc[0], part[0]), fold_words(acc[1], part[1])],
    )
}

/// Products of unsigned and signed bytes, widened to 16 bits because a pair of them, up to
/// 2 · 255 · 127, would saturate: first of the even bytes, then of the odd ones. The widened weights are
/// the same for all pixels of the tile.
#[target_feature(enable = "avx2,fma,popcnt")]
fn eight_bit() -> impl Kernel<Element = u32, Weight = Lanes<u32>> {
    integer::<{ usize::MAX }, 4, 1, _>(
        |_| [_mm256_setzero_si256(); 2],
        |part, x: u32, w: &Lanes<u32>| {
            let x = _mm256_set1_epi32(x.cast_signed());
            let [even, odd] = [_mm256_and_si256(x, _mm256_set1_epi16(0xff)), _mm256_srli_epi16::<8>(x)];
            let products = |w| {
                let [low, high] = [_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(w)), _mm256_srai_epi16::<8>(w)];
                _mm256_add_epi32(_mm256_madd_epi16(even, low), _mm256_madd_epi16(odd, high))
            };
            let [w0, w1] = registers(w);
            [_mm256_add_epi32(part[0], products(w0)), _mm256_add_epi32(part[1], products(w1))]
        },
        |acc, part| [_mm256_add_epi32(acc[0], part[0]), _mm256_add_epi32(acc[1], part[1])],
    )
}

/// Products of 16-bit integers, added in pairs; the accumulator takes them as they come.
#[target_feature(enable = "avx2,fma,popcnt")]
fn wide() -> impl Kernel<Element = u32, Weight = Lanes<u32>> {
    integer::<{ usize::MAX }, 6, 2, _>(
        |acc| acc,
        |acc, x: u32, w: &Lanes<u32>| {
            let (x, [w0, w1]) = (_mm256_set1_epi32(x.cast_signed()), registers(w));
            [_mm256_add_epi32(acc[0], _mm256_madd_epi16(x, w0)), _mm256_add_epi32(acc[1], _mm256_madd_epi16(x, w1))]
        },
        |_, part| part,
    )
}

#[target_feature(enable = "avx2,fma,popcnt")]
fn registers(lanes: &Lanes<u32>) -> [__m256i; 2] {
    bytemuck::cast(lanes.0)
}

/// The operations around the start, the step and the fold of an integer kernel.
#[target_feature(enable = "avx2,fma,popcnt")]
fn integer<const CHUNK: usize, const PIXELS: usize, const UNROLL: usize, W>(
    start: impl Fn([__m256i; 2]) -> [__m256i; 2],
    mac: impl Fn([__m256i; 2], u32, &W) -> [__m256i; 2],
    fold: impl Fn([__m256i; 2], [__m256i; 2]) -> [__m256i; 2],
) -> impl Kernel<Element = u32, Weight = W> {
    Ops::<CHUNK, PIXELS, 1, UNROLL, _, _, _, _, _, _, _, _, _, _, _> {
        types: PhantomData,
        zero: [_mm256_setzero_si256(); 2],
        empty: [_mm256_setzero_ps(); 2],
        start,
        mac,
        fold,
        add: |a: [__m256i; 2], b: [__m256i; 2]| [_mm256_add_epi32(a[0], b[0]), _mm256_add_epi32(a[1], b[1])],
        flush: |acc: [__m256i; 2], constant: &Lanes<i32>, scale: &Lanes<f32>, sum: [__m256; 2]| {
            let constant: [__m256i; 2] = bytemuck::cast(constant.0);
            let (exact0, exact1) = (_mm256_add_epi32(acc[0], constant[0]), _mm256_add_epi32(acc[1], constant[1]));
            let scale: [__m256; 2] = bytemuck::cast(scale.0);
            [
                _mm256_fmadd_ps(scale[0], _mm256_cvtepi32_ps(exact0), sum[0]),
                _mm256_fmadd_ps(scale[1], _mm256_cvtepi32_ps(exact1), sum[1]),
            ]
        },
        store: |sum| bytemuck::cast(sum),
    }
}

/// One fused multiply-add a lane; the accumulator is the result.
#[target_feature(enable = "avx2,fma,popcnt")]
fn float() -> impl Kernel<Element = f32, Weight = Lanes<f32>> {
    Ops::<{ usize::MAX }, 6, 1, 1, _, _, _, _, _, _, _, _, _, _, _> {
        types: PhantomData,
        zero: [_mm256_setzero_ps(); 2],
        empty: [_mm256_setzero_ps(); 2],
        start: |acc: [__m256; 2]| acc,
        mac: |acc: [__m256; 2], x: f32, w: &Lanes<f32>| {
            let (x, w): (_, [__m256; 2]) = (_mm256_set1_ps(x), bytemuck::cast(w.0));
            [_mm256_fmadd_ps(x, w[0], acc[0]), _mm256_fmadd_ps(x, w[1], acc[1])]
        },
        fold: |_, part| part,
        add: |a: [__m256; 2], b: [__m256; 2]| [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])],
        flush: |acc, _: &Lanes<i32>, _: &Lanes<f32>, _| acc,
        store: |sum| bytemuck::cast(sum),
    }
}
