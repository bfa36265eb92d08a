//! A convolution whose results are pooled as soon as they are there, some pixels of a row at a time.
//!
//! Each row goes to all pooled rows that it belongs to, in order, so that every window is still taken in
//! row-major order. Those pixels and the open pooled rows are all that lies in memory.

use super::operand::Operand;
use super::task::{Task, finish_of, store_rows};
use crate::kernels::{KernelError, PooledRow};
use crate::plan::{Pool, PoolOrder, pixels_at_once};

impl Task<'_> {
    /// Computes the task's pooled rows; rows of the convolution at its edges are computed by two tasks.
    pub(super) fn run_pooled(self, mut operand: Operand<'_>, pool: &Pool) -> Result<(), KernelError> {
        let Self { kernels, step, buffers, pixels, mut sinks, values, .. } = self;
        let (width, channels) = (step.shape.width, step.shape.channels);
        let finish = finish_of(step);
        let at_once = pixels_at_once(pool.shape, step.weight_bytes());
        let row_of = |y| PooledRow { window: pool.window, shape: pool.shape, y };
        let place = |y: usize| y % pool.open_rows() * width * channels..(y % pool.open_rows() + 1) * width * channels;
        let rows = pixels.start / width..pixels.end / width;
        let most_lines = rows.len() * pool.window.stride[0];
        let (lines_at_once, at_once) = ((at_once / pool.shape.width).clamp(1, most_lines), at_once.min(pool.shape.width));
        let (part, open) = values.split_at_mut(lines_at_once * at_once * channels);
        let mut y = rows.start;
        let mut next = 0;
        while y < rows.end {
            let first = row_of(y).input_rows()?.start.max(next);
            next = (first + lines_at_once).min(row_of(rows.end - 1).input_rows()?.end);
            for start in (0..pool.shape.width).step_by(at_once) {
                let columns = start..(start + at_once).min(pool.shape.width);
                let lines = next - first;
                let values = &mut part[..lines * columns.len() * channels];
                let pixels = first * pool.shape.width + columns.start..(next - 1) * pool.shape.width + columns.end;
                operand.run(&operand.whole(pixels), values)?;
                if pool.order == PoolOrder::Finished {
                    kernels.finish(values, channels, &finish)?;
                }
                for (line_y, values) in (first..next).zip(values.chunks_exact(columns.len() * channels)) {
                    for y in y..rows.end {
                        let row = row_of(y);
                        let begin = row.input_rows()?.start;
                        if line_y < begin {
                            break;
                        }
                        let pooled = &mut open[place(y)];
                        if line_y == begin && start == 0 {
                            pooled.fill(f32::NEG_INFINITY);
                        }
                        kernels.max_pool_line(row, columns.clone(), values, pooled)?;
                    }
                    if columns.end < pool.shape.width {
                        continue;
                    }
                    while y < rows.end && row_of(y).input_rows()?.end <= line_y + 1 {
                        let (pixels, pooled) = (y * width..(y + 1) * width, &mut open[place(y)]);
                        y += 1;
                        if pool.order == PoolOrder::Sums {
                            store_rows((kernels, step, buffers), &mut sinks, &pixels, pooled)?;
                            continue;
                        }
                        for sink in sinks.iter_mut() {
                            sink.store_values(kernels, &pixels, pooled)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
