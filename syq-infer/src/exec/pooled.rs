//! A convolution whose results are pooled as soon as they are there, some short rows or some pixels of a row at a time.
//!
//! Each row goes to all pooled rows that it belongs to, in order, so that every window is still taken in
//! row-major order. Those pixels and the open pooled rows are all that lies in memory.

use super::operand::Operand;
use super::task::{Task, finish_of, store_rows};
use crate::kernels::{KernelError, Kernels, PooledRow};
use crate::plan::{Pool, PoolOrder};
use std::ops::Range;

impl Task<'_> {
    /// Computes the task's pooled rows; rows of the convolution at its edges are computed by two tasks.
    pub(super) fn run_pooled(self, mut operand: Operand<'_>, pool: &Pool) -> Result<(), KernelError> {
        let Self { kernels, step, buffers, pixels, mut sinks, values, .. } = self;
        let (width, channels) = (pool.shape.width, step.shape.channels);
        let finish = finish_of(step);
        let rows = pixels.start / step.shape.width..pixels.end / step.shape.width;
        let [lines_at_once, columns_at_once] = step.pooled_at_once(pool, rows.len());
        let (part, memory) = values.split_at_mut(lines_at_once * columns_at_once * channels);
        let mut open = Open { pool, rows, row_len: step.shape.width * channels, memory };
        let mut next = 0;
        while let Some(needed) = open.needed()? {
            let lines = needed.start.max(next)..(needed.start.max(next) + lines_at_once).min(needed.end);
            next = lines.end;
            for start in (0..width).step_by(columns_at_once) {
                let columns = start..(start + columns_at_once).min(width);
                let values = &mut part[..lines.len() * columns.len() * channels];
                let pixels = lines.start * width + columns.start..(lines.end - 1) * width + columns.end;
                operand.run(&operand.whole(pixels), values)?;
                if pool.order == PoolOrder::Finished {
                    kernels.finish(values, channels, &finish)?;
                }
                for (line, values) in lines.clone().zip(values.chunks_exact(columns.len() * channels)) {
                    open.take(kernels, line, columns.clone(), values)?;
                    if columns.end < width {
                        continue;
                    }
                    while let Some((y, pooled)) = open.finished_by(line)? {
                        let pixels = y * step.shape.width..(y + 1) * step.shape.width;
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

/// The pooled rows that are not finished, of which as many lie in memory as a line can belong to.
struct Open<'a> {
    pool: &'a Pool,
    rows: Range<usize>,
    row_len: usize,
    memory: &'a mut [f32],
}

impl Open<'_> {
    fn row(&self, y: usize) -> PooledRow {
        PooledRow { window: self.pool.window, shape: self.pool.shape, y }
    }

    fn place(&self, y: usize) -> Range<usize> {
        let first = y % self.pool.open_rows() * self.row_len;
        first..first + self.row_len
    }

    /// From the first line of the next row to the last of all; `None` where all are finished.
    fn needed(&self) -> Result<Option<Range<usize>>, KernelError> {
        if self.rows.is_empty() {
            return Ok(None);
        }
        let [first, last] = [self.rows.start, self.rows.end - 1].map(|y| self.row(y).input_rows());
        Ok(Some(first?.start..last?.end))
    }

    /// Gives some columns of a line to all rows that it belongs to.
    fn take(
        &mut self,
        kernels: Kernels,
        line: usize,
        columns: Range<usize>,
        values: &[f32],
    ) -> Result<(), KernelError> {
        for y in self.rows.clone() {
            let (row, place) = (self.row(y), self.place(y));
            let first = row.input_rows()?.start;
            if line < first {
                break;
            }
            let pooled = &mut self.memory[place];
            if line == first && columns.start == 0 {
                pooled.fill(f32::NEG_INFINITY);
            }
            kernels.max_pool_line(row, columns.clone(), values, pooled)?;
        }
        Ok(())
    }

    /// The next row, if a line is its last one; the row counts as finished then.
    fn finished_by(&mut self, line: usize) -> Result<Option<(usize, &mut [f32])>, KernelError> {
        let y = self.rows.start;
        if self.rows.is_empty() || line + 1 < self.row(y).input_rows()?.end {
            return Ok(None);
        }
        self.rows.start += 1;
        let place = self.place(y);
        Ok(Some((y, &mut self.memory[place])))
    }
}
