//! Sixteen lanes in one 512-bit register, with f32 or bf16 operands.

use super::{Kernel, Lanes};
use std::arch::x86_64::{
    __m512, __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_fmadd_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
};

/// f32 operands.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

/// bf16 operands.
#[derive(Clone, Copy)]
pub(crate) struct Avx512Bf16(());

#[target_feature(enable = "avx512f")]
pub(super) fn enter(kernel: impl Kernel) {
    kernel.run(Avx512(()));
}

#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) fn enter_bf16(kernel: impl Kernel) {
    kernel.run(Avx512Bf16(()));
}

impl Lanes for Avx512 {
    type Sums = __m512;
    type Operand = __m512;

    #[inline(always)]
    fn zero(self) -> __m512 {
        // SAFETY: `self` exists only inside `enter`, where AVX-512 F is enabled.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    fn load(self, elements: &[u32; 16]) -> __m512 {
        bytemuck::cast(*elements)
    }

    #[inline(always)]
    fn multiply_add(self, sums: __m512, a: __m512, x: u32) -> __m512 {
        // SAFETY: `self` exists only inside `enter`, where AVX-512 F is enabled.
        let x = unsafe { _mm512_set1_ps(f32::from_bits(x)) };
        // SAFETY: as above.
        unsafe { _mm512_fmadd_ps(a, x, sums) }
    }

    #[inline(always)]
    fn scale_add(self, scale: f32, sums: __m512, total: __m512) -> __m512 {
        // SAFETY: `self` exists only inside `enter`, where AVX-512 F is enabled.
        let scale = unsafe { _mm512_set1_ps(scale) };
        // SAFETY: as above.
        unsafe { _mm512_fmadd_ps(scale, sums, total) }
    }

    #[inline(always)]
    fn values(self, sums: __m512) -> [f32; 16] {
        bytemuck::cast(sums)
    }
}

impl Lanes for Avx512Bf16 {
    type Sums = __m512;
    type Operand = __m512i;

    #[inline(always)]
    fn zero(self) -> __m512 {
        Avx512(()).zero()
    }

    #[inline(always)]
    fn load(self, elements: &[u32; 16]) -> __m512i {
        bytemuck::cast(*elements)
    }

    #[inline(always)]
    fn multiply_add(self, sums: __m512, a: __m512i, x: u32) -> __m512 {
        // SAFETY: `self` exists only inside `enter_bf16`, where AVX-512 F is enabled.
        let x = unsafe { _mm512_set1_epi32(x as i32) };
        // The broadcast must be the third operand, or the compiler does not fold it into the
        // instruction.
        // SAFETY: __m512i and __m512bh are both 64 plain bytes.
        let x: __m512bh = unsafe { std::mem::transmute(x) };
        // SAFETY: as above.
        let a: __m512bh = unsafe { std::mem::transmute(a) };
        // SAFETY: `self` exists only inside `enter_bf16`, where AVX-512 BF16 is enabled.
        unsafe { _mm512_dpbf16_ps(sums, a, x) }
    }

    #[inline(always)]
    fn scale_add(self, scale: f32, sums: __m512, total: __m512) -> __m512 {
        Avx512(()).scale_add(scale, sums, total)
    }

    #[inline(always)]
    fn values(self, sums: __m512) -> [f32; 16] {
        bytemuck::cast(sums)
    }
}
