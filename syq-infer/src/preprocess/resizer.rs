//! Parts of pictures resized one after the other, in memory that is kept.

use super::region::{Region, Source};
use super::{PreprocessError, opencv, pillow};
use crate::rgb::RgbView;
use syq_pack::preprocess::Filter;

/// What a [`Resizer`] does to a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resampling {
    /// The part of the picture that is resized, as if it had been cut out first.
    pub part: Region,
    /// Rows and columns that it is resized to.
    pub target: [usize; 2],
    /// What is computed of the result.
    pub kept: Region,
    /// The filter.
    pub filter: Filter,
}

/// Resizes as Pillow and OpenCV do, byte for byte. After the first pictures of a size it allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Resizer {
    pillow: pillow::Space,
    opencv: opencv::Space,
    bytes: Vec<u8>,
}

impl Resizer {
    /// Bytes of what is kept, `[row][column][RGB]`.
    ///
    /// # Errors
    /// A part that has no pixels or does not lie in the picture, or a region like that of the result.
    pub fn resize(&mut self, picture: RgbView<'_>, how: Resampling) -> Result<&mut [u8], PreprocessError> {
        let Resampling { part, target, kept, filter } = how;
        let source = Source::new(picture, part)?;
        kept.check(target)?;
        self.bytes.clear();
        match filter {
            Filter::PillowBilinear => self.pillow.resize(source, target, kept, pillow::BILINEAR, &mut self.bytes),
            Filter::PillowBicubic => self.pillow.resize(source, target, kept, pillow::BICUBIC, &mut self.bytes),
            Filter::OpenCvCubic => self.opencv.resize(source, target, kept, &mut self.bytes),
        }
        Ok(&mut self.bytes)
    }

    /// The bytes of the last picture.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
