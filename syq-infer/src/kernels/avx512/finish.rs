//! A convolution's values to all that later steps read, in one pass: batch norm, residual, ReLU, the feature map, and
//! codes in the next convolution's layout. Sixteen values stay in a register from the first to the last.

use crate::kernels::finish_into::{IntoWork, Keep, Placed, Residual};
use crate::kernels::layout::{BLOCK, InputFormat};
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

/// Whether this pass can finish pixels of so many channels: whole registers of them, and unsigned codes that go where the
/// channels lie side by side, those of bit planes in one group.
pub(in crate::kernels) fn finishes_into(channels: usize, placed: Option<&Placed<'_>>) -> bool {
    let placed = placed.is_none_or(|placed| {
        let Placed { layout, levels, .. } = placed;
        let whole = layout.group_channels().is_multiple_of(BLOCK);
        levels.zero == 0
            && match layout.format() {
                InputFormat::Planes(bits) => layout.groups() == 1 && whole && bits.largest() == levels.largest,
                InputFormat::Codes => whole,
                InputFormat::Tables(_) | InputFormat::WideTables(..) | InputFormat::Wide | InputFormat::Float => false,
            }
    });
    placed && channels.is_multiple_of(BLOCK)
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
fn form<const RESIDUAL: u8, const FLOATS: bool>(mut work: IntoWork<'_>) {
    let Some(placed) = work.placed.take() else { return values::<RESIDUAL, FLOATS>(work) };
    let format = placed.layout.format();
    match (format, format.planes()) {
        (InputFormat::Planes(_), 1) => pixels::<ONE_PLANE, RESIDUAL, FLOATS>(work, placed),
        (InputFormat::Planes(_), 2) => pixels::<TWO_PLANES, RESIDUAL, FLOATS>(work, placed),
        (InputFormat::Planes(_), _) => pixels::<PLANES, RESIDUAL, FLOATS>(work, placed),
        _ => pixels::<BYTES, RESIDUAL, FLOATS>(work, placed),
    }
}

/// What all pixels have in common.
#[derive(Clone, Copy)]
struct Constants {
    zero: __m512,
    half: __m512,
    inverse_step: __m512,
    largest: __m512,
    /// The lowest bits.
    bits: [__m512i; 2],
    relu: bool,
    keep: bool,
}

/// Where there are no codes.
const NO_LEVELS: Levels = Levels { step: 1.0, inverse_step: 1.0, largest: 0, zero: 0 };

impl Constants {
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
    #[inline]
    fn new(levels: Levels, relu: bool, keep: Keep) -> Self {
        Self {
            zero: _mm512_setzero_ps(),
            half: _mm512_set1_ps(0.5),
            inverse_step: _mm512_set1_ps(levels.inverse_step),
            largest: _mm512_set1_ps(f32::from(levels.largest)),
            bits: [_mm512_set1_epi32(1), _mm512_set1_epi32(2)],
            relu,
            keep: keep == Keep::Finished,
        }
    }
}

/// How codes lie.
struct Form {
    planes: usize,
    plane_len: usize,
    pixel_len: usize,
}

/// The values of some whole pixels in blocks, what is added to them, and the feature map. Those that are there are equally
/// long.
struct Blocks<'a> {
    values: &'a mut [[f32; BLOCK]],
    added: &'a [[f32; BLOCK]],
    floats: &'a mut [[f32; BLOCK]],
}

