//! Max and average pooling of one output row.

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

/// One call; the input is whole rows, `[row][column][channel]`.
pub(crate) enum PoolWork<'a> {
    /// Maximum of floats.
    MaxValues { row: PoolRow, input: &'a [f32], output: &'a mut [f32] },
    /// Maximum of codes.
    MaxCodes { row: PoolRow, input: &'a [u8], output: &'a mut [u8] },
    /// Mean of floats.
    Average { row: PoolRow, input: &'a [f32], output: &'a mut [f32] },
}

/// Runs one pooling row.
#[inline(always)]
pub(crate) fn run(work: PoolWork<'_>) {
    match work {
        PoolWork::MaxValues { row, input, output } => pool(row, input, output, f32::NEG_INFINITY, max, |_, _| {}),
        PoolWork::MaxCodes { row, input, output } => pool(row, input, output, 0, max, |_, _| {}),
        PoolWork::Average { row, input, output } => {
            let divide = |sum: &mut f32, count: usize| *sum /= count as f32;
            pool(row, input, output, 0.0, |sum: f32, x| sum + x, divide);
        }
    }
}

#[inline(always)]
fn max<T: PartialOrd>(max: T, x: T) -> T {
    if x > max { x } else { max }
}

/// Takes the pixels of every window in row-major order.
#[inline(always)]
fn pool<T: Copy>(
    row: PoolRow,
    input: &[T],
    output: &mut [T],
    empty: T,
    step: impl Fn(T, T) -> T,
    end: impl Fn(&mut T, usize),
) {
    for (column, out) in output.chunks_exact_mut(row.channels).enumerate() {
        out.fill(empty);
        let columns = row.columns(column);
        let mut count = 0;
        for line in input.chunks_exact(row.width * row.channels) {
            for pixel in line[columns.start * row.channels..columns.end * row.channels].chunks_exact(row.channels) {
                out.iter_mut().zip(pixel).for_each(|(sum, x)| *sum = step(*sum, *x));
                count += 1;
            }
        }
        out.iter_mut().for_each(|sum| end(sum, count));
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
