//! Sixteen lanes in plain Rust, which the compiler vectorises as far as the target allows.

use super::Lanes;

#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Lanes for Portable {
    type Sums = [f32; 16];
    type Operand = [f32; 16];
    type CodeSums = [i32; 16];
    type CodeWeights = [u32; 16];

    const ACCUMULATORS: usize = if cfg!(target_arch = "aarch64") { 6 } else { 2 };

    #[inline(always)]
    fn zero(self) -> Self::Sums {
        [0.0; 16]
    }

    #[inline(always)]
    fn load(self, elements: &[u32; 16]) -> Self::Operand {
        elements.map(f32::from_bits)
    }

    #[inline(always)]
    fn floats(self, values: &[f32; 16]) -> Self::Sums {
        *values
    }

    #[inline(always)]
    fn multiply_add(self, mut sums: Self::Sums, a: Self::Operand, x: u32) -> Self::Sums {
        let x = f32::from_bits(x);
        // Without an FMA instruction `mul_add` is a call. Integer sums are exact either way.
        for (sum, a) in sums.iter_mut().zip(a) {
            *sum += a * x;
        }
        sums
    }

    #[inline(always)]
    fn scale_add(self, scale: f32, sums: Self::Sums, mut total: Self::Sums) -> Self::Sums {
        for (total, sum) in total.iter_mut().zip(sums) {
            *total = scale.mul_add(sum, *total);
        }
        total
    }

    #[inline(always)]
    fn add(self, a: Self::Sums, b: Self::Sums) -> Self::Sums {
        std::array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn no_codes(self) -> [i32; 16] {
        [0; 16]
    }

    #[inline(always)]
    fn load_codes(self, elements: &[u32; 16]) -> [u32; 16] {
        *elements
    }

    #[inline(always)]
    fn multiply_add_codes(self, mut sums: [i32; 16], weights: [u32; 16], codes: u32) -> [i32; 16] {
        for (byte, code) in codes.to_ne_bytes().into_iter().enumerate() {
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum += i32::from(weights.to_ne_bytes()[byte].cast_signed()) * i32::from(code);
            }
        }
        sums
    }

    #[inline(always)]
    fn code_sums(self, sums: [i32; 16]) -> [f32; 16] {
        sums.map(|sum| sum as f32)
    }

    #[inline(always)]
    fn subtract(self, a: Self::Sums, b: Self::Sums) -> Self::Sums {
        std::array::from_fn(|i| a[i] - b[i])
    }

    #[inline(always)]
    fn scale(self, scale: f32, x: Self::Sums) -> Self::Sums {
        x.map(|x| scale * x)
    }

    #[inline(always)]
    fn square_add(self, x: Self::Sums, total: Self::Sums) -> Self::Sums {
        std::array::from_fn(|i| x[i] * x[i] + total[i])
    }

    #[inline(always)]
    fn values(self, sums: Self::Sums) -> [f32; 16] {
        sums
    }
}
