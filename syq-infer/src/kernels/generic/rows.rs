//! What happens to a row between two convolutions: bias, batch norm, residual, ReLU, quantization
//! and the packing of codes. The bodies are inlined into one `#[target_feature]` function for each
//! instruction set, where the compiler vectorises them.

use super::super::choose::HALF;
use super::super::layout::{BLOCK, InputFormat, InputLayout};
use super::super::windows::Windows;
use super::pool::PoolWork;
use syq_core::{Codebook, Levels};

/// What the row functions need of an instruction set.
pub(crate) struct RowOps<Fma, Codes, Bits, Tables, WideTables> {
    /// x · y + z, rounded once.
    pub(crate) fma: Fma,
    /// The codes of sixteen values, as [`Levels::code`] has them.
    pub(crate) codes: Codes,
    /// Bit `plane` of sixteen codes, the first code in the lowest bit.
    pub(crate) bits: Bits,
    /// The tables of sixteen halves of codes, see [`InputFormat::Tables`], and the sum of the halves.
    pub(crate) tables: Tables,
    /// The tables of sixteen halves of codes for weights of a codebook, see [`InputFormat::WideTables`].
    pub(crate) wide_tables: WideTables,
}

/// One call of a row function, its arguments checked.
pub(crate) enum RowWork<'a> {
    /// Bias, batch norm, residual and ReLU, in place.
    Finish(FinishWork<'a>),
    /// Values to codes, side by side.
    Quantize { values: &'a [f32], levels: Levels, codes: &'a mut [u8] },
    /// Values to codes in a convolution's layout; `row` is one row without padding.
    PlaceValues { values: &'a [f32], levels: Levels, layout: InputLayout, row: &'a mut [u32] },
    /// Values to codes in a convolution's layout, its windows side by side; `row` is one row.
    PlaceWindows { values: &'a [f32], levels: Levels, windows: Windows, layout: InputLayout, row: &'a mut [u32] },
    /// Codes in a convolution's layout.
    PlaceCodes { codes: &'a [u8], layout: InputLayout, row: &'a mut [u32] },
    /// Pooling.
    Pool(PoolWork<'a>),
}

/// The steps after a convolution, in this order. Empty slices are steps left out.
pub(crate) struct FinishWork<'a> {
    pub(crate) values: &'a mut [f32],
    pub(crate) channels: usize,
    pub(crate) bias: &'a [f32],
    pub(crate) scale: &'a [f32],
    pub(crate) offset: &'a [f32],
    pub(crate) residual: &'a [f32],
    pub(crate) relu: bool,
}

/// Runs one row function.
#[inline(always)]
pub(crate) fn run<Fma, Codes, Bits, Tables, WideTables>(
    ops: &RowOps<Fma, Codes, Bits, Tables, WideTables>,
    work: RowWork<'_>,
) where
    Fma: Fn(f32, f32, f32) -> f32,
    Codes: Fn(&[f32; BLOCK], &Levels) -> [u8; BLOCK],
    Bits: Fn(&[u8; BLOCK], u32) -> u16,
    Tables: Fn(&[u8; BLOCK]) -> ([[u8; 16]; 4], u32),
    WideTables: Fn(&[u8; BLOCK], Codebook) -> [[u8; 16]; 4],
{
    match work {
        RowWork::Finish(work) => finish(&ops.fma, work),
        RowWork::Quantize { values, levels, codes } => quantize(&ops.codes, values, &levels, codes),
        RowWork::PlaceValues { values, levels, layout, row } => match layout.format() {
            InputFormat::Planes(_) => {
                pack(&ops.bits, &layout, row, values, |values: &[f32; BLOCK]| (ops.codes)(values, &levels));
            }
            InputFormat::Tables(_) => {
                build_tables(&ops.tables, &layout, row, values, |values: &[f32; BLOCK]| (ops.codes)(values, &levels));
            }
            InputFormat::WideTables(_, codebook) => {
                let tables = |halves: &[u8; BLOCK]| (ops.wide_tables)(halves, codebook);
                build_wide_tables(&tables, &layout, row, values, |values: &[f32; BLOCK]| (ops.codes)(values, &levels));
            }
            _ => place(&layout, row, values, |values, codes| quantize(&ops.codes, values, &levels, codes)),
        },
        RowWork::PlaceWindows { values, levels, windows, layout, row } => {
            let quantize = |values: &[f32], codes: &mut [u8]| quantize(&ops.codes, values, &levels, codes);
            super::windows::place(&layout, &windows, row, values, quantize);
        }
        RowWork::PlaceCodes { codes, layout, row } => match layout.format() {
            InputFormat::Planes(_) => pack(&ops.bits, &layout, row, codes, |codes: &[u8; BLOCK]| *codes),
            InputFormat::Tables(_) => build_tables(&ops.tables, &layout, row, codes, |codes: &[u8; BLOCK]| *codes),
            InputFormat::WideTables(_, codebook) => {
                let tables = |halves: &[u8; BLOCK]| (ops.wide_tables)(halves, codebook);
                build_wide_tables(&tables, &layout, row, codes, |codes: &[u8; BLOCK]| *codes);
            }
            _ => place(&layout, row, codes, |codes, out| out.copy_from_slice(codes)),
        },
        RowWork::Pool(work) => super::pool::run(work),
    }
}

