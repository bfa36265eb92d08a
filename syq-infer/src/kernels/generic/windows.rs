//! Rows of an image to a row of windows.

use super::super::layout::{InputFormat, InputLayout};
use super::super::windows::{CODES, Windows};

/// Bytes that are copied at a time: what a window has of a line is rounded up to so many.
const PIECE: usize = 16;

/// Some windows at a time, and of these what each has of one line, then of the next.
#[inline(always)]
pub(super) fn place(layout: &InputLayout, windows: &Windows, lines: &[u32], row: &mut [u32]) {
    let (shape, window) = (windows.shape, windows.window);
    let (step, span) = (window.stride[1] * shape.channels, window.kernel[1] * shape.channels);
    let (line_len, left) = (shape.width * shape.channels, window.padding.left * shape.channels);
    let lines: &[u8] = bytemuck::cast_slice(lines);
    let (zero, bytes) = (layout.zero(), if layout.format() == InputFormat::Wide { 2 } else { 1 });
    let at_once = (CODES - span) / step + 1;
    let mut codes = [zero; CODES + PIECE];
    let mut wide = [0i16; CODES + PIECE];
    for (part, row) in row.chunks_mut(at_once * layout.pixel_len()).enumerate() {
        let len = (row.len() / layout.pixel_len() - 1) * step + span;
        // Codes from the first window's first column on, of which some lie before or behind the image.
        let first = part * at_once * step;
        let start = left.saturating_sub(first).min(len);
        let from = (first + start).saturating_sub(left).min(line_len);
        let count = (line_len - from).min(len - start);
        codes[..start].fill(zero);
        codes[start + count..].fill(zero);
        for (y, line) in lines.chunks_exact(lines.len() / window.kernel[0]).enumerate() {
            codes[start..start + count].copy_from_slice(&line[from..from + count]);
            let codes: &[u8] = if bytes == 2 {
                wide.iter_mut().zip(&codes).for_each(|(wide, code)| *wide = i16::from(*code) - i16::from(zero));
                bytemuck::cast_slice(&wide)
            } else {
                &codes
            };
            let below = (window.kernel[0] - 1 - y) * span * bytes;
            copy_all(codes, (step * bytes, span * bytes, below), row, layout.pixel_len(), y * span * bytes);
        }
    }
}

/// `span` bytes from every `step`th on to byte `at` of every window of `len` elements. Of the `below` bytes that follow in a
/// window, and are written later, some may be overwritten.
#[inline(always)]
fn copy_all(from: &[u8], (step, span, below): (usize, usize, usize), to: &mut [u32], len: usize, at: usize) {
    let to = bytemuck::cast_slice_mut(to).chunks_exact_mut(4 * len);
    // Known lengths are a few registers; three channels of the usual kernels have these.
    match span.div_ceil(PIECE) {
        pieces if pieces * PIECE - span > below => {
            for (window, to) in to.enumerate() {
                to[at..at + span].copy_from_slice(&from[window * step..][..span]);
            }
        }
        1 => copy::<PIECE>(from, step, to, at),
        2 => copy::<{ 2 * PIECE }>(from, step, to, at),
        3 => copy::<{ 3 * PIECE }>(from, step, to, at),
        5 => copy::<{ 5 * PIECE }>(from, step, to, at),
        _ => {
            for (window, to) in to.enumerate() {
                to[at..at + span].copy_from_slice(&from[window * step..][..span]);
            }
        }
    }
}

#[inline(always)]
fn copy<'a, const N: usize>(from: &[u8], step: usize, to: impl Iterator<Item = &'a mut [u8]>, at: usize) {
    let mut first = 0;
    for to in to {
        if let (Some(to), Some(from)) = (to[at..].first_chunk_mut::<N>(), from[first..].first_chunk::<N>()) {
            *to = *from;
        }
        first += step;
    }
}
