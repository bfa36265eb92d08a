//! Sixteen lanes: the only thing that the instruction sets and precisions differ in.
//!
//! An operand element is four bytes: one f32, two bf16 that are multiplied pairwise and added, or four codes.
//! The loops of the convolution are written once over [`Lanes`]; an instruction set instantiates
//! them inside one function that enables its features, into which everything is inlined.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(test)]
mod pairs;
mod portable;

pub(crate) use portable::Portable;

use super::isa::Precision;
use half::bf16;

/// How often codes may be added to a sum of 16 bits: each step adds two products of at most 255 to it,
/// 64 · 2 · 255 < 2¹⁵.
pub(crate) const CODE_STEPS: usize = 64;

/// Sixteen accumulators and what can be done with them.
///
/// A value of the implementing type exists only where its instructions do: see [`dispatch`].
pub(crate) trait Lanes: Copy {
    /// Sixteen f32 accumulators.
    type Sums: Copy;
    /// Sixteen operand elements.
    type Operand: Copy;

    /// Sixteen accumulators of integers.
    type CodeSums: Copy;
    /// Weight codes of sixteen operand elements.
    type CodeWeights: Copy;

    /// How many [`Self::Sums`] the registers hold beside two operands.
    const ACCUMULATORS: usize;
    /// Whether kernels compute two blocks of sixteen filters at a time where they have them: an operand that is
    /// loaded serves both, and Intel's processors multiply faster than they load.
    const TWO_BLOCKS: bool = Self::ACCUMULATORS >= 16;
    /// Products that [`Self::multiply_add`] adds to a lane: 2 in bf16.
    const PRODUCTS: usize = 1;

    fn zero(self) -> Self::Sums;
    fn load(self, elements: &[u32; 16]) -> Self::Operand;
    fn floats(self, values: &[f32; 16]) -> Self::Sums;
    /// sums + a · broadcast(x), lane by lane; with bf16 the two products of a lane are added.
    fn multiply_add(self, sums: Self::Sums, a: Self::Operand, x: u32) -> Self::Sums;
    /// fma(scale, sums, total): how an exact integer sum enters the output.
    fn scale_add(self, scale: f32, sums: Self::Sums, total: Self::Sums) -> Self::Sums;
    fn add(self, a: Self::Sums, b: Self::Sums) -> Self::Sums;
    /// x² + total.
    fn square_add(self, x: Self::Sums, total: Self::Sums) -> Self::Sums;
    fn values(self, sums: Self::Sums) -> [f32; 16];

    /// a − b.
    #[inline(always)]
    fn subtract(self, a: Self::Sums, b: Self::Sums) -> Self::Sums {
        self.scale_add(-1.0, b, a)
    }

    /// scale · x.
    #[inline(always)]
    fn scale(self, scale: f32, x: Self::Sums) -> Self::Sums {
        self.scale_add(scale, x, self.zero())
    }

    fn no_codes(self) -> Self::CodeSums;
    fn load_codes(self, elements: &[u32; 16]) -> Self::CodeWeights;
    /// sums + Σ q·u over four codes, lane by lane: q −1, 0 or +1 in the bytes of `weights`, u in those of `codes`.
    /// At most [`CODE_STEPS`] of these go into one sum.
    fn multiply_add_codes(self, sums: Self::CodeSums, weights: Self::CodeWeights, codes: u32) -> Self::CodeSums;
    /// The integers as floats.
    fn code_sums(self, sums: Self::CodeSums) -> Self::Sums;

    /// Sixteen integers from 0 to 255, four an element.
    #[inline(always)]
    fn quads(self, codes: &[f32; 16]) -> [u32; 4] {
        let mut bytes = [0u8; 16];
        for i in 0..16 {
            bytes[i] = code_byte(codes[i]);
        }
        bytemuck::cast(bytes)
    }

    /// The bf16 elements of neighbouring pairs of values.
    #[inline(always)]
    fn pairs(self, values: &[f32; 32]) -> [u32; 16] {
        std::array::from_fn(|i| pair(values[2 * i], values[2 * i + 1]))
    }

    /// The bf16 elements with `low` in the low halves and `high` in the high ones.
    #[inline(always)]
    fn couple(self, low: &[f32; 16], high: &[f32; 16]) -> [u32; 16] {
        std::array::from_fn(|i| pair(low[i], high[i]))
    }
}

/// An integer from 0 to 255 without a conversion, which would not vectorise: the low byte of 2²³ + x.
#[inline(always)]
pub(crate) fn code_byte(x: f32) -> u8 {
    (x + 8_388_608.0).to_bits() as u8
}

/// Two values as one bf16 element, the first in the low half.
#[inline(always)]
pub(crate) fn pair(low: f32, high: f32) -> u32 {
    let half = |x: f32| u32::from(bf16::from_f32(x).to_bits());
    half(low) | half(high) << 16
}

/// A piece of work that an instruction set can be entered for.
pub(crate) trait Kernel {
    /// What it gives.
    type Output;

    /// Does the work with the instruction set of `lanes` enabled.
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// Enters the instruction set `isa` with `precision`, once for a whole piece of work.
pub(crate) fn dispatch<K: Kernel>(isa: super::Isa, precision: Precision, kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    use super::Isa;
    // A value of `Isa` can be made by anyone, so availability is checked here, where it matters.
    #[cfg(target_arch = "x86_64")]
    if isa.is_available() {
        match (isa, precision) {
            // SAFETY: the instruction set was just detected.
            (Isa::Avx512Bf16, Precision::Bf16) => return unsafe { avx512::enter_bf16(kernel) },
            // SAFETY: the instruction set was just detected.
            (Isa::Avx512Bf16 | Isa::Avx512, Precision::F32) => return unsafe { avx512::enter(kernel) },
            // SAFETY: the instruction set was just detected.
            (Isa::Avx2, Precision::F32) => return unsafe { avx2::enter(kernel) },
            _ => {}
        }
    }
    #[cfg(test)]
    if precision == Precision::Bf16 {
        return kernel.run(pairs::Pairs);
    }
    let _ = (isa, precision);
    kernel.run(Portable)
}
