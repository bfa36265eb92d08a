//! NEON (Advanced SIMD of 64-bit Arm, no extensions): 16 lanes are four registers.

use super::generic::kernel::{Kernel, Ops};
use super::generic::lookup::{binary_lookups, ternary_lookups};
use super::generic::rows::{RowOps, RowWork, run};
use super::generic::tile::convolve as tiles;
use super::layout::{BLOCK, Lanes};
use super::run::Work;
use std::arch::aarch64::*;
use std::array::from_fn;
use std::marker::PhantomData;
use syq_core::Levels;

/// Runs one convolution.
#[target_feature(enable = "neon")]
pub(super) fn convolve(work: Work<'_>) {
    match work {
        Work::Binary(mut job, weights) => tiles(&binary(), &mut job, weights),
        Work::Ternary(mut job, weights) => tiles(&ternary(), &mut job, weights),
        Work::LookupBinary(mut job, weights) => binary_lookups(&super::portable::lookup::ops(), &mut job, weights),
        Work::LookupTernary(mut job, weights) => ternary_lookups(&super::portable::lookup::ops(), &mut job, weights),
        Work::PermuteBinary(mut job, weights) => super::portable::permute::binary(&mut job, weights),
        Work::PermuteTernary(mut job, weights) => super::portable::permute::ternary(&mut job, weights),
        Work::Int8(mut job, weights) => tiles(&int8(), &mut job, weights),
        Work::EightBit(mut job, weights) => tiles(&eight_bit(), &mut job, weights),
        // The plan takes bytes here.
        Work::Wide(mut job, weights) => tiles(&super::portable::wide(), &mut job, weights),
        Work::Float(mut job, weights) => tiles(&float(), &mut job, weights),
    }
}

/// Runs one row function.
#[target_feature(enable = "neon")]
pub(super) fn rows(work: RowWork<'_>) {
    let ops = RowOps {
        fma: |x: f32, y, z| x.mul_add(y, z),
        codes: |values: &[f32; BLOCK], levels: &Levels| {
            let quarters: [float32x4_t; 4] = bytemuck::cast(*values);
            let [a, b, c, d] = quarters.map(|x| {
                let code = vfmaq_f32(vdupq_n_f32(0.5), x, vdupq_n_f32(levels.inverse_step));
                if levels.zero != 0 {
                    return vmovn_u32(signed(code, levels));
                }
                // The conversion truncates, maps NaN to 0 and saturates: no lower bound is needed.
                let code = vcvtq_u32_f32(code);
                vmovn_u32(vminq_u32(code, vdupq_n_u32(u32::from(levels.largest))))
            });
            bytemuck::cast(vcombine_u8(vmovn_u16(vcombine_u16(a, b)), vmovn_u16(vcombine_u16(c, d))))
        },
        bits: |codes: &[u8; BLOCK], plane: u32| {
            let places: uint8x16_t = bytemuck::cast(0x8040_2010_0804_0201_8040_2010_0804_0201u128);
            let set = vtstq_u8(bytemuck::cast(*codes), vdupq_n_u8(1 << plane));
            let bits = vandq_u8(set, places);
            u16::from(vaddv_u8(vget_low_u8(bits))) | u16::from(vaddv_u8(vget_high_u8(bits))) << 8
        },
        tables: super::portable::tables,
        wide_tables: super::portable::permute::tables,
    };
    run(&ops, work);
}

/// Signed codes: the conversion rounds down, maps NaN to 0 and saturates.
#[target_feature(enable = "neon")]
fn signed(code: float32x4_t, levels: &Levels) -> uint32x4_t {
    let [smallest, largest] = levels.bounds().map(|bound| vdupq_n_s32(bound as i32));
    let code = vminq_s32(vmaxq_s32(vcvtmq_s32_f32(code), smallest), largest);
    vreinterpretq_u32_s32(vaddq_s32(code, vdupq_n_s32(i32::from(levels.zero))))
}

/// Adds the bits of each byte of `bits` to the bytes of `part`.
#[target_feature(enable = "neon")]
fn count(part: uint8x16_t, bits: uint8x16_t) -> uint8x16_t {
    vaddq_u8(part, vcntq_u8(bits))
}

/// Adds the four bytes of each lane to the lane.
#[target_feature(enable = "neon")]
fn fold_bytes(acc: int32x4_t, part: uint8x16_t) -> int32x4_t {
    vreinterpretq_s32_u32(vpadalq_u16(vreinterpretq_u32_s32(acc), vpaddlq_u8(part)))
}

/// Bits where input and sign differ. A byte counts 8 a step: 31 steps fit.
#[target_feature(enable = "neon")]
fn binary() -> impl Kernel<Element = u32, Weight = Lanes<u32>> {
    integer::<31, 4, _, _>(
        [vdupq_n_u8(0); 4],
        |part: [uint8x16_t; 4], x: u32, w: &Lanes<u32>| {
            let (x, w): (_, [uint8x16_t; 4]) = (vreinterpretq_u8_u32(vdupq_n_u32(x)), bytemuck::cast(w.0));
            from_fn(|i| count(part[i], veorq_u8(x, w[i])))
        },
        |acc, part| from_fn(|i| fold_bytes(acc[i], part[i])),
    )
}