/// Chooses the loop once for the row.
#[inline(always)]
fn finish(fma: &impl Fn(f32, f32, f32) -> f32, work: FinishWork<'_>) {
    let FinishWork { values, channels, bias, scale, offset, residual, relu } = work;
    if !bias.is_empty() {
        for pixel in values.chunks_exact_mut(channels) {
            pixel.iter_mut().zip(bias).for_each(|(z, b)| *z += b);
        }
    }
    let positive = |x: f32| if x > 0.0 { x } else { 0.0 };
    match (scale.is_empty(), residual.is_empty(), relu) {
        (false, false, true) => affine(values, scale, offset, residual, |z, s, o, r| positive(fma(z, s, o) + r)),
        (false, false, false) => affine(values, scale, offset, residual, |z, s, o, r| fma(z, s, o) + r),
        (false, true, true) => normed(values, scale, offset, |z, s, o| positive(fma(z, s, o))),
        (false, true, false) => normed(values, scale, offset, fma),
        (true, false, true) => values.iter_mut().zip(residual).for_each(|(z, r)| *z = positive(*z + r)),
        (true, false, false) => values.iter_mut().zip(residual).for_each(|(z, r)| *z += r),
        (true, true, true) => values.iter_mut().for_each(|z| *z = positive(*z)),
        (true, true, false) => {}
    }
}

#[inline(always)]
fn normed(values: &mut [f32], scale: &[f32], offset: &[f32], step: impl Fn(f32, f32, f32) -> f32) {
    for pixel in values.chunks_exact_mut(scale.len()) {
        for ((z, s), o) in pixel.iter_mut().zip(scale).zip(offset) {
            *z = step(*z, *s, *o);
        }
    }
}

#[inline(always)]
fn affine(
    values: &mut [f32],
    scale: &[f32],
    offset: &[f32],
    residual: &[f32],
    step: impl Fn(f32, f32, f32, f32) -> f32,
) {
    for (pixel, residual) in values.chunks_exact_mut(scale.len()).zip(residual.chunks_exact(scale.len())) {
        for (((z, s), o), r) in pixel.iter_mut().zip(scale).zip(offset).zip(residual) {
            *z = step(*z, *s, *o, *r);
        }
    }
}

#[inline(always)]
fn quantize(
    quantizer: &impl Fn(&[f32; BLOCK], &Levels) -> [u8; BLOCK],
    values: &[f32],
    levels: &Levels,
    codes: &mut [u8],
) {
    let (blocks, rest) = values.as_chunks::<BLOCK>();
    let (code_blocks, code_rest) = codes.as_chunks_mut::<BLOCK>();
    for (values, codes) in blocks.iter().zip(code_blocks) {
        *codes = quantizer(values, levels);
    }
    if !rest.is_empty() {
        code_rest.copy_from_slice(&quantizer(&filled(rest), levels)[..rest.len()]);
    }
}

/// The values, then zeros.
#[inline(always)]
fn filled<T: Copy + Default>(values: &[T]) -> [T; BLOCK] {
    let mut block = [T::default(); BLOCK];
    block[..values.len()].copy_from_slice(values);
    block
}

