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
        let at_once = pixels_at_once(pool.shape);
        let (part, open) = values.split_at_mut(pool.shape.width.min(at_once) * channels);
        let row_of = |y| PooledRow { window: pool.window, shape: pool.shape, y };
        let place = |y: usize| y % pool.open_rows() * width * channels..(y % pool.open_rows() + 1) * width * channels;
        let rows = pixels.start / width..pixels.end / width;
        let mut next = 0;
        for y in rows.clone() {
            let needed = row_of(y).input_rows()?;
            for line_y in needed.start.max(next)..needed.end {
                let first = line_y * pool.shape.width;
                for start in (0..pool.shape.width).step_by(at_once) {
                    let columns = start..(start + at_once).min(pool.shape.width);
                    let values = &mut part[..columns.len() * channels];
                    let pixels = first + columns.start..first + columns.end;
                    operand.run(&operand.whole(pixels), values)?;
                    if pool.order == PoolOrder::Finished {
                        kernels.finish(values, channels, &finish)?;
                    }
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
                }
            }
            next = needed.end;
            let (pixels, pooled) = (y * width..(y + 1) * width, &mut open[place(y)]);
            if pool.order == PoolOrder::Sums {
                store_rows((kernels, step, buffers), &mut sinks, &pixels, pooled)?;
                continue;
            }
            for sink in sinks.iter_mut() {
                sink.store_values(kernels, &pixels, pooled)?;
            }
        }
        Ok(())
    }
}