/// Bits of the +1 weights where the input is set and of the −1 weights where it is not: x ? p : n.
#[target_feature(enable = "neon")]
fn ternary() -> impl Kernel<Element = u32, Weight = [Lanes<u32>; 2]> {
    integer::<31, 3, _, _>(
        [vdupq_n_u8(0); 4],
        |part: [uint8x16_t; 4], x: u32, [p, n]: &[Lanes<u32>; 2]| {
            let x = vreinterpretq_u8_u32(vdupq_n_u32(x));
            let (p, n): ([uint8x16_t; 4], [uint8x16_t; 4]) = (bytemuck::cast(p.0), bytemuck::cast(n.0));
            from_fn(|i| count(part[i], vbslq_u8(x, p[i], n[i])))
        },
        |acc, part| from_fn(|i| fold_bytes(acc[i], part[i])),
    )
}

/// Products widened to 16 bits. A weight is −1, 0 or +1: 128 products are at most 32,640.
#[target_feature(enable = "neon")]
fn int8() -> impl Kernel<Element = u32, Weight = Lanes<u32>> {
    integer::<128, 2, _, _>(
        [vdupq_n_s16(0); 8],
        |part: [int16x8_t; 8], x: u32, w: &Lanes<u32>| {
            // Twice the four channels, as every register of weights has two filters a half.
            let x = vreinterpretq_s16_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(x))));
            let w: [int8x16_t; 4] = bytemuck::cast(w.0);
            from_fn(|i| {
                let w = if i % 2 == 0 { vmovl_s8(vget_low_s8(w[i / 2])) } else { vmovl_high_s8(w[i / 2]) };
                vmlaq_s16(part[i], x, w)
            })
        },
        |acc, part| {
            from_fn(|i| {
                let [low, high] = [vpaddlq_s16(part[2 * i]), vpaddlq_s16(part[2 * i + 1])];
                vaddq_s32(acc[i], vpaddq_s32(low, high))
            })
        },
    )
}

/// Products of 8-bit weights: one fits 16 bits (255 · 127 = 32,385), two are added in 32.
#[target_feature(enable = "neon")]
fn eight_bit() -> impl Kernel<Element = u32, Weight = Lanes<u32>> {
    integer::<{ usize::MAX }, 2, _, _>(
        [vdupq_n_s32(0); 8],
        |part: [int32x4_t; 8], x: u32, w: &Lanes<u32>| {
            // As above: a register of weights has two filters a half, and so has the one of inputs.
            let x = vreinterpretq_s16_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(x))));
            let w: [int8x16_t; 4] = bytemuck::cast(w.0);
            from_fn(|i| {
                let w = if i % 2 == 0 { vmovl_s8(vget_low_s8(w[i / 2])) } else { vmovl_high_s8(w[i / 2]) };
                vpadalq_s16(part[i], vmulq_s16(x, w))
            })
        },
        |acc, part| from_fn(|i| vaddq_s32(acc[i], vpaddq_s32(part[2 * i], part[2 * i + 1]))),
    )
}

/// The operations around the step and the fold of an integer kernel.
#[target_feature(enable = "neon")]
fn integer<const CHUNK: usize, const PIXELS: usize, W, Q: Copy>(
    nothing: Q,
    mac: impl Fn(Q, u32, &W) -> Q,
    fold: impl Fn([int32x4_t; 4], Q) -> [int32x4_t; 4],
) -> impl Kernel<Element = u32, Weight = W> {
    Ops::<CHUNK, PIXELS, 1, 1, _, _, _, _, _, _, _, _, _, _, _> {
        types: PhantomData,
        zero: [vdupq_n_s32(0); 4],
        empty: [vdupq_n_f32(0.0); 4],
        start: move |_| nothing,
        mac,
        fold,
        add: |a: [int32x4_t; 4], b: [int32x4_t; 4]| from_fn(|i| vaddq_s32(a[i], b[i])),
        flush: |acc: [int32x4_t; 4], constant: &Lanes<i32>, scale: &Lanes<f32>, sum: [float32x4_t; 4]| {
            let constant: [int32x4_t; 4] = bytemuck::cast(constant.0);
            let scale: [float32x4_t; 4] = bytemuck::cast(scale.0);
            from_fn(|i| vfmaq_f32(sum[i], scale[i], vcvtq_f32_s32(vaddq_s32(acc[i], constant[i]))))
        },
        store: |sum| bytemuck::cast(sum),
    }
}

/// One fused multiply-add a lane; the accumulator is the result.
#[target_feature(enable = "neon")]
fn float() -> impl Kernel<Element = f32, Weight = Lanes<f32>> {
    Ops::<{ usize::MAX }, 6, 1, 1, _, _, _, _, _, _, _, _, _, _, _> {
        types: PhantomData,
        zero: [vdupq_n_f32(0.0); 4],
        empty: [vdupq_n_f32(0.0); 4],
        start: |acc: [float32x4_t; 4]| acc,
        mac: |acc: [float32x4_t; 4], x: f32, w: &Lanes<f32>| {
            let (x, w): (_, [float32x4_t; 4]) = (vdupq_n_f32(x), bytemuck::cast(w.0));
            from_fn(|i| vfmaq_f32(acc[i], x, w[i]))
        },
        fold: |_, part| part,
        add: |a: [float32x4_t; 4], b: [float32x4_t; 4]| from_fn(|i| vaddq_f32(a[i], b[i])),
        flush: |acc, _: &Lanes<i32>, _: &Lanes<f32>, _| acc,
        store: |sum| bytemuck::cast(sum),
    }
}
