//! Pooling as methods of [`Kernels`], one output row at a time.

use super::error::check_len;
use super::generic::pool::{PoolRow, PoolWork};
use super::generic::rows::RowWork;
use super::layout::product;
use super::{KernelError, Kernels};
use std::ops::Range;
use syq_core::{Shape, ShapeError, Window};

/// Output row `y` of a pooling layer over images of `shape`.
#[derive(Clone, Copy, Debug)]
pub struct PooledRow {
    /// The window.
    pub window: Window,
    /// The input image.
    pub shape: Shape,
    /// The output row.
    pub y: usize,
}

impl PooledRow {
    /// The input rows that the output row needs; the pooling functions take exactly these.
    ///
    /// # Errors
    /// A window that does not fit the image, or a row beyond the output.
    pub fn input_rows(&self) -> Result<Range<usize>, KernelError> {
        let [height, _] = self.window.output(self.shape.height, self.shape.width)?;
        if self.y >= height {
            let [start, end] = [self.y, self.y.saturating_add(1)];
            return Err(KernelError::Range { what: "output rows", start, end, count: height });
        }
        let start = self.y * self.window.stride[0];
        let top = self.window.padding.top;
        Ok(start.saturating_sub(top)..(start + self.window.kernel[0]).saturating_sub(top).min(self.shape.height))
    }

    /// Elements of the output row.
    ///
    /// # Errors
    /// A window that does not fit the image.
    pub fn output_len(&self) -> Result<usize, ShapeError> {
        let [_, width] = self.window.output(self.shape.height, self.shape.width)?;
        product([width, self.shape.channels])
    }

    fn check(&self, input: usize, output: usize) -> Result<PoolRow, KernelError> {
        self.check_lines(self.input_rows()?.len(), 0..self.shape.width, input, output)
    }

    fn check_lines(
        &self,
        lines: usize,
        columns: Range<usize>,
        input: usize,
        output: usize,
    ) -> Result<PoolRow, KernelError> {
        let (start, end, count) = (columns.start, columns.end, self.shape.width);
        if start > end || end > count {
            return Err(KernelError::Range { what: "pooled columns", start, end, count });
        }
        check_len("the pooled rows", input, product([lines, columns.len(), self.shape.channels])?)?;
        check_len("the output row", output, self.output_len()?)?;
        if self.shape.channels == 0 {
            return Err(ShapeError::Groups { channels: 0, filters: 0, groups: 1 }.into());
        }
        Ok(PoolRow {
            kernel: self.window.kernel[1],
            stride: self.window.stride[1],
            left: self.window.padding.left,
            first: start,
            len: end - start,
            channels: self.shape.channels,
        })
    }
}

impl Kernels {
    /// Max pooling of floats: `input` is the rows of [`PooledRow::input_rows`]. Padding never wins.
    ///
    /// # Errors
    /// A window that does not fit, or a slice of the wrong length.
    pub fn max_pool(self, row: PooledRow, input: &[f32], output: &mut [f32]) -> Result<(), KernelError> {
        let row = row.check(input.len(), output.len())?;
        output.fill(f32::NEG_INFINITY);
        self.rows(RowWork::Pool(PoolWork::MaxValues { row, input, output }));
        Ok(())
    }

    /// Goes on with a max pooling: `output` holds the maxima over the rows above (−∞ where there are none),
    /// and `line` is those `columns` of the next one of the rows of [`PooledRow::input_rows`]. All of them in order,
    /// row by row and from left to right, give what [`Kernels::max_pool`] does.
    ///
    /// # Errors
    /// A window that does not fit, or a slice of the wrong length.
    pub fn max_pool_line(
        self,
        row: PooledRow,
        columns: Range<usize>,
        line: &[f32],
        output: &mut [f32],
    ) -> Result<(), KernelError> {
        let row = row.check_lines(1, columns, line.len(), output.len())?;
        self.rows(RowWork::Pool(PoolWork::MaxValues { row, input: line, output }));
        Ok(())
    }

    /// Max pooling of codes, as [`Kernels::max_pool`].
    ///
    /// # Errors
    /// A window that does not fit, or a slice of the wrong length.
    pub fn max_pool_codes(self, row: PooledRow, input: &[u8], output: &mut [u8]) -> Result<(), KernelError> {
        let row = row.check(input.len(), output.len())?;
        output.fill(0);
        self.rows(RowWork::Pool(PoolWork::MaxCodes { row, input, output }));
        Ok(())
    }

    /// Average pooling: `input` is the rows of [`PooledRow::input_rows`]. Padding does not count. A
    /// global average pool is a window as large as the image.
    ///
    /// # Errors
    /// A window that does not fit, or a slice of the wrong length.
    pub fn average_pool(self, row: PooledRow, input: &[f32], output: &mut [f32]) -> Result<(), KernelError> {
        let row = row.check(input.len(), output.len())?;
        output.fill(0.0);
        self.rows(RowWork::Pool(PoolWork::Average { row, input, output }));
        Ok(())
    }
}
