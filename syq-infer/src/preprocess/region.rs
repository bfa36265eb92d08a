//! Rectangles of pictures: which size a picture is resized to, and which part of the result a network sees.
//!
//! The resizers compute that part alone: it saves the work on what the crop throws away, and a
//! picture of 1 × 20,000 pixels cannot ask for a resized one of gigabytes.

use super::PreprocessError;
use crate::rgb::RgbView;
use syq_pack::preprocess::{Crop, Resize};

/// A rectangle of a picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// The first row.
    pub top: usize,
    /// The first column.
    pub left: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Region {
    /// All of a picture of so many rows and columns.
    pub const fn whole([height, width]: [usize; 2]) -> Self {
        Self { top: 0, left: 0, height, width }
    }

    /// Refuses a region that has no pixels or does not lie inside so many rows and columns.
    pub(super) fn check(self, extent: [usize; 2]) -> Result<(), PreprocessError> {
        let inside = |from: usize, len: usize, of: usize| len > 0 && from.checked_add(len).is_some_and(|end| end <= of);
        if inside(self.top, self.height, extent[0]) && inside(self.left, self.width, extent[1]) {
            return Ok(());
        }
        Err(PreprocessError::Outside { region: self, extent })
    }
}

/// A part of a picture, as the resizers read it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    picture: RgbView<'a>,
    part: Region,
}

impl<'a> Source<'a> {
    /// The `part` of `picture`, which must contain it.
    pub(super) fn new(picture: RgbView<'a>, part: Region) -> Result<Self, PreprocessError> {
        part.check([picture.height(), picture.width()])?;
        Ok(Self { picture, part })
    }

    /// Rows, at least one.
    pub(super) fn height(&self) -> usize {
        self.part.height
    }

    /// Columns, at least one.
    pub(super) fn width(&self) -> usize {
        self.part.width
    }

    /// The bytes of one row, which must exist.
    pub(super) fn row(&self, row: usize) -> &'a [u8] {
        let Region { top, left, width, .. } = self.part;
        &self.picture.row(top + row)[left * 3..(left + width) * 3]
    }
}

/// Rows and columns of a picture of `height` × `width` once resized.
pub(super) fn resized(resize: Resize, height: usize, width: usize) -> Result<[usize; 2], PreprocessError> {
    match resize {
        Resize::Keep => Ok([height, width]),
        Resize::Exact { height, width, .. } => Ok([height, width]),
        Resize::ShortSide { pixels, .. } => {
            let [short, long] = if height <= width { [height, width] } else { [width, height] };
            // Python's int(pixels * long / short): the quotient of two such small integers is never
            // rounded up to an integer, so that the integer division gives the same.
            let long = pixels.checked_mul(long).ok_or(PreprocessError::TooLarge { height, width })? / short;
            Ok(if height <= width { [pixels, long] } else { [long, pixels] })
        }
    }
}

/// The part of a resized picture that becomes the network's input.
pub(super) fn cropped(crop: Crop, resized: [usize; 2], input: [usize; 2]) -> Result<Region, PreprocessError> {
    let fits = match crop {
        Crop::Whole => resized == input,
        Crop::Centre => resized[0] >= input[0] && resized[1] >= input[1],
    };
    if !fits {
        return Err(PreprocessError::DoesNotFit { resized, input });
    }
    let [height, width] = input;
    Ok(Region { top: half_to_even(resized[0] - height), left: half_to_even(resized[1] - width), height, width })
}

/// Python's `round(margin / 2)`: halves go to the even number.
fn half_to_even(margin: usize) -> usize {
    let down = margin / 2;
    if margin % 2 == 1 && down % 2 == 1 { down + 1 } else { down }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syq_pack::preprocess::Filter;

    #[test]
    fn offsets_round_as_python_does() {
        let rounded: Vec<usize> = (0..10).map(half_to_even).collect();
        assert_eq!(rounded, [0, 0, 1, 2, 2, 2, 3, 4, 4, 4]);
    }

    #[test]
    fn the_long_side_is_truncated() {
        let resize = Resize::ShortSide { pixels: 256, filter: Filter::PillowBilinear };
        assert_eq!(resized(resize, 375, 500), Ok([256, 341]));
        assert_eq!(resized(resize, 500, 375), Ok([341, 256]));
        assert_eq!(resized(resize, 100, 100), Ok([256, 256]));
        assert_eq!(resized(resize, 1, usize::MAX), Err(PreprocessError::TooLarge { height: 1, width: usize::MAX }));
    }

    #[test]
    fn crops_must_fit() {
        let region = cropped(Crop::Centre, [256, 341], [224, 224]);
        assert_eq!(region, Ok(Region { top: 16, left: 58, height: 224, width: 224 }));
        assert!(cropped(Crop::Centre, [223, 341], [224, 224]).is_err());
        assert!(cropped(Crop::Whole, [224, 225], [224, 224]).is_err());
        assert!(cropped(Crop::Whole, [224, 224], [224, 224]).is_ok());
    }
}
