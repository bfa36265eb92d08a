//! A convolution's values to all that later steps read, in one pass: batch norm, residual, ReLU, the feature map, and
//! codes in the next convolution's layout. Sixteen values stay in a register from the first to the last.

use crate::kernels::finish_into::{IntoWork, Keep, Placed, Residual};
use crate::kernels::layout::{BLOCK, InputFormat, InputLayout};
use std::arch::x86_64::*;
use syq_core::Levels;

/// Forms of the codes.
const PLANES: u8 = 0;
const BYTES: u8 = 1;

/// What is added.
const NOTHING: u8 = 0;
const VALUES: u8 = 1;
const IN_PLACE: u8 = 2;

/// Whether codes of these levels can be placed by this pass: unsigned ones of whole registers, those of bit planes of one
/// group.
pub(in crate::kernels) fn finishes_into(layout: &InputLayout, levels: Levels) -> bool {
    let whole = layout.group_channels().is_multiple_of(BLOCK);
    levels.zero == 0
        && match layout.format() {
            InputFormat::Planes(bits) => layout.groups() == 1 && whole && bits.largest() == levels.largest,
            InputFormat::Codes => whole,
            InputFormat::Tables(_) | InputFormat::WideTables(..) | InputFormat::Wide | InputFormat::Float => false,
        }
}

/// Finishes and stores whole pixels.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
pub(in crate::kernels) fn finish_into(work: IntoWork<'_>) {
    match (work.residual, work.floats.is_some()) {
        (Residual::Nothing, false) => form::<NOTHING, false>(work),
        (Residual::Nothing, true) => form::<NOTHING, true>(work),
        (Residual::Values(_), false) => form::<VALUES, false>(work),
        (Residual::Values(_), true) => form::<VALUES, true>(work),
        (Residual::InPlace, _) => form::<IN_PLACE, true>(work),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
fn form<const RESIDUAL: u8, const FLOATS: bool>(work: IntoWork<'_>) {
    match work.placed.layout.format() {
        InputFormat::Planes(_) => pixels::<PLANES, RESIDUAL, FLOATS>(work),
        _ => pixels::<BYTES, RESIDUAL, FLOATS>(work),
    }
}

/// What all pixels have in common.
struct Constants {
    zero: __m512,
    half: __m512,
    inverse_step: __m512,
    largest: __m512,
}

/// The blocks of a row's pixels.
struct Row<'a> {
    values: &'a mut [[f32; BLOCK]],
    added: &'a [[f32; BLOCK]],
    floats: &'a mut [[f32; BLOCK]],
}

/// Finishes the sixteen values of one block, stores them, and gives their codes. (A macro, as a closure stays a call.)
macro_rules! codes {
    ($row:ident, $block:expr, ($scale:expr, $offset:expr), $constants:ident, $relu:ident, $keep:ident) => {{
        let block = $block;
        let mut value = bytemuck::cast($row.values[block]);
        value = _mm512_fmadd_ps(value, $scale, $offset);
        if RESIDUAL == VALUES {
            value = _mm512_add_ps(value, bytemuck::cast($row.added[block]));
        }
        if RESIDUAL == IN_PLACE {
            value = _mm512_add_ps(value, bytemuck::cast($row.floats[block]));
        }
        if $relu {
            // The second operand where the first is NaN, or both are zero.
            value = _mm512_max_ps(value, $constants.zero);
        }
        if FLOATS {
            $row.floats[block] = bytemuck::cast(value);
        }
        if $keep {
            $row.values[block] = bytemuck::cast(value);
        }
        let code = _mm512_fmadd_ps(value, $constants.inverse_step, $constants.half);
        _mm512_cvttps_epi32(_mm512_min_ps(_mm512_max_ps(code, $constants.zero), $constants.largest))
    }};
}

/// Row by row, and in a row the same channels of all pixels: one register of codes, or one word of bits.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
fn pixels<const FORM: u8, const RESIDUAL: u8, const FLOATS: bool>(work: IntoWork<'_>) {
    let IntoWork { values, channels, affine, residual, relu, keep, floats, mut placed } = work;
    let Placed { layout, levels, columns, .. } = placed;
    let blocks = channels / BLOCK;
    let keep = keep == Keep::Finished;
    let (scales, offsets) = (affine.scale.as_chunks::<BLOCK>().0, affine.offset.as_chunks::<BLOCK>().0);
    let added: &[[f32; BLOCK]] = if let Residual::Values(added) = residual { added.as_chunks().0 } else { &[] };
    let floats = floats.unwrap_or_default().as_chunks_mut().0;
    let values = values.as_chunks_mut().0;
    let (planes, plane_len, pixel_len) = (layout.format().planes(), layout.plane_len(), layout.pixel_len());
    let constants = Constants {
        zero: _mm512_setzero_ps(),
        half: _mm512_set1_ps(0.5),
        inverse_step: _mm512_set1_ps(levels.inverse_step),
        largest: _mm512_set1_ps(f32::from(levels.largest)),
    };
    let len = columns * blocks;
    for (index, to) in placed.rows().enumerate() {
        let row = Row {
            values: &mut values[index * len..][..len],
            added: if RESIDUAL == VALUES { &added[index * len..][..len] } else { &[] },
            floats: if FLOATS { &mut floats[index * len..][..len] } else { &mut [] },
        };
        let of_channels = |block: usize| (bytemuck::cast(scales[block]), bytemuck::cast(offsets[block]));
        if FORM == PLANES {
            for word in 0..blocks / 2 {
                let (low_channels, high_channels) = (of_channels(2 * word), of_channels(2 * word + 1));
                let mut at = 2 * word;
                for to in to.chunks_exact_mut(pixel_len) {
                    let low = codes!(row, at, (low_channels.0, low_channels.1), constants, relu, keep);
                    let high = codes!(row, at + 1, (high_channels.0, high_channels.1), constants, relu, keep);
                    for plane in 0..planes {
                        let bit = _mm512_set1_epi32(1 << plane);
                        let [low, high] = [_mm512_test_epi32_mask(low, bit), _mm512_test_epi32_mask(high, bit)];
                        to[plane * plane_len + word] = u32::from(low) | u32::from(high) << 16;
                    }
                    at += blocks;
                }
            }
            // Half a word.
            if blocks % 2 == 1 {
                let channels = of_channels(blocks - 1);
                let mut at = blocks - 1;
                for to in to.chunks_exact_mut(pixel_len) {
                    let low = codes!(row, at, (channels.0, channels.1), constants, relu, keep);
                    for plane in 0..planes {
                        let bit = _mm512_set1_epi32(1 << plane);
                        to[plane * plane_len + blocks / 2] = u32::from(_mm512_test_epi32_mask(low, bit));
                    }
                    at += blocks;
                }
            }
            continue;
        }
        for block in 0..blocks {
            let channels = of_channels(block);
            let mut at = block;
            for to in to.chunks_exact_mut(pixel_len) {
                let code = codes!(row, at, (channels.0, channels.1), constants, relu, keep);
                store(&mut to[block * 4..], bytemuck::cast::<_, [u32; 4]>(_mm512_cvtepi32_epi8(code)));
                at += blocks;
            }
        }
    }
}

#[inline]
fn store<const N: usize>(to: &mut [u32], elements: [u32; N]) {
    if let Some(to) = to.first_chunk_mut() {
        *to = elements;
    }
}
