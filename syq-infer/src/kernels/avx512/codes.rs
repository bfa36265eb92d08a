//! Values to codes, as [`Levels::code`] has them.

use crate::kernels::layout::{BLOCK, InputFormat, InputLayout};
use std::arch::x86_64::*;
use syq_core::Levels;

/// Whether the codes of a row lie side by side in a layout.
pub(super) fn lie_side_by_side(layout: &InputLayout) -> bool {
    layout.format() == InputFormat::Codes && layout.group_channels().is_multiple_of(4)
}

/// The codes of values, side by side. (In a loop of its own: the generic one calls a closure for every register.)
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
pub(super) fn quantize(values: &[f32], levels: &Levels, codes: &mut [u8]) {
    let ((blocks, rest), (to, to_rest)) = (values.as_chunks::<BLOCK>(), codes.as_chunks_mut::<BLOCK>());
    for (values, codes) in blocks.iter().zip(to) {
        *codes = of(values, levels);
    }
    if !rest.is_empty() {
        let mut last = [0.0; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        to_rest.copy_from_slice(&of(&last, levels)[..rest.len()]);
    }
}

/// The codes of sixteen values.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
#[inline]
pub(super) fn of(values: &[f32; BLOCK], levels: &Levels) -> [u8; BLOCK] {
    let inverse_step = _mm512_set1_ps(levels.inverse_step);
    let code = _mm512_fmadd_ps(bytemuck::cast(*values), inverse_step, _mm512_set1_ps(0.5));
    if levels.zero != 0 {
        return bytemuck::cast(_mm512_cvtepi32_epi8(signed(code, levels)));
    }
    // The second operand where the first is NaN.
    let code = _mm512_max_ps(code, _mm512_setzero_ps());
    let code = _mm512_min_ps(code, _mm512_set1_ps(f32::from(levels.largest)));
    bytemuck::cast(_mm512_cvtepi32_epi8(_mm512_cvttps_epi32(code)))
}

/// Signed codes: rounded down within the bounds, which are whole numbers; NaN is 0.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
#[inline]
fn signed(code: __m512, levels: &Levels) -> __m512i {
    let [smallest, largest] = levels.bounds();
    let number = _mm512_cmp_ps_mask::<_CMP_ORD_Q>(code, code);
    let code = _mm512_min_ps(_mm512_max_ps(code, _mm512_set1_ps(smallest)), _mm512_set1_ps(largest));
    let code = _mm512_maskz_cvt_roundps_epi32::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(number, code);
    _mm512_add_epi32(code, _mm512_set1_epi32(i32::from(levels.zero)))
}
