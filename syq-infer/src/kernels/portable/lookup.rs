//! Look-ups in plain Rust.

use super::fma::fma;
use crate::kernels::generic::lookup::LookupOps;
use crate::kernels::layout::{BLOCK, Selectors, selector_byte};
use std::array::from_fn;

/// 32 values, in the order of [`selector_byte`] but for the results.
type All<T> = [T; 2 * BLOCK];

/// The operations of [`LookupOps`].
struct Ops;

/// The operations of [`LookupOps`].
pub(in crate::kernels) fn ops() -> impl LookupOps {
    Ops
}

impl LookupOps for Ops {
    const PIXELS: usize = 2;
    type Table = [u8; 16];
    type Bytes = All<u8>;
    type Words = All<u16>;
    type Sums = All<f32>;

    fn bytes(&self) -> All<u8> {
        [0; 2 * BLOCK]
    }
    fn words(&self) -> All<u16> {
        [0; 2 * BLOCK]
    }
    fn empty(&self) -> All<f32> {
        [0.0; 2 * BLOCK]
    }
    fn table(&self, table: &[u8; 16]) -> [u8; 16] {
        *table
    }
    fn look_up(&self, sums: All<u8>, table: [u8; 16], selectors: &Selectors) -> All<u8> {
        from_fn(|i| sums[i].wrapping_add(table[usize::from(selectors.0[i] & 15)]))
    }
    fn fold(&self, words: All<u16>, bytes: All<u8>) -> All<u16> {
        from_fn(|i| words[i].wrapping_add(u16::from(bytes[i])))
    }
    fn double(&self, words: All<u16>) -> All<u16> {
        words.map(|word| word << 1)
    }
    fn fold_difference(&self, words: All<u16>, [plus, minus]: [All<u8>; 2]) -> All<u16> {
        from_fn(|i| words[i].wrapping_add(u16::from(plus[i])).wrapping_sub(u16::from(minus[i])))
    }
    fn middle(&self) -> All<u16> {
        [1 << 15; 2 * BLOCK]
    }
    fn exact(&self, words: All<u16>, less: u32) -> All<f32> {
        from_fn(|i| i32::from(words[selector_byte(i)]).wrapping_sub(less.cast_signed()) as f32)
    }
    fn add_scaled(&self, sums: All<f32>, scale: f32, exact: All<f32>) -> All<f32> {
        from_fn(|i| fma(scale, exact[i], sums[i]))
    }
    fn store(&self, sums: All<f32>) -> [[f32; BLOCK]; 2] {
        bytemuck::cast(sums)
    }
}
