//! Sixteen lanes of two bf16 products each, in plain Rust: for tests, so that the loops of two products and of many
//! registers run on every machine.

use super::{Lanes, Portable};
use half::bf16;

#[derive(Clone, Copy)]
pub(super) struct Pairs;

/// The two values of an element, as floats.
fn halves(element: u32) -> [f32; 2] {
    [element as u16, (element >> 16) as u16].map(|bits| bf16::from_bits(bits).to_f32())
}

impl Lanes for Pairs {
    type Sums = [f32; 16];
    type Operand = [u32; 16];
    type CodeSums = [i32; 16];
    type CodeWeights = [u32; 16];

    const ACCUMULATORS: usize = 24;
    const PRODUCTS: usize = 2;

    fn zero(self) -> Self::Sums {
        Portable.zero()
    }

    fn load(self, elements: &[u32; 16]) -> Self::Operand {
        *elements
    }

    fn floats(self, values: &[f32; 16]) -> Self::Sums {
        *values
    }

    fn multiply_add(self, mut sums: Self::Sums, a: Self::Operand, x: u32) -> Self::Sums {
        let [low, high] = halves(x);
        for (sum, a) in sums.iter_mut().zip(a.map(halves)) {
            *sum = (*sum + a[1] * high) + a[0] * low;
        }
        sums
    }

    fn scale_add(self, scale: f32, sums: Self::Sums, total: Self::Sums) -> Self::Sums {
        Portable.scale_add(scale, sums, total)
    }

    fn add(self, a: Self::Sums, b: Self::Sums) -> Self::Sums {
        Portable.add(a, b)
    }

    fn square_add(self, x: Self::Sums, total: Self::Sums) -> Self::Sums {
        Portable.square_add(x, total)
    }

    fn values(self, sums: Self::Sums) -> [f32; 16] {
        sums
    }

    fn no_codes(self) -> Self::CodeSums {
        Portable.no_codes()
    }

    fn load_codes(self, elements: &[u32; 16]) -> Self::CodeWeights {
        *elements
    }

    fn multiply_add_codes(self, sums: Self::CodeSums, weights: Self::CodeWeights, codes: u32) -> Self::CodeSums {
        Portable.multiply_add_codes(sums, weights, codes)
    }

    fn code_sums(self, sums: Self::CodeSums) -> Self::Sums {
        Portable.code_sums(sums)
    }
}
