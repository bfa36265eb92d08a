//! The geometry of a two-dimensional window: kernel, stride, zero padding and groups.
//!
//! Shapes are `[height, width, channels]` (NHWC without the batch) throughout the workspace, and
//! convolution weights are `[filter][kernel row][kernel column][channel within the group]`.

use crate::error::ShapeError;
use serde::{Deserialize, Serialize};

/// Height, width and channels of one image or feature map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels, the fastest-varying index in memory.
    pub channels: usize,
}

impl Shape {
    /// A shape of `height` rows, `width` columns and `channels` channels.
    pub const fn new(height: usize, width: usize, channels: usize) -> Self {
        Self { height, width, channels }
    }

    /// A vector: one pixel of `channels` channels.
    pub const fn vector(channels: usize) -> Self {
        Self { height: 1, width: 1, channels }
    }

    /// Elements of one image, saturating instead of overflowing.
    pub const fn len(&self) -> usize {
        self.height.saturating_mul(self.width).saturating_mul(self.channels)
    }

    /// Whether the shape holds no element.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}×{}×{}", self.height, self.width, self.channels)
    }
}

/// Rows and columns of zero padding on each side; they may differ, as TensorFlow's SAME makes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Padding {
    /// Rows above the image.
    pub top: usize,
    /// Rows below the image.
    pub bottom: usize,
    /// Columns left of the image.
    pub left: usize,
    /// Columns right of the image.
    pub right: usize,
}

impl Padding {
    /// No padding (VALID).
    pub const NONE: Self = Self { top: 0, bottom: 0, left: 0, right: 0 };

    /// The same number of rows and columns on each of the four sides.
    pub const fn uniform(pixels: usize) -> Self {
        Self { top: pixels, bottom: pixels, left: pixels, right: pixels }
    }

    /// TensorFlow's SAME for an input of `height` × `width`: ⌈size / stride⌉ outputs, the odd pixel
    /// at the bottom and the right.
    pub const fn same(height: usize, width: usize, kernel: [usize; 2], stride: [usize; 2]) -> Self {
        const fn sides(size: usize, kernel: usize, stride: usize) -> [usize; 2] {
            let outputs = size.div_ceil(stride);
            let total = ((outputs - 1) * stride + kernel).saturating_sub(size);
            [total / 2, total - total / 2]
        }
        let [top, bottom] = sides(height, kernel[0], stride[0]);
        let [left, right] = sides(width, kernel[1], stride[1]);
        Self { top, bottom, left, right }
    }
}

/// A sliding window: what a pooling layer and a convolution have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// Kernel rows and columns.
    pub kernel: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Padding on the four sides.
    pub padding: Padding,
}

impl Window {
    /// A square window.
    pub const fn square(kernel: usize, stride: usize, padding: Padding) -> Self {
        Self { kernel: [kernel, kernel], stride: [stride, stride], padding }
    }

    /// Rows and columns of the output for an input of `height` × `width`.
    ///
    /// # Errors
    /// A zero kernel or stride, padding as large as the kernel, or an input smaller than the kernel.
    pub fn output(&self, height: usize, width: usize) -> Result<[usize; 2], ShapeError> {
        let p = &self.padding;
        let rows = extent(height, p.top, p.bottom, self.kernel[0], self.stride[0])?;
        let columns = extent(width, p.left, p.right, self.kernel[1], self.stride[1])?;
        Ok([rows, columns])
    }
}

fn extent(size: usize, before: usize, after: usize, kernel: usize, stride: usize) -> Result<usize, ShapeError> {
    if kernel == 0 || stride == 0 {
        return Err(ShapeError::ZeroWindow { kernel, stride });
    }
    if before >= kernel || after >= kernel {
        return Err(ShapeError::PaddingTooLarge { padding: before.max(after), kernel });
    }
    // Only hostile sizes overflow.
    let padded = before.checked_add(after).and_then(|padding| padding.checked_add(size));
    let padded = padded.ok_or(ShapeError::TooLarge { size })?;
    if size == 0 || padded < kernel {
        return Err(ShapeError::InputTooSmall { padded, kernel });
    }
    Ok((padded - kernel) / stride + 1)
}

