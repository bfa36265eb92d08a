//! Max and average pooling of one output row.

use super::super::layout::BLOCK;
use std::ops::Range;

/// Pooling windows of one output row over the rows of the image that they reach.
#[derive(Clone, Copy)]
pub(crate) struct PoolRow {
    /// Kernel columns.
    pub(crate) kernel: usize,
    /// Horizontal stride.
    pub(crate) stride: usize,
    /// Padding columns on the left.
    pub(crate) left: usize,
    /// The input's columns that are given: from this one on, that many.
    pub(crate) first: usize,
    pub(crate) len: usize,
    /// Channels.
    pub(crate) channels: usize,
}

/// One call; the input is the given columns of rows, `[row][column][channel]`. The output holds what the rows above gave,
/// or the value of an empty window, and goes on from there.
pub(crate) enum PoolWork<'a> {
    /// Maximum of floats.
    MaxValues { row: PoolRow, input: &'a [f32], output: &'a mut [f32] },
    /// Maximum of codes.
    MaxCodes { row: PoolRow, input: &'a [u8], output: &'a mut [u8] },
    /// Mean of floats, of all rows at once.
    Average { row: PoolRow, input: &'a [f32], output: &'a mut [f32] },
}

/// Runs one pooling row.
#[inline(always)]
pub(crate) fn run(work: PoolWork<'_>) {
    match work {
        PoolWork::MaxValues { row, input, output } => pool(row, input, output, max, |max, _| max),
        PoolWork::MaxCodes { row, input, output } => pool(row, input, output, max, |max, _| max),
        PoolWork::Average { row, input, output } => {
            pool(row, input, output, |sum: f32, x| sum + x, |sum, count| sum / count as f32);
        }
    }
}

#[inline(always)]
fn max<T: PartialOrd>(max: T, x: T) -> T {
    if x > max { x } else { max }
}

/// Takes the pixels of every window in row-major order.
#[inline(always)]
fn pool<T: Copy>(row: PoolRow, input: &[T], output: &mut [T], step: impl Fn(T, T) -> T, end: impl Fn(T, usize) -> T) {
    if row.len == 0 {
        return;
    }
    let seen = row.outputs();
    let one_line = input.len() == row.len * row.channels;
    let whole = match row.kernel {
        _ if !one_line || !row.channels.is_multiple_of(BLOCK) => 0..0,
        2 => whole_windows::<_, 2>(&row, &seen, input, output, &step, &end),
        3 => whole_windows::<_, 3>(&row, &seen, input, output, &step, &end),
        _ => 0..0,
    };
    for (column, out) in output.chunks_exact_mut(row.channels).enumerate().take(seen.end).skip(seen.start) {
        if whole.contains(&column) {
            continue;
        }
        let columns = row.columns(column);
        // Few pixels of one line: their channels side by side, whatever their number.
        let pixels = &input[columns.start * row.channels..columns.end * row.channels];
        match columns.len() {
            1 if one_line => few::<_, 1>(out, pixels, &step, &end),
            2 if one_line => few::<_, 2>(out, pixels, &step, &end),
            3 if one_line => few::<_, 3>(out, pixels, &step, &end),
            _ => many(&row, input, &columns, out, &step, &end),
        }
    }
}

/// Of the outputs that see one line, those that see all `N` columns of their windows: the same sixteen channels of all of
/// them, then the next. Returns which they are.
#[inline(always)]
fn whole_windows<T: Copy, const N: usize>(
    row: &PoolRow,
    seen: &Range<usize>,
    input: &[T],
    output: &mut [T],
    step: &impl Fn(T, T) -> T,
    end: &impl Fn(T, usize) -> T,
) -> Range<usize> {
    let cut = |output: &usize| row.columns(*output).len() < N;
    let (Some(first), Some(last)) =
        (seen.clone().find(|output| !cut(output)), seen.clone().rfind(|output| !cut(output)))
    else {
        return 0..0;
    };
    let whole = first..last + 1;
    let (input, output) = (input.as_chunks::<BLOCK>().0, output.as_chunks_mut::<BLOCK>().0);
    let blocks = row.channels / BLOCK;
    for block in 0..blocks {
        let mut from = row.columns(whole.start).start * blocks + block;
        for to in output[whole.start * blocks..whole.end * blocks].iter_mut().skip(block).step_by(blocks) {
            let mut lanes = *to;
            for n in 0..N {
                let x = &input[from + n * blocks];
                for lane in 0..BLOCK {
                    lanes[lane] = step(lanes[lane], x[lane]);
                }
            }
            for lane in 0..BLOCK {
                to[lane] = end(lanes[lane], N);
            }
            from += row.stride * blocks;
        }
    }
    whole
}

/// `N` pixels that lie side by side.
#[inline(always)]
fn few<T: Copy, const N: usize>(out: &mut [T], pixels: &[T], step: &impl Fn(T, T) -> T, end: &impl Fn(T, usize) -> T) {
    let channels = out.len();
    let mut lines: [&[T]; N] = [&[]; N];
    for (n, line) in lines.iter_mut().enumerate() {
        *line = &pixels[n * channels..][..channels];
    }
    for channel in 0..channels {
        let mut value = out[channel];
        for line in lines {
            value = step(value, line[channel]);
        }
        out[channel] = end(value, N);
    }
}

/// A window of any size.
#[inline(always)]
fn many<T: Copy>(
    row: &PoolRow,
    input: &[T],
    columns: &Range<usize>,
    out: &mut [T],
    step: &impl Fn(T, T) -> T,
    end: &impl Fn(T, usize) -> T,
) {
    let (blocks, rest) = out.as_chunks_mut::<BLOCK>();
    let mut first = 0;
    for out in blocks {
        channels(row, input, columns, first, out, step, end);
        first += BLOCK;
    }
    for out in rest.as_chunks_mut::<1>().0 {
        channels(row, input, columns, first, out, step, end);
        first += 1;
    }
}

/// `N` channels of one window from channel `first` on: they stay in registers over all its pixels. (More
/// than a block at a time does not: the compiler keeps larger arrays in memory.)
#[inline(always)]
fn channels<T: Copy, const N: usize>(
    row: &PoolRow,
    input: &[T],
    columns: &Range<usize>,
    first: usize,
    out: &mut [T; N],
    step: &impl Fn(T, T) -> T,
    end: &impl Fn(T, usize) -> T,
) {
    let mut lanes = *out;
    let mut count = 0;
    for line in input.chunks_exact(row.len * row.channels) {
        for pixel in line[columns.start * row.channels..columns.end * row.channels].chunks_exact(row.channels) {
            let Some(x) = pixel[first..].first_chunk::<N>() else { continue };
            for lane in 0..N {
                lanes[lane] = step(lanes[lane], x[lane]);
            }
            count += 1;
        }
    }
    for lane in 0..N {
        out[lane] = end(lanes[lane], count);
    }
}

impl PoolRow {
    /// The outputs that see a given column.
    #[inline(always)]
    fn outputs(&self) -> Range<usize> {
        let first = (self.first + self.left + self.stride).saturating_sub(self.kernel) / self.stride;
        first..(self.first + self.len + self.left).div_ceil(self.stride)
    }

    /// The given columns that a window sees, counted from the first; not empty for whole lines, as padding is smaller
    /// than the kernel.
    #[inline(always)]
    fn columns(&self, output: usize) -> Range<usize> {
        let start = output * self.stride;
        let place = |column: usize| column.saturating_sub(self.left + self.first).min(self.len);
        place(start)..place(start + self.kernel)
    }
}
