//! Inputs made of whole windows (im2col): for a convolution of few channels, the first one above all.
//!
//! A kernel takes its input in elements of four bytes, and every pixel begins at an element. Of three channels a quarter
//! of all products is thus with filling. Here the codes of an image row lie side by side, and the convolution reads, for
//! every output pixel, the codes of all the kernel's rows and columns one after the other, of which only the last element
//! is filled up: seven times seven pixels of three channels are 37 elements instead of 49, three times three are 7 instead
//! of 9. The convolution over such windows has a kernel of 1×1, and its weights lie as before.

use super::error::check_len;
use super::generic::rows::RowWork;
use super::layout::product;
use super::{InputFormat, InputLayout, KernelError, Kernels};
use syq_core::{ConvGeometry, Padding, Shape, ShapeError, Window};

/// Codes of a line that are at hand at a time; a window's must fit.
pub(super) const CODES: usize = 768;

/// How the rows of an image become windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// The image.
    pub(super) shape: Shape,
    pub(super) window: Window,
    /// Windows of a row.
    pub(super) count: usize,
}

impl Windows {
    /// The windows of a convolution and the convolution over them, where those have fewer elements than the pixels' own;
    /// `None` where they have not, and for what is not codes.
    pub fn of(geometry: &ConvGeometry, format: InputFormat) -> Option<(Self, ConvGeometry)> {
        let ConvGeometry { input: shape, output, window, groups } = *geometry;
        let [rows, columns] = window.kernel;
        let line = product([columns, shape.channels]).ok()?;
        let channels = product([rows, line]).ok()?;
        let of_pixels = product([rows, columns, shape.channels.div_ceil(format.channels())]).ok()?;
        let codes = matches!(format, InputFormat::Codes | InputFormat::Wide);
        if !codes || groups != 1 || line > CODES || channels.div_ceil(format.channels()) >= of_pixels {
            return None;
        }
        let shape_over = Shape::new(output.height, output.width, channels);
        let over = ConvGeometry::new(shape_over, output.channels, Window::square(1, 1, Padding::NONE), 1).ok()?;
        Some((Self { shape, window, count: output.width }, over))
    }

    /// How the image lies of which windows are made: each row is one pixel, with rows of `zero` above and below.
    ///
    /// # Errors
    /// As [`InputLayout::new`].
    pub fn lines(&self, zero: u8) -> Result<InputLayout, ShapeError> {
        let line = Shape::new(self.shape.height, 1, product([self.shape.width, self.shape.channels])?);
        let padding = Padding { left: 0, right: 0, ..self.window.padding };
        Ok(InputLayout::new(InputFormat::Codes, line, padding, 1)?.with_zero(zero))
    }

    /// The rows of [`Windows::lines`], padding counted, that the windows of an output row see.
    pub(crate) fn rows(&self, output: usize) -> std::ops::Range<usize> {
        let first = output * self.window.stride[0];
        first..first + self.window.kernel[0]
    }
}

impl Kernels {
    /// Writes the windows of one output row to their place in a convolution's input: `lines` are the rows of
    /// [`Windows::rows`], which lie as [`Windows::lines`] says, and `elements` those of one row of `layout`, the layout of
    /// the convolution that [`Windows::of`] gives. Beyond the image lies the layout's zero point.
    ///
    /// # Errors
    /// Slices that are not such rows, or a layout of other windows or of no codes.
    pub fn place_windows(
        self,
        lines: &[u32],
        windows: Windows,
        layout: &InputLayout,
        elements: &mut [u32],
    ) -> Result<(), KernelError> {
        if !matches!(layout.format(), InputFormat::Codes | InputFormat::Wide) {
            return Err(KernelError::Format { format: layout.format().name() });
        }
        let Windows { window, count, .. } = windows;
        let channels = product([window.kernel[0], window.kernel[1], windows.shape.channels])?;
        check_len("the lines", lines.len(), product([window.kernel[0], windows.lines(layout.zero())?.row_len()])?)?;
        check_len("the channels of a window", layout.shape().channels, channels)?;
        check_len("the windows of a row", layout.shape().width, count)?;
        check_len("the elements of the row", elements.len(), layout.row(0).len())?;
        self.rows(RowWork::PlaceWindows { lines, windows, layout: *layout, row: elements });
        Ok(())
    }
}
