//! Inputs whose rows hold windows: for a convolution of few channels, the first one above all.
//!
//! A kernel takes its input in elements of four bytes, and every pixel begins at an element. Of three channels a quarter
//! of all products is thus with filling. Here each row holds, for every output column, the codes of all the kernel's
//! columns side by side, and only they are filled up: seven columns of three channels are six elements instead
//! of seven, twelve are nine instead of twelve. The convolution over such rows has one kernel column and
//! kernel columns × channels channels, and its weights lie as before.

use super::error::check_len;
use super::generic::rows::RowWork;
use super::layout::product;
use super::{InputFormat, InputLayout, KernelError, Kernels};
use syq_core::{ConvGeometry, Levels, Padding, Shape, Window};

/// Codes that are placed at a time; a window must fit.
pub(super) const CODES: usize = 768;

/// How the rows of an image become rows of windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// The image.
    pub(super) shape: Shape,
    /// Kernel columns.
    pub(super) kernel: usize,
    /// Columns from one window to the next.
    pub(super) stride: usize,
    /// Padding columns on the left.
    pub(super) left: usize,
    /// Windows of a row.
    pub(super) count: usize,
}

impl Windows {
    /// The windows of a convolution's rows and the convolution over them, where those have fewer elements than the
    /// pixels' own; `None` where they have not, and for what is not codes.
    pub fn of(geometry: &ConvGeometry, format: InputFormat) -> Option<(Self, ConvGeometry)> {
        let ConvGeometry { input, output, window, groups } = *geometry;
        let ([rows, kernel], [down, stride]) = (window.kernel, window.stride);
        let channels = product([kernel, input.channels]).ok()?;
        let elements = channels.div_ceil(format.channels());
        let codes = matches!(format, InputFormat::Codes | InputFormat::Wide);
        if !codes || groups != 1 || channels > CODES || elements >= kernel * input.channels.div_ceil(format.channels())
        {
            return None;
        }
        let padding = Padding { left: 0, right: 0, ..window.padding };
        let over = Window { kernel: [rows, 1], stride: [down, 1], padding };
        let shape = Shape::new(input.height, output.width, channels);
        let over = ConvGeometry::new(shape, output.channels, over, 1).ok()?;
        let windows = Self { shape: input, kernel, stride, left: window.padding.left, count: output.width };
        (over.output == output).then_some((windows, over))
    }

    /// The image whose rows they are made of.
    pub const fn shape(&self) -> Shape {
        self.shape
    }
}

impl Kernels {
    /// Quantizes one image row and writes its windows to their place in a convolution's input: `elements` are those of
    /// one row of `layout`, the layout of the convolution that [`Windows::of`] gives. Beyond the image lies the layout's
    /// zero point.
    ///
    /// # Errors
    /// Slices that are not one row, or a layout of other windows or of no codes.
    pub fn place_windows(
        self,
        values: &[f32],
        levels: Levels,
        windows: Windows,
        layout: &InputLayout,
        elements: &mut [u32],
    ) -> Result<(), KernelError> {
        if !matches!(layout.format(), InputFormat::Codes | InputFormat::Wide) {
            return Err(KernelError::Format { format: layout.format().name() });
        }
        let Shape { width, channels, .. } = windows.shape;
        check_len("the row", values.len(), product([width, channels])?)?;
        check_len("the channels of a window", layout.shape().channels, windows.kernel * channels)?;
        check_len("the windows of a row", layout.shape().width, windows.count)?;
        check_len("the elements of the row", elements.len(), layout.row(0).len())?;
        self.rows(RowWork::PlaceWindows { values, levels, windows, layout: *layout, row: elements });
        Ok(())
    }
}