/// Finishes the sixteen values of one block, stores them, and gives their codes before those are cut off. (A macro, as a
/// closure stays a call.)
macro_rules! finished {
    (($values:expr, $added:expr, $floats:expr), $channels:ident, $constants:ident) => {{
        let mut value = _mm512_fmadd_ps(bytemuck::cast($values), $channels[0], $channels[1]);
        if RESIDUAL == VALUES {
            value = _mm512_add_ps(value, bytemuck::cast($added));
        }
        if RESIDUAL == IN_PLACE {
            value = _mm512_add_ps(value, bytemuck::cast($floats));
        }
        if $constants.relu {
            // The second operand where the first is NaN, or both are zero.
            value = _mm512_max_ps(value, $constants.zero);
        }
        if FLOATS {
            $floats = bytemuck::cast(value);
        }
        if $constants.keep {
            $values = bytemuck::cast(value);
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
    ($codes:ident, $bit:expr) => {
        u32::from(_mm512_test_epi32_mask($codes[0], $bit)) | u32::from(_mm512_test_epi32_mask($codes[1], $bit)) << 16
    };
}

/// Stores the codes of two blocks, which share a word of bits, or where they are not `$whole` of the first alone.
macro_rules! store_codes {
    ($codes:expr, $whole:expr, $to:ident, $part:expr, $form:ident, $constants:ident) => {{
        let (codes, part): ([__m512; PART], usize) = ($codes, $part);
        if FORM == ONE_PLANE {
            // What is not a number has the code 0.
            let low = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(codes[0], $constants.largest);
            let high = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(codes[1], $constants.largest);
            $to[part] = u32::from(low) | u32::from(high) << 16;
        } else {
            let codes = [cut!(codes[0], $constants), cut!(codes[1], $constants)];
            if FORM == TWO_PLANES {
                $to[part] = bits!(codes, $constants.bits[0]);
                $to[$form.plane_len + part] = bits!(codes, $constants.bits[1]);
            } else if FORM == PLANES {
                for plane in 0..$form.planes {
                    $to[plane * $form.plane_len + part] = bits!(codes, _mm512_set1_epi32(1 << plane));
                }
            } else {
                let to = &mut $to[PART * part * 4..];
                store(to, bytemuck::cast::<_, [u32; 4]>(_mm512_cvtepi32_epi8(codes[0])));
                if $whole {
                    store(&mut to[4..], bytemuck::cast::<_, [u32; 4]>(_mm512_cvtepi32_epi8(codes[1])));
                }
            }
        }
    }};
}

/// The values alone, without codes.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
#[allow(clippy::needless_range_loop, reason = "five slices of one length")]
fn values<const RESIDUAL: u8, const FLOATS: bool>(work: IntoWork<'_>) {
    let IntoWork { values, channels, affine, residual, relu, keep, floats, .. } = work;
    let blocks = channels / BLOCK;
    let [scales, offsets] =
        [affine.scale, affine.offset].map(|of_channels| &of_channels.as_chunks::<BLOCK>().0[..blocks]);
    let added: &[[f32; BLOCK]] = if let Residual::Values(added) = residual { added.as_chunks().0 } else { &[] };
    let floats: &mut [[f32; BLOCK]] = floats.unwrap_or_default().as_chunks_mut().0;
    let keep = if FLOATS { keep } else { Keep::Finished };
    let constants = Constants::new(NO_LEVELS, relu, keep);
    for (index, values) in values.as_chunks_mut::<BLOCK>().0.chunks_exact_mut(blocks.max(1)).enumerate() {
        let first = index * blocks;
        let added = if RESIDUAL == VALUES { &added[first..][..blocks] } else { &[] };
        let floats = if FLOATS { &mut floats[first..][..blocks] } else { &mut [] };
        for n in 0..blocks {
            let channels: [__m512; 2] = [bytemuck::cast(scales[n]), bytemuck::cast(offsets[n])];
            finished!((values[n], added[n], floats[n]), channels, constants);
        }
    }
}

/// Row by row. Of few channels (or an odd number of blocks) the same ones of all pixels, so that what surrounds them is done once
/// for a row; of many, whose pixels lie far apart, all of each pixel.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
fn pixels<const FORM: u8, const RESIDUAL: u8, const FLOATS: bool>(work: IntoWork<'_>, mut placed: Placed<'_>) {
    let IntoWork { values, channels, affine, residual, relu, keep, floats, .. } = work;
    let Placed { layout, levels, columns, .. } = placed;
    let blocks = channels / BLOCK;
    let affine = [affine.scale, affine.offset].map(|of_channels| of_channels.as_chunks::<BLOCK>().0);
    let added: &[[f32; BLOCK]] = if let Residual::Values(added) = residual { added.as_chunks().0 } else { &[] };
    let floats = floats.unwrap_or_default().as_chunks_mut().0;
    let values = values.as_chunks_mut().0;
    let constants = Constants::new(levels, relu, keep);
    let form = Form { planes: layout.format().planes(), plane_len: layout.plane_len(), pixel_len: layout.pixel_len() };
    let len = columns * blocks;
    for (index, to) in placed.rows().enumerate() {
        let row = Blocks {
            values: &mut values[index * len..][..len],
            added: if RESIDUAL == VALUES { &added[index * len..][..len] } else { &[] },
            floats: if FLOATS { &mut floats[index * len..][..len] } else { &mut [] },
        };
        if blocks > FEW_BLOCKS && blocks.is_multiple_of(PART) {
            wide::<FORM, RESIDUAL, FLOATS>(row, to, &form, affine, constants);
            continue;
        }
        for part in 0..blocks.div_ceil(PART) {
            let (first, whole) = (PART * part, PART * part + 1 < blocks);
            let second = if whole { first + 1 } else { first };
            let [of_low, of_high] =
                [first, second].map(|block| affine.map(|channels| bytemuck::cast::<_, __m512>(channels[block])));
            let mut at = first;
            for to in to.chunks_exact_mut(form.pixel_len) {
                let low = finished!((row.values[at], row.added[at], row.floats[at]), of_low, constants);
                let mut high = constants.zero;
                if whole {
                    let at = at + 1;
                    high = finished!((row.values[at], row.added[at], row.floats[at]), of_high, constants);
                }
                store_codes!([low, high], whole, to, part, form, constants);
                at += blocks;
            }
        }
    }
}

/// All blocks, an even number, of one pixel after the other.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
#[inline]
fn wide<const FORM: u8, const RESIDUAL: u8, const FLOATS: bool>(
    row: Blocks<'_>,
    to: &mut [u32],
    form: &Form,
    affine: [&[[f32; BLOCK]]; 2],
    constants: Constants,
) {
    let [scales, offsets] = affine.map(|of_channels| of_channels.as_chunks::<PART>().0);
    let parts = scales.len();
    // Equally long, so that one comparison stands for all.
    let offsets = &offsets[..parts];
    let mut first = 0;
    for to in to.chunks_exact_mut(form.pixel_len) {
        let values = &mut row.values.as_chunks_mut::<PART>().0[first..][..parts];
        let added = if RESIDUAL == VALUES { &row.added.as_chunks::<PART>().0[first..][..parts] } else { &[] };
        let floats = if FLOATS { &mut row.floats.as_chunks_mut::<PART>().0[first..][..parts] } else { &mut [] };
        for part in 0..parts {
            let mut codes = [constants.zero; PART];
            for n in 0..PART {
                let channels = [bytemuck::cast(scales[part][n]), bytemuck::cast(offsets[part][n])];
                codes[n] = finished!((values[part][n], added[part][n], floats[part][n]), channels, constants);
            }
            store_codes!(codes, true, to, part, form, constants);
        }
        first += parts;
    }
}

#[inline]
fn store<const N: usize>(to: &mut [u32], elements: [u32; N]) {
    if let Some(to) = to.first_chunk_mut() {
        *to = elements;
    }
}
