//! One image row to a row of windows.

use super::super::layout::{InputFormat, InputLayout};
use super::super::windows::{CODES, Windows};

/// What is copied behind the codes of the last window: no more than an element.
const SPARE: usize = 4;

/// Quantizes a row, some windows at a time, and copies the codes of each. An element's last codes may be those of the
/// next column: the weights that meet them are zero.
#[inline(always)]
pub(super) fn place(
    layout: &InputLayout,
    windows: &Windows,
    row: &mut [u32],
    values: &[f32],
    quantize: impl Fn(&[f32], &mut [u8]),
) {
    let channels = windows.shape.channels;
    let (step, span) = (windows.stride * channels, windows.kernel * channels);
    let at_once = (CODES - span) / step + 1;
    let mut codes = [layout.zero(); CODES + SPARE];
    let mut wide = [0i16; CODES + SPARE];
    for (part, row) in row.chunks_mut(at_once * layout.pixel_len()).enumerate() {
        let count = row.len() / layout.pixel_len();
        let len = (count - 1) * step + span;
        // Values from the first window's first column on, of which some lie before or behind the image.
        let (first, left) = (part * at_once * step, windows.left * channels);
        let start = left.saturating_sub(first).min(len);
        let from = &values[(first + start).saturating_sub(left).min(values.len())..];
        let from = &from[..from.len().min(len - start)];
        codes[..start].fill(layout.zero());
        quantize(from, &mut codes[start..start + from.len()]);
        codes[start + from.len()..].fill(layout.zero());
        if layout.format() == InputFormat::Wide {
            let zero = i16::from(layout.zero());
            wide.iter_mut().zip(&codes).for_each(|(wide, code)| *wide = i16::from(*code) - zero);
            copy_all(bytemuck::cast_slice(&wide), 2 * step, row, layout.pixel_len());
        } else {
            copy_all(&codes, step, row, layout.pixel_len());
        }
    }
}

/// Windows of `len` elements, `step` bytes apart. (Known lengths are a few registers; three channels of the usual
/// kernels have these.)
#[inline(always)]
fn copy_all(from: &[u8], step: usize, to: &mut [u32], len: usize) {
    match len {
        6 => copy::<6>(from, step, to),
        9 => copy::<9>(from, step, to),
        11 => copy::<11>(from, step, to),
        18 => copy::<18>(from, step, to),
        _ => {
            for (window, to) in to.chunks_exact_mut(len).enumerate() {
                copy::<1>(&from[window * step..], 4, to);
            }
        }
    }
}

#[inline(always)]
fn copy<const N: usize>(from: &[u8], step: usize, to: &mut [u32]) {
    for (window, to) in to.as_chunks_mut::<N>().0.iter_mut().enumerate() {
        let Some(from) = from[window * step..].as_chunks().0.first_chunk::<N>() else { continue };
        for (to, from) in to.iter_mut().zip(from) {
            *to = u32::from_ne_bytes(*from);
        }
    }
}
