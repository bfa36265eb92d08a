//! Pictures to network inputs, as the model's recipe says: resize, crop, channel order, normalize.
//!
//! The recipe is `syq_pack`'s [`Preprocess`]. The resizers equal Pillow's and OpenCV's byte for byte,
//! so that a model sees here what it saw in a Python evaluation of the same decoded pixels.

mod opencv;
mod pillow;
mod region;
mod resizer;

pub use region::Region;
pub use resizer::{Resampling, Resizer};

use crate::rgb::RgbView;
use syq_core::Shape;
use syq_pack::preprocess::{ChannelOrder, Filter, Preprocess, RecipeError, Resize};
use thiserror::Error;

/// Why a picture cannot become the input of a network.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum PreprocessError {
    /// A recipe that is wrong in itself or for this network.
    #[error("preprocessing recipe: {0}")]
    Recipe(#[from] RecipeError),
    /// A picture that, resized as the recipe says, does not fill the network's input.
    #[error(
        "the picture, resized to {} rows and {} columns, does not fit the network's input of {} and {}",
        resized[0], resized[1], input[0], input[1]
    )]
    DoesNotFit {
        /// Rows and columns of the resized picture.
        resized: [usize; 2],
        /// Rows and columns of the network's input.
        input: [usize; 2],
    },
    /// A picture whose resized extent overflows.
    #[error("a picture of {height} rows and {width} columns is too large to resize")]
    TooLarge {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// A region without pixels, or one that does not lie in its picture.
    #[error(
        "{} rows and {} columns from row {} and column {} are no part of a picture of {} rows and {} columns",
        region.height, region.width, region.top, region.left, extent[0], extent[1]
    )]
    Outside {
        /// The region.
        region: Region,
        /// Rows and columns of the picture.
        extent: [usize; 2],
    },
    /// An output of another length than the network's input.
    #[error("an output of {len} elements, the network's input has {expected}")]
    OutputLength {
        /// Elements of the output given.
        len: usize,
        /// Elements of the network's input.
        expected: usize,
    },
}

/// A checked recipe, ready to prepare pictures for one network.
#[derive(Clone, Debug)]
pub struct Preprocessor {
    recipe: Preprocess,
    input: Shape,
    tables: [[f32; 256]; 3],
}

impl Preprocessor {
    /// Prepares `recipe` for a network whose input is `input`.
    ///
    /// # Errors
    /// What [`Preprocess::validate`] refuses.
    pub fn new(recipe: &Preprocess, input: Shape) -> Result<Self, PreprocessError> {
        recipe.validate(input)?;
        Ok(Self { recipe: recipe.clone(), input, tables: recipe.tables() })
    }

    /// The network's input, that [`run`](Self::run) writes.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// Writes the network's input of one picture: f32 in `[row][column][channel]`,
    /// `(byte / 255 − mean) / std`.
    ///
    /// # Errors
    /// A picture that does not fit the recipe, or an `out` of another length than the input's.
    pub fn run(&self, picture: RgbView<'_>, out: &mut [f32]) -> Result<(), PreprocessError> {
        if out.len() != self.input.len() {
            return Err(PreprocessError::OutputLength { len: out.len(), expected: self.input.len() });
        }
        let bytes = self.bytes(picture)?;
        let (pixels, _) = bytes.as_chunks::<3>();
        let (out, _) = out.as_chunks_mut::<3>();
        for (values, pixel) in out.iter_mut().zip(pixels) {
            *values = std::array::from_fn(|channel| self.tables[channel][usize::from(pixel[channel])]);
        }
        Ok(())
    }

    /// The same before the normalization: bytes in `[row][column][channel]`, in the network's channel
    /// order.
    ///
    /// # Errors
    /// A picture that does not fit the recipe.
    pub fn bytes(&self, picture: RgbView<'_>) -> Result<Vec<u8>, PreprocessError> {
        let resize = self.recipe.resize;
        let extent = [picture.height(), picture.width()];
        let target = region::resized(resize, extent[0], extent[1])?;
        let kept = region::cropped(self.recipe.crop, target, [self.input.height, self.input.width])?;
        let filter = match resize {
            // The size is kept: any filter copies.
            Resize::Keep => Filter::PillowBilinear,
            Resize::ShortSide { filter, .. } | Resize::Exact { filter, .. } => filter,
        };
        let mut resizer = Resizer::default();
        resizer.resize(picture, Resampling { part: Region::whole(extent), target, kept, filter })?;
        let mut bytes = resizer.into_bytes();
        if self.recipe.channel_order == ChannelOrder::Bgr {
            bytes.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| pixel.reverse());
        }
        Ok(bytes)
    }
}