/// A convolution whose input size is known: every executor takes its loop bounds from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvGeometry {
    /// Input feature map.
    pub input: Shape,
    /// Output feature map; its channels are the filters.
    pub output: Shape,
    /// Kernel, stride and zero padding.
    pub window: Window,
    /// Groups: filters and channels are split evenly, and each group sees only its own channels.
    pub groups: usize,
}

impl ConvGeometry {
    /// Checks that the parts fit and computes the output shape.
    ///
    /// # Errors
    /// A window that does not fit, no filters, or groups that do not divide channels and filters.
    pub fn new(input: Shape, filters: usize, window: Window, groups: usize) -> Result<Self, ShapeError> {
        let [height, width] = window.output(input.height, input.width)?;
        if groups == 0
            || filters == 0
            || input.channels == 0
            || !input.channels.is_multiple_of(groups)
            || !filters.is_multiple_of(groups)
        {
            return Err(ShapeError::Groups { channels: input.channels, filters, groups });
        }
        Ok(Self { input, output: Shape::new(height, width, filters), window, groups })
    }

    /// Filters (output channels) of all groups together.
    pub const fn filters(&self) -> usize {
        self.output.channels
    }

    /// Input channels that one filter sees.
    pub const fn group_channels(&self) -> usize {
        self.input.channels / self.groups
    }

    /// Filters of one group.
    pub const fn group_filters(&self) -> usize {
        self.output.channels / self.groups
    }

    /// Kernel positions, K·K.
    pub const fn positions(&self) -> usize {
        self.window.kernel[0] * self.window.kernel[1]
    }

    /// Weights of one filter.
    pub const fn filter_len(&self) -> usize {
        self.positions() * self.group_channels()
    }

    /// Weights of the layer.
    pub const fn weights(&self) -> usize {
        self.filters() * self.filter_len()
    }

    /// Multiply-accumulates for one image, padding included; saturating instead of overflowing.
    pub const fn macs(&self) -> u64 {
        let pixels = (self.output.height as u64).saturating_mul(self.output.width as u64);
        pixels.saturating_mul(self.weights() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_padding_is_tensorflows() {
        // 3/2 SAME on 54 pixels: 27 outputs, one pixel of padding, at the far side.
        let p = Padding::same(54, 54, [3, 3], [2, 2]);
        assert_eq!(p, Padding { top: 0, bottom: 1, left: 0, right: 1 });
        assert_eq!(Window::square(3, 2, p).output(54, 54), Ok([27, 27]));
        assert_eq!(Padding::same(27, 27, [3, 3], [1, 1]), Padding::uniform(1));
    }

    #[test]
    fn impossible_windows_are_refused() {
        let window = Window::square(3, 1, Padding::NONE);
        assert_eq!(window.output(2, 9), Err(ShapeError::InputTooSmall { padded: 2, kernel: 3 }));
        assert!(Window::square(0, 1, Padding::NONE).output(4, 4).is_err());
        assert!(Window::square(3, 0, Padding::NONE).output(4, 4).is_err());
        assert!(Window::square(3, 1, Padding::uniform(3)).output(4, 4).is_err());
        let shape = Shape::new(8, 8, 6);
        assert!(ConvGeometry::new(shape, 8, window, 4).is_err());
        assert!(ConvGeometry::new(shape, 8, window, 2).is_ok());
        assert!(Window::square(3, 1, Padding::uniform(1)).output(usize::MAX, 4).is_err());
        assert!(Window::square(usize::MAX, 1, Padding::uniform(usize::MAX - 1)).output(4, 4).is_err());
    }
}
