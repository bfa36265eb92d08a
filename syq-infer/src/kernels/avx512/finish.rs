//! A convolution's values to all that later steps read, in one pass: batch norm, residual, ReLU, the feature map, and
//! codes in the next convolution's layout. Sixteen values stay in a register from the first to the last.

use crate::kernels::finish_into::{IntoWork, Keep, Placed, Residual};
use crate::kernels::layout::{BLOCK, InputFormat, InputLayout};
use std::arch::x86_64::*;
use syq_core::Levels;

/// Forms of the codes: bit planes, of which one and two are unrolled, and bytes.
const PLANES: u8 = 0;
const ONE_PLANE: u8 = 1;
const TWO_PLANES: u8 = 2;
const BYTES: u8 = 3;

/// Blocks of a word.
const PART: usize = 2;

/// Up to so many blocks a pixel has few.
const FEW_BLOCKS: usize = 8;

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
    let format = work.placed.layout.format();
    match (format, format.planes()) {
        (InputFormat::Planes(_), 1) => pixels::<ONE_PLANE, RESIDUAL, FLOATS>(work),
        (InputFormat::Planes(_), 2) => pixels::<TWO_PLANES, RESIDUAL, FLOATS>(work),
        (InputFormat::Planes(_), _) => pixels::<PLANES, RESIDUAL, FLOATS>(work),
        _ => pixels::<BYTES, RESIDUAL, FLOATS>(work),
    }
}

/// What all pixels have in common.
struct Constants {
    zero: __m512,
    half: __m512,
    inverse_step: __m512,
    largest: __m512,
    /// The code of a channel that is not there, before it is cut off.
    nothing: __m512,
    /// The lowest bits.
    bits: [__m512i; 2],
}

/// The blocks of a row's pixels.
struct Row<'a> {
    values: &'a mut [[f32; BLOCK]],
    added: &'a [[f32; BLOCK]],
    floats: &'a mut [[f32; BLOCK]],
}

/// Finishes the sixteen values of one block, stores them, and gives their codes before those are cut off. (A macro, as a
/// closure stays a call.)
macro_rules! finished {
    ($row:ident, $block:expr, $channels:ident, $constants:ident, $relu:ident, $keep:ident) => {{
        let block = $block;
        let mut value = bytemuck::cast($row.values[block]);
        value = _mm512_fmadd_ps(value, $channels.0, $channels.1);
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
        _mm512_fmadd_ps(value, $constants.inverse_step, $constants.half)
    }};
}

/// Whole codes.
macro_rules! cut {
    ($code:expr, $constants:ident) => {
        _mm512_cvttps_epi32(_mm512_min_ps(_mm512_max_ps($code, $constants.zero), $constants.largest))
    };
}

/// One bit plane of 32 codes.
macro_rules! bits {
    ($low:ident, $high:ident, $bit:expr) => {
        u32::from(_mm512_test_epi32_mask($low, $bit)) | u32::from(_mm512_test_epi32_mask($high, $bit)) << 16
    };
}

/// Finishes and stores two blocks of a pixel, a word of bits; behind them one may be alone.
macro_rules! part {
    ($row:ident, $to:ident, $part:ident, $at:expr, ($low:ident, $high:ident),
     ($blocks:ident, $planes:ident, $plane_len:ident, $constants:ident, $relu:ident, $keep:ident)) => {{
        let (at, whole) = ($at, PART * $part + 1 < $blocks);
        let low = finished!($row, at, $low, $constants, $relu, $keep);
        let high = if whole { finished!($row, at + 1, $high, $constants, $relu, $keep) } else { $constants.nothing };
        if FORM == ONE_PLANE {
            // What is not a number has the code 0.
            let low = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(low, $constants.largest);
            let high = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(high, $constants.largest);
            $to[$part] = u32::from(low) | u32::from(high) << 16;
        } else {
            let (low, high) = (cut!(low, $constants), cut!(high, $constants));
            if FORM == TWO_PLANES {
                $to[$part] = bits!(low, high, $constants.bits[0]);
                $to[$plane_len + $part] = bits!(low, high, $constants.bits[1]);
            } else if FORM == PLANES {
                for plane in 0..$planes {
                    $to[plane * $plane_len + $part] = bits!(low, high, _mm512_set1_epi32(1 << plane));
                }
            } else {
                let to = &mut $to[PART * $part * 4..];
                store(to, bytemuck::cast::<_, [u32; 4]>(_mm512_cvtepi32_epi8(low)));
                if whole {
                    store(&mut to[4..], bytemuck::cast::<_, [u32; 4]>(_mm512_cvtepi32_epi8(high)));
                }
            }
        }
    }};
}

/// Row by row. Of few channels the same ones of all pixels, so that what surrounds them is done once for a row; of many, whose
/// pixels lie far apart, all of each pixel.
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
        nothing: _mm512_setzero_ps(),
        bits: [_mm512_set1_epi32(1), _mm512_set1_epi32(2)],
    };
    let len = columns * blocks;
    for (index, to) in placed.rows().enumerate() {
        let row = Row {
            values: &mut values[index * len..][..len],
            added: if RESIDUAL == VALUES { &added[index * len..][..len] } else { &[] },
            floats: if FLOATS { &mut floats[index * len..][..len] } else { &mut [] },
        };
        let of = |block: usize| (bytemuck::cast(scales[block]), bytemuck::cast(offsets[block]));
        if blocks > FEW_BLOCKS {
            let mut first = 0;
            for to in to.chunks_exact_mut(pixel_len) {
                for part in 0..blocks.div_ceil(PART) {
                    let (low, high) = (of(PART * part), of((PART * part + 1).min(blocks - 1)));
                    part!(
                        row,
                        to,
                        part,
                        first + PART * part,
                        (low, high),
                        (blocks, planes, plane_len, constants, relu, keep)
                    );
                }
                first += blocks;
            }
            continue;
        }
        for part in 0..blocks.div_ceil(PART) {
            let (low, high) = (of(PART * part), of((PART * part + 1).min(blocks - 1)));
            let mut at = PART * part;
            for to in to.chunks_exact_mut(pixel_len) {
                part!(row, to, part, at, (low, high), (blocks, planes, plane_len, constants, relu, keep));
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
