//! Plain Rust, for every machine.

use super::generic::kernel::{Kernel, Ops};
use super::generic::lookup::{binary_lookups, ternary_lookups};
use super::generic::rows::{RowOps, RowWork, run};
use super::generic::tile::convolve as tiles;
use super::layout::{BLOCK, Lanes};
use super::run::Work;
use std::marker::PhantomData;
use syq_core::Levels;

mod fma;
pub(super) mod lookup;
pub(super) mod permute;

use fma::fma;

/// Runs one convolution.
pub(super) fn convolve(work: Work<'_>) {
    match work {
        Work::Binary(mut job, weights) => tiles(&binary(), &mut job, weights),
        Work::Ternary(mut job, weights) => tiles(&ternary(), &mut job, weights),
        Work::LookupBinary(mut job, weights) => binary_lookups(&lookup::ops(), &mut job, weights),
        Work::LookupTernary(mut job, weights) => ternary_lookups(&lookup::ops(), &mut job, weights),
        Work::PermuteBinary(mut job, weights) => permute::binary(&mut job, weights),
        Work::PermuteTernary(mut job, weights) => permute::ternary(&mut job, weights),
        Work::Int8(mut job, weights) | Work::EightBit(mut job, weights) => tiles(&int8(), &mut job, weights),
        Work::Wide(mut job, weights) => tiles(&wide(), &mut job, weights),
        Work::Float(mut job, weights) => tiles(&float(), &mut job, weights),
    }
}

/// Runs one row function.
pub(super) fn rows(work: RowWork<'_>) {
    let ops = RowOps {
        fma,
        codes: |values: &[f32; BLOCK], levels: &Levels| {
            if levels.zero != 0 {
                return values.map(|x| signed(x, levels));
            }
            let largest = f32::from(levels.largest);
            values.map(|x| {
                let code = fma(x, levels.inverse_step, 0.5);
                // Positive: `as` is floor. NaN is not.
                (if code > 0.0 { code.min(largest) } else { 0.0 }) as u8
            })
        },
        bits: |codes: &[u8; BLOCK], plane| {
            codes.iter().rev().fold(0u16, |word, code| word << 1 | u16::from(code >> plane & 1))
        },
        tables,
        wide_tables: permute::tables,
    };
    run(&ops, work);
}

/// The tables of sixteen halves of codes, and their sum.
pub(super) fn tables(codes: &[u8; BLOCK]) -> ([[u8; 16]; 4], u32) {
    let (fours, _) = codes.as_chunks::<4>();
    let entry = |four: &[u8; 4], entry: usize| (0..4).filter(|c| entry >> c & 1 == 1).map(|c| four[c]).sum();
    let tables = std::array::from_fn(|four| std::array::from_fn(|index| entry(&fours[four], index)));
    (tables, codes.iter().map(|code| u32::from(*code)).sum())
}

/// A signed code.
fn signed(x: f32, levels: &Levels) -> u8 {
    let [smallest, largest] = levels.bounds();
    // `clamp` keeps NaN and `as` maps it to 0.
    let code = fma(x, levels.inverse_step, 0.5).floor().clamp(smallest, largest) as i16;
    (code + i16::from(levels.zero)) as u8
}

/// Bits where input and sign differ.
fn binary() -> impl Kernel<Element = u32, Weight = Lanes<u32>> {
    integer(|acc: [i32; BLOCK], x: u32, w: &Lanes<u32>| {
        std::array::from_fn(|i| acc[i] + (x ^ w.0[i]).count_ones().cast_signed())
    })
}

/// Bits of the +1 weights where the input is set and of the −1 weights where it is not.
fn ternary() -> impl Kernel<Element = u32, Weight = [Lanes<u32>; 2]> {
    integer(|acc: [i32; BLOCK], x: u32, [p, n]: &[Lanes<u32>; 2]| {
        std::array::from_fn(|i| acc[i] + ((x & p.0[i]) | (!x & n.0[i])).count_ones().cast_signed())
    })
}

/// Four products of unsigned and signed bytes a lane.
fn int8() -> impl Kernel<Element = u32, Weight = Lanes<u32>> {
    integer(|acc: [i32; BLOCK], x: u32, w: &Lanes<u32>| {
        let x: [u8; 4] = bytemuck::cast(x);
        std::array::from_fn(|i| {
            let w: [i8; 4] = bytemuck::cast(w.0[i]);
            (0..4).fold(acc[i], |sum, c| sum + i32::from(x[c]) * i32::from(w[c]))
        })
    })
}

/// Two products of 16-bit integers a lane.
pub(super) fn wide() -> impl Kernel<Element = u32, Weight = Lanes<u32>> {
    integer(|acc: [i32; BLOCK], x: u32, w: &Lanes<u32>| {
        let x: [i16; 2] = bytemuck::cast(x);
        std::array::from_fn(|i| {
            let w: [i16; 2] = bytemuck::cast(w.0[i]);
            // A caller's buffer may hold anything; codes do not overflow.
            let products = i32::from(x[0]) * i32::from(w[0]) + i32::from(x[1]) * i32::from(w[1]);
            acc[i].wrapping_add(products)
        })
    })
}

/// The operations around the step of an integer kernel.
fn integer<W>(mac: impl Fn([i32; BLOCK], u32, &W) -> [i32; BLOCK]) -> impl Kernel<Element = u32, Weight = W> {
    Ops::<{ usize::MAX }, 2, 1, 1, _, _, _, _, _, _, _, _, _, _, _> {
        types: PhantomData,
        zero: [0i32; BLOCK],
        empty: [0f32; BLOCK],
        start: |acc: [i32; BLOCK]| acc,
        mac,
        fold: |_, part| part,
        add: |a: [i32; BLOCK], b: [i32; BLOCK]| std::array::from_fn(|i| a[i] + b[i]),
        flush: |acc: [i32; BLOCK], constant: &Lanes<i32>, scale: &Lanes<f32>, sum: [f32; BLOCK]| {
            std::array::from_fn(|i| fma(scale.0[i], (acc[i] + constant.0[i]) as f32, sum[i]))
        },
        store: |sum| sum,
    }
}

/// One fused multiply-add a lane; the accumulator is the result.
fn float() -> impl Kernel<Element = f32, Weight = Lanes<f32>> {
    Ops::<{ usize::MAX }, 2, 1, 1, _, _, _, _, _, _, _, _, _, _, _> {
        types: PhantomData,
        zero: [0f32; BLOCK],
        empty: [0f32; BLOCK],
        start: |acc: [f32; BLOCK]| acc,
        mac: |acc: [f32; BLOCK], x: f32, w: &Lanes<f32>| std::array::from_fn(|i| fma(x, w.0[i], acc[i])),
        fold: |_, part| part,
        add: |a: [f32; BLOCK], b: [f32; BLOCK]| std::array::from_fn(|i| a[i] + b[i]),
        flush: |acc, _: &Lanes<i32>, _: &Lanes<f32>, _| acc,
        store: |sum| sum,
    }
}