/// Codes that are converted at a time: whole registers of whole pixels of three channels.
const CODES: usize = 8 * 3 * BLOCK;

/// Bytes or 16-bit integers in their layout: the last element of each group is filled up with zeros. Many
/// pixels are converted at a time, so that few channels fill a register too. (Each call of `convert` is a copy
/// of it, and with too many of them the compiler leaves calls in all loops of this file.)
#[inline(always)]
fn place<T>(layout: &InputLayout, row: &mut [u32], from: &[T], convert: impl Fn(&[T], &mut [u8])) {
    let (channels, group_len) = (layout.group_channels(), layout.group_len());
    let format = layout.format();
    if format == InputFormat::Codes && channels.is_multiple_of(4) {
        return convert(from, bytemuck::cast_slice_mut(row));
    }
    // Whole groups, or parts of one.
    let (groups, part_len) = match CODES / channels {
        0 => (1, CODES / format.channels()),
        groups => (groups, groups * group_len),
    };
    let mut codes = [0; CODES];
    for (from, to) in from.chunks(groups * channels).zip(row.chunks_mut(groups * group_len)) {
        for (from, to) in from.chunks(CODES).zip(to.chunks_mut(part_len)) {
            let codes = &mut codes[..from.len()];
            convert(from, codes);
            let channels = channels.min(codes.len());
            match format {
                InputFormat::Wide => widen(codes, to, channels, i16::from(layout.zero())),
                _ => spread(codes, to, channels),
            }
        }
    }
}

/// Bytes of groups of `channels`, each from an element on.
#[inline(always)]
fn spread(codes: &[u8], elements: &mut [u32], channels: usize) {
    // A picture: whole elements are written.
    if channels == 3 {
        for (element, &[a, b, c]) in elements.iter_mut().zip(codes.as_chunks().0) {
            *element = u32::from_ne_bytes([a, b, c, 0]);
        }
        return;
    }
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(elements);
    for (codes, bytes) in codes.chunks_exact(channels).zip(bytes.chunks_exact_mut(channels.next_multiple_of(4))) {
        let (bytes, filling) = bytes.split_at_mut(channels);
        bytes.copy_from_slice(codes);
        filling.fill(0);
    }
}

/// Codes less `zero` as 16-bit integers, of groups of `channels`, each from an element on.
#[inline(always)]
fn widen(codes: &[u8], elements: &mut [u32], channels: usize, zero: i16) {
    let wide: &mut [i16] = bytemuck::cast_slice_mut(elements);
    if channels == 3 {
        for (wide, &[a, b, c]) in wide.as_chunks_mut().0.iter_mut().zip(codes.as_chunks().0) {
            *wide = [i16::from(a) - zero, i16::from(b) - zero, i16::from(c) - zero, 0];
        }
        return;
    }
    for (codes, wide) in codes.chunks_exact(channels).zip(wide.chunks_exact_mut(channels.next_multiple_of(2))) {
        let (wide, filling) = wide.split_at_mut(channels);
        wide.iter_mut().zip(codes).for_each(|(wide, code)| *wide = i16::from(*code) - zero);
        filling.fill(0);
    }
}

/// Bit planes in their layout, 32 channels at a time.
#[inline(always)]
fn pack<T: Copy + Default>(
    bits: &impl Fn(&[u8; BLOCK], u32) -> u16,
    layout: &InputLayout,
    row: &mut [u32],
    from: &[T],
    code: impl Fn(&[T; BLOCK]) -> [u8; BLOCK],
) {
    let plane_len = layout.plane_len();
    let planes = layout.format().planes();
    for (from, to) in from.chunks_exact(layout.group_channels()).zip(row.chunks_exact_mut(layout.group_len())) {
        let (words, rest) = from.as_chunks::<32>();
        for (word, from) in words.iter().enumerate() {
            let (halves, _) = from.as_chunks::<BLOCK>();
            let [low, high] = [code(&halves[0]), code(&halves[1])];
            for plane in 0..planes {
                let [low, high] = [bits(&low, plane as u32), bits(&high, plane as u32)];
                to[plane * plane_len + word] = u32::from(low) | u32::from(high) << 16;
            }
        }
        if !rest.is_empty() {
            let (low, high) = rest.split_at(rest.len().min(BLOCK));
            let [low, high] = [code(&filled(low)), code(&filled(high))];
            for plane in 0..planes {
                let [low, high] = [bits(&low, plane as u32), bits(&high, plane as u32)];
                to[plane * plane_len + words.len()] = u32::from(low) | u32::from(high) << 16;
            }
        }
    }
}

