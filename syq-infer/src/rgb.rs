//! RGB pictures in memory: one byte a channel, rows from the top, `[row][column][red, green, blue]`.

use thiserror::Error;

/// A picture without pixels, or one whose bytes do not match its size.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a picture of {height} rows and {width} columns cannot have {bytes} bytes of RGB")]
pub struct RgbSizeError {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Bytes given.
    pub bytes: usize,
}

/// A borrowed RGB picture of at least one pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RgbView<'a> {
    height: usize,
    width: usize,
    pixels: &'a [u8],
}

impl<'a> RgbView<'a> {
    /// A picture of `height` × `width` pixels over its `height · width · 3` bytes.
    ///
    /// # Errors
    /// No pixels, or another number of bytes.
    pub fn new(height: usize, width: usize, pixels: &'a [u8]) -> Result<Self, RgbSizeError> {
        let bytes = height.checked_mul(width).and_then(|pixels| pixels.checked_mul(3));
        if pixels.is_empty() || bytes != Some(pixels.len()) {
            return Err(RgbSizeError { height, width, bytes: pixels.len() });
        }
        Ok(Self { height, width, pixels })
    }

    /// Rows, at least one.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns, at least one.
    pub fn width(&self) -> usize {
        self.width
    }

    /// All bytes.
    pub fn pixels(&self) -> &'a [u8] {
        self.pixels
    }

    /// The bytes of one row, which must exist.
    pub(crate) fn row(&self, row: usize) -> &'a [u8] {
        &self.pixels[row * self.width * 3..(row + 1) * self.width * 3]
    }
}

/// An owned RGB picture of at least one pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RgbImage {
    height: usize,
    width: usize,
    pixels: Vec<u8>,
}

impl RgbImage {
    /// A picture of `height` × `width` pixels from its `height · width · 3` bytes.
    ///
    /// # Errors
    /// No pixels, or another number of bytes.
    pub fn new(height: usize, width: usize, pixels: Vec<u8>) -> Result<Self, RgbSizeError> {
        RgbView::new(height, width, &pixels)?;
        Ok(Self { height, width, pixels })
    }

    /// The picture, borrowed.
    pub fn view(&self) -> RgbView<'_> {
        RgbView { height: self.height, width: self.width, pixels: &self.pixels }
    }

    /// Rows, at least one.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns, at least one.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The bytes.
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_checked() {
        assert!(RgbView::new(2, 3, &[0; 18]).is_ok());
        assert_eq!(RgbView::new(2, 3, &[0; 17]), Err(RgbSizeError { height: 2, width: 3, bytes: 17 }));
        assert!(RgbView::new(0, 3, &[]).is_err());
        assert!(RgbView::new(usize::MAX, usize::MAX, &[0; 3]).is_err());
        assert!(RgbImage::new(1, 1, vec![0; 4]).is_err());
        assert_eq!(RgbImage::new(1, 1, vec![7; 3]).unwrap().view().row(0), [7; 3]);
    }
}
