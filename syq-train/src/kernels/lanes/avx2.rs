//! Sixteen lanes in two 256-bit registers.

use super::{Kernel, Lanes};
use std::arch::x86_64::{
    __m256, __m256i, _mm256_add_epi16, _mm256_add_ps, _mm256_cvtepi32_ps, _mm256_fmadd_ps, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps,
};

/// f32 operands.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

#[target_feature(enable = "avx2,fma")]
pub(super) fn enter<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx2(()))
}

impl Avx2 {
    #[inline(always)]
    fn broadcast(self, x: f32) -> __m256 {
        // SAFETY: `self` exists only inside `enter`, where AVX2 is enabled.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    fn fma(self, a: __m256, x: __m256, sum: __m256) -> __m256 {
        // SAFETY: `self` exists only inside `enter`, where FMA is enabled.
        unsafe { _mm256_fmadd_ps(a, x, sum) }
    }
}

impl Lanes for Avx2 {
    type Sums = [__m256; 2];
    type Operand = [__m256; 2];
    /// Two sums of 16 bits a lane.
    type CodeSums = [__m256i; 2];
    type CodeWeights = [__m256i; 2];

    const ACCUMULATORS: usize = 6;

    #[inline(always)]
    fn zero(self) -> [__m256; 2] {
        // SAFETY: `self` exists only inside `enter`, where AVX2 is enabled.
        let zero = unsafe { _mm256_setzero_ps() };
        [zero, zero]
    }

    #[inline(always)]
    fn load(self, elements: &[u32; 16]) -> [__m256; 2] {
        bytemuck::cast(*elements)
    }

    #[inline(always)]
    fn floats(self, values: &[f32; 16]) -> [__m256; 2] {
        bytemuck::cast(*values)
    }

    #[inline(always)]
    fn multiply_add(self, sums: [__m256; 2], a: [__m256; 2], x: u32) -> [__m256; 2] {
        let x = self.broadcast(f32::from_bits(x));
        [self.fma(a[0], x, sums[0]), self.fma(a[1], x, sums[1])]
    }

    #[inline(always)]
    fn scale_add(self, scale: f32, sums: [__m256; 2], total: [__m256; 2]) -> [__m256; 2] {
        let scale = self.broadcast(scale);
        [self.fma(scale, sums[0], total[0]), self.fma(scale, sums[1], total[1])]
    }

    #[inline(always)]
    fn add(self, a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: `self` exists only inside `enter`, where AVX2 is enabled.
        let low = unsafe { _mm256_add_ps(a[0], b[0]) };
        // SAFETY: as above.
        let high = unsafe { _mm256_add_ps(a[1], b[1]) };
        [low, high]
    }

    #[inline(always)]
    fn square_add(self, x: [__m256; 2], total: [__m256; 2]) -> [__m256; 2] {
        [self.fma(x[0], x[0], total[0]), self.fma(x[1], x[1], total[1])]
    }

    #[inline(always)]
    fn no_codes(self) -> [__m256i; 2] {
        bytemuck::cast([0u32; 16])
    }

    #[inline(always)]
    fn load_codes(self, elements: &[u32; 16]) -> [__m256i; 2] {
        bytemuck::cast(*elements)
    }

    #[inline(always)]
    fn multiply_add_codes(self, sums: [__m256i; 2], weights: [__m256i; 2], codes: u32) -> [__m256i; 2] {
        // SAFETY: `self` exists only inside `enter`, where AVX2 is enabled.
        let codes = unsafe { _mm256_set1_epi32(codes.cast_signed()) };
        let mut all = sums;
        for half in 0..2 {
            // SAFETY: as above.
            let products = unsafe { _mm256_maddubs_epi16(codes, weights[half]) };
            // SAFETY: as above.
            all[half] = unsafe { _mm256_add_epi16(sums[half], products) };
        }
        all
    }

    #[inline(always)]
    fn code_sums(self, sums: [__m256i; 2]) -> [__m256; 2] {
        let mut all = self.zero();
        for half in 0..2 {
            // SAFETY: `self` exists only inside `enter`, where AVX2 is enabled.
            let wide = unsafe { _mm256_madd_epi16(sums[half], bytemuck::cast([1i16; 16])) };
            // SAFETY: as above.
            all[half] = unsafe { _mm256_cvtepi32_ps(wide) };
        }
        all
    }

    #[inline(always)]
    fn values(self, sums: [__m256; 2]) -> [f32; 16] {
        bytemuck::cast(sums)
    }
}