/// Tables in their layout, 16 channels at a time, and the sums of the codes.
#[inline(always)]
fn build_tables<T: Copy + Default>(
    tables: &impl Fn(&[u8; BLOCK]) -> ([[u8; 16]; 4], u32),
    layout: &InputLayout,
    row: &mut [u32],
    from: &[T],
    code: impl Fn(&[T; BLOCK]) -> [u8; BLOCK],
) {
    let (planes, plane_len) = (layout.format().planes(), layout.plane_len());
    for (from, to) in from.chunks_exact(layout.group_channels()).zip(row.chunks_exact_mut(layout.group_len())) {
        let (to, behind) = to.split_at_mut(planes * plane_len);
        behind.fill(0);
        let (blocks, rest) = from.as_chunks::<BLOCK>();
        let (low, high) = to.split_at_mut(plane_len);
        let mut sums = [0; 2];
        // Loops, not a closure of this function: it stayed a call, without the features of the instruction set.
        for (block, low) in low.chunks_mut(BLOCK).enumerate() {
            let codes = match blocks.get(block) {
                Some(from) => code(from),
                None => code(&filled(rest)),
            };
            let halves = halves(codes);
            for plane in 0..planes {
                let (tables, sum) = tables(&halves[plane]);
                let to = if plane == 0 { &mut *low } else { &mut high[block * BLOCK..][..low.len()] };
                sums[plane] += sum;
                let tables: [u32; BLOCK] = bytemuck::cast(tables);
                match to.first_chunk_mut() {
                    Some(to) => *to = tables,
                    None => to.copy_from_slice(&tables[..to.len()]),
                }
            }
        }
        behind.iter_mut().zip(sums).for_each(|(to, sum)| *to = sum);
    }
}

/// Registers of tables in their layout, 16 channels each.
#[inline(always)]
fn build_wide_tables<T: Copy + Default>(
    tables: &impl Fn(&[u8; BLOCK]) -> [[u8; 16]; 4],
    layout: &InputLayout,
    row: &mut [u32],
    from: &[T],
    code: impl Fn(&[T; BLOCK]) -> [u8; BLOCK],
) {
    let (planes, plane_len) = (layout.format().planes(), layout.plane_len());
    for (from, to) in from.chunks_exact(layout.group_channels()).zip(row.chunks_exact_mut(layout.group_len())) {
        let (blocks, rest) = from.as_chunks::<BLOCK>();
        let (low, high) = to.split_at_mut(plane_len);
        let high = &mut high[..(planes - 1) * plane_len];
        let (low, high) = (low.as_chunks_mut::<BLOCK>().0, high.as_chunks_mut::<BLOCK>().0);
        // One call of the closures, or they may stay calls, without the features of the instruction set.
        for (block, low) in low.iter_mut().enumerate() {
            let codes = match blocks.get(block) {
                Some(from) => code(from),
                None => code(&filled(rest)),
            };
            let [low_halves, high_halves] = halves(codes);
            *low = bytemuck::cast(tables(&low_halves));
            if let Some(high) = high.get_mut(block) {
                *high = bytemuck::cast(tables(&high_halves));
            }
        }
    }
}

/// The low and the high halves of sixteen codes; of words, as no instruction shifts bytes.
#[inline(always)]
fn halves(codes: [u8; BLOCK]) -> [[u8; BLOCK]; 2] {
    let [first, second]: [u64; 2] = bytemuck::cast(codes);
    let mask = u64::from_ne_bytes([HALF; BLOCK / 2]);
    [bytemuck::cast([first & mask, second & mask]), bytemuck::cast([first >> 4 & mask, second >> 4 & mask])]
}
