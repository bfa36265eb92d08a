//! Sixteen lanes in one 512-bit register, with f32 or bf16 operands.

use super::{Kernel, Lanes};
use std::arch::x86_64::{
    __m512, __m512bh, __m512i, _mm512_add_epi16, _mm512_add_ps, _mm512_cvtepi32_epi8, _mm512_cvtepi32_ps,
    _mm512_cvtne2ps_pbh, _mm512_cvtps_epi32, _mm512_dpbf16_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_madd_epi16,
    _mm512_maddubs_epi16, _mm512_permutexvar_epi16, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
};

/// f32 operands.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

/// bf16 operands.
#[derive(Clone, Copy)]
pub(crate) struct Avx512Bf16(());

#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn enter<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx512(()))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512bf16")]
pub(super) fn enter_bf16<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx512Bf16(()))
}

/// For each 32-bit lane i of 32 halves: half i, then half 16 + i.
const INTERLEAVED: [u16; 32] = {
    let mut order = [0; 32];
    let mut i = 0;
    while i < 32 {
        order[i] = (i / 2 + i % 2 * 16) as u16;
        i += 1;
    }
    order
};

impl Lanes for Avx512 {
    type Sums = __m512;
    type Operand = __m512;
    /// Two sums of 16 bits a lane.
    type CodeSums = __m512i;
    type CodeWeights = __m512i;

    const ACCUMULATORS: usize = 24;

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
    fn floats(self, values: &[f32; 16]) -> __m512 {
        bytemuck::cast(*values)
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
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` exists only inside `enter`, where AVX-512 F is enabled.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn square_add(self, x: __m512, total: __m512) -> __m512 {
        // SAFETY: `self` exists only inside `enter`, where AVX-512 F is enabled.
        unsafe { _mm512_fmadd_ps(x, x, total) }
    }

    #[inline(always)]
    fn no_codes(self) -> __m512i {
        bytemuck::cast([0u32; 16])
    }

    #[inline(always)]
    fn load_codes(self, elements: &[u32; 16]) -> __m512i {
        bytemuck::cast(*elements)
    }

    #[inline(always)]
    fn multiply_add_codes(self, sums: __m512i, weights: __m512i, codes: u32) -> __m512i {
        // SAFETY: `self` exists only inside `enter`, where AVX-512 F is enabled.
        let codes = unsafe { _mm512_set1_epi32(codes.cast_signed()) };
        // SAFETY: likewise AVX-512 BW.
        let products = unsafe { _mm512_maddubs_epi16(codes, weights) };
        // SAFETY: as above.
        unsafe { _mm512_add_epi16(sums, products) }
    }

    #[inline(always)]
    fn code_sums(self, sums: __m512i) -> __m512 {
        // SAFETY: `self` exists only inside `enter`, where AVX-512 BW is enabled.
        let wide = unsafe { _mm512_madd_epi16(sums, bytemuck::cast([1i16; 32])) };
        // SAFETY: likewise AVX-512 F.
        unsafe { _mm512_cvtepi32_ps(wide) }
    }

    #[inline(always)]
    fn values(self, sums: __m512) -> [f32; 16] {
        bytemuck::cast(sums)
    }

    #[inline(always)]
    fn quads(self, codes: &[f32; 16]) -> [u32; 4] {
        // SAFETY: `self` exists only inside `enter`, where AVX-512 F is enabled.
        let integers = unsafe { _mm512_cvtps_epi32(bytemuck::cast(*codes)) };
        // SAFETY: as above.
        bytemuck::cast(unsafe { _mm512_cvtepi32_epi8(integers) })
    }
}

impl Lanes for Avx512Bf16 {
    type Sums = __m512;
    type Operand = __m512i;
    type CodeSums = __m512i;
    type CodeWeights = __m512i;

    const ACCUMULATORS: usize = 24;
    const PRODUCTS: usize = 2;

    #[inline(always)]
    fn zero(self) -> __m512 {
        Avx512(()).zero()
    }

    #[inline(always)]
    fn load(self, elements: &[u32; 16]) -> __m512i {
        bytemuck::cast(*elements)
    }

    #[inline(always)]
    fn floats(self, values: &[f32; 16]) -> __m512 {
        bytemuck::cast(*values)
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
    fn add(self, a: __m512, b: __m512) -> __m512 {
        Avx512(()).add(a, b)
    }

    #[inline(always)]
    fn square_add(self, x: __m512, total: __m512) -> __m512 {
        Avx512(()).square_add(x, total)
    }

    #[inline(always)]
    fn values(self, sums: __m512) -> [f32; 16] {
        bytemuck::cast(sums)
    }

    #[inline(always)]
    fn no_codes(self) -> __m512i {
        Avx512(()).no_codes()
    }

    #[inline(always)]
    fn load_codes(self, elements: &[u32; 16]) -> __m512i {
        bytemuck::cast(*elements)
    }

    #[inline(always)]
    fn multiply_add_codes(self, sums: __m512i, weights: __m512i, codes: u32) -> __m512i {
        // SAFETY: `self` exists only inside `enter_bf16`, where AVX-512 F is enabled.
        let codes = unsafe { _mm512_set1_epi32(codes.cast_signed()) };
        // SAFETY: likewise AVX-512 VNNI.
        unsafe { _mm512_dpbusd_epi32(sums, codes, weights) }
    }

    #[inline(always)]
    fn code_sums(self, sums: __m512i) -> __m512 {
        // SAFETY: `self` exists only inside `enter_bf16`, where AVX-512 F is enabled.
        unsafe { _mm512_cvtepi32_ps(sums) }
    }

    #[inline(always)]
    fn pairs(self, values: &[f32; 32]) -> [u32; 16] {
        let [low, high]: [__m512; 2] = bytemuck::cast(*values);
        // SAFETY: `self` exists only inside `enter_bf16`, where AVX-512 BF16 is enabled.
        let halves = unsafe { _mm512_cvtne2ps_pbh(high, low) };
        // SAFETY: both are 64 plain bytes.
        unsafe { std::mem::transmute(halves) }
    }

    #[inline(always)]
    fn couple(self, low: &[f32; 16], high: &[f32; 16]) -> [u32; 16] {
        let (low, high): (__m512, __m512) = (bytemuck::cast(*low), bytemuck::cast(*high));
        // SAFETY: `self` exists only inside `enter_bf16`, where AVX-512 BF16 is enabled.
        let halves = unsafe { _mm512_cvtne2ps_pbh(high, low) };
        // SAFETY: both are 64 plain bytes.
        let halves: __m512i = unsafe { std::mem::transmute(halves) };
        // SAFETY: `self` exists only inside `enter_bf16`, where AVX-512 BW is enabled.
        let coupled = unsafe { _mm512_permutexvar_epi16(bytemuck::cast(INTERLEAVED), halves) };
        bytemuck::cast(coupled)
    }

    #[inline(always)]
    fn quads(self, codes: &[f32; 16]) -> [u32; 4] {
        Avx512(()).quads(codes)
    }
}
