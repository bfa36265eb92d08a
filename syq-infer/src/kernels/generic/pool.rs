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
    /// Input columns.
    pub(crate) width: usize,
    /// Channels.
    pub(crate) channels: usize,
}

/// One call; the input is whole rows, `[row][column][channel]`. The output holds what the rows above gave,
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
    for (column, out) in output.chunks_exact_mut(row.channels).enumerate() {
        let columns = row.columns(column);
        let (blocks, rest) = out.as_chunks_mut::<BLOCK>();
        let mut first = 0;
        for out in blocks {
            channels(&row, input, &columns, first, out, &step, &end);
            first += BLOCK;
        }
        for out in rest.as_chunks_mut::<1>().0 {
            channels(&row, input, &columns, first, out, &step, &end);
            first += 1;
        }
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
    for line in input.chunks_exact(row.width * row.channels) {
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
    /// The columns of the image that a window sees; never empty, as padding is smaller than the kernel.
    #[inline(always)]
    fn columns(&self, output: usize) -> Range<usize> {
        let start = output * self.stride;
        start.saturating_sub(self.left)..(start + self.kernel).saturating_sub(self.left).min(self.width)
    }
}
