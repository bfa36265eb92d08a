//! A convolution's values to all that later steps read, in one pass: batch norm, residual, ReLU, the feature map, and
//! codes in the next convolution's layout. Sixteen values stay in a register from the first to the last.

use super::permute;
use crate::kernels::choose::HALF;
use crate::kernels::finish_into::{IntoWork, Keep, Placed, Residual};
use crate::kernels::layout::{BLOCK, InputFormat, InputLayout};
use std::arch::x86_64::*;
use syq_core::{Codebook, Levels};

/// Forms of the codes.
const PLANES: u8 = 0;
const TABLES: u8 = 1;
const BYTES: u8 = 2;

/// Whether codes of these levels can be placed by this pass: unsigned ones of one group of whole words of a plane, of
/// whole tables or whole registers.
pub(in crate::kernels) fn finishes_into(layout: &InputLayout, levels: Levels) -> bool {
    let whole = |channels| layout.groups() == 1 && layout.group_channels().is_multiple_of(channels);
    levels.zero == 0
        && match layout.format() {
            InputFormat::Planes(bits) => whole(2 * BLOCK) && bits.largest() >= levels.largest,
            InputFormat::WideTables(bits, _) => whole(BLOCK) && bits.largest() >= levels.largest,
            InputFormat::Codes => whole(BLOCK),
            InputFormat::Tables(_) | InputFormat::Wide | InputFormat::Float => false,
        }
}

/// Finishes and stores whole pixels of one row.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
pub(in crate::kernels) fn finish_into(work: IntoWork<'_>) {
    match work.placed.layout.format() {
        InputFormat::Planes(_) => pixels::<PLANES>(work),
        InputFormat::WideTables(..) => pixels::<TABLES>(work),
        _ => pixels::<BYTES>(work),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
fn pixels<const FORM: u8>(work: IntoWork<'_>) {
    let IntoWork { values, channels, affine, residual, relu, keep, floats, placed } = work;
    let Placed { layout, levels, elements } = placed;
    let (scales, offsets) = (affine.scale.as_chunks::<BLOCK>().0, affine.offset.as_chunks::<BLOCK>().0);
    let added: &[[f32; BLOCK]] = match residual {
        Residual::Values(residual) => residual.as_chunks().0,
        Residual::Nothing | Residual::InPlace => &[],
    };
    let in_place = matches!(residual, Residual::InPlace);
    let floats = floats.unwrap_or_default().as_chunks_mut::<BLOCK>().0;
    let values = values.as_chunks_mut::<BLOCK>().0;
    let (planes, plane_len) = (layout.format().planes(), layout.plane_len());
    let codebook = if let InputFormat::WideTables(_, codebook) = layout.format() { codebook } else { Codebook::Binary };
    let inverse_step = _mm512_set1_ps(levels.inverse_step);
    let largest = _mm512_set1_ps(f32::from(levels.largest));
    let (zero, half) = (_mm512_setzero_ps(), _mm512_set1_ps(0.5));
    let blocks = channels / BLOCK;
    let mut first = 0;
    for to in elements.chunks_exact_mut(layout.pixel_len()) {
        // The masks of the first half of a word.
        let mut low = [0u16; 8];
        for block in 0..blocks {
            let at = first + block;
            let scale = bytemuck::cast(scales[block]);
            let mut value = _mm512_fmadd_ps(bytemuck::cast(values[at]), scale, bytemuck::cast(offsets[block]));
            if in_place {
                value = _mm512_add_ps(value, bytemuck::cast(floats[at]));
            } else if let Some(added) = added.get(at) {
                value = _mm512_add_ps(value, bytemuck::cast(*added));
            }
            if relu {
                // The second operand where the first is NaN, or both are zero.
                value = _mm512_max_ps(value, zero);
            }
            if let Some(float) = floats.get_mut(at) {
                *float = bytemuck::cast(value);
            }
            if keep == Keep::Finished {
                values[at] = bytemuck::cast(value);
            }
            let code = _mm512_min_ps(_mm512_max_ps(_mm512_fmadd_ps(value, inverse_step, half), zero), largest);
            let code = _mm512_cvttps_epi32(code);
            match FORM {
                PLANES => {
                    for plane in 0..planes {
                        let mask = _mm512_test_epi32_mask(code, _mm512_set1_epi32(1 << plane));
                        if block % 2 == 0 {
                            low[plane] = mask;
                        } else {
                            to[plane * plane_len + block / 2] = u32::from(low[plane]) | u32::from(mask) << 16;
                        }
                    }
                }
                TABLES => {
                    let half = _mm512_and_si512(code, _mm512_set1_epi32(HALF.into()));
                    let tables = permute::tables(&bytemuck::cast(_mm512_cvtepi32_epi8(half)), codebook);
                    store(&mut to[block * BLOCK..], bytemuck::cast(tables));
                    if planes > 1 {
                        let half = _mm512_srli_epi32::<4>(code);
                        let tables = permute::tables(&bytemuck::cast(_mm512_cvtepi32_epi8(half)), codebook);
                        store(&mut to[plane_len + block * BLOCK..], bytemuck::cast(tables));
                    }
                }
                _ => {
                    let bytes: [u32; 4] = bytemuck::cast(_mm512_cvtepi32_epi8(code));
                    if let Some(to) = to[block * 4..].first_chunk_mut() {
                        *to = bytes;
                    }
                }
            }
        }
        first += blocks;
    }
}

#[inline]
fn store(to: &mut [u32], table: [u32; BLOCK]) {
    if let Some(to) = to.first_chunk_mut() {
        *to = table;
    }
}
