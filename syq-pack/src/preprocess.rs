//! The preprocessing recipe: how a picture becomes the input of a network.
//!
//! The recipe is data and stands in the model file, so that everybody who runs the model prepares
//! its pictures alike. `syq-infer` carries it out; the trainer normalizes with the same
//! [`Preprocess::tables`], which makes its inputs the engine's, bit for bit.
//!
//! In order: resize, crop, order the channels, normalize. The resize filters name the library whose
//! bytes they reproduce, because the same "bicubic" differs by many grey levels between libraries.

use serde::{Deserialize, Serialize};
use syq_core::Shape;
use thiserror::Error;

/// The largest extent, in pixels, that a recipe may resize to.
pub const LARGEST_EXTENT: usize = 16_384;

/// From an RGB picture to the `[row][column][channel]` input of a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocess {
    /// How the picture is resized.
    pub resize: Resize,
    /// What is kept of the resized picture.
    pub crop: Crop,
    /// The order of the network's three input channels.
    pub channel_order: ChannelOrder,
    /// Subtracted from a value in 0..=1; one per channel, in the network's channel order.
    pub mean: [f32; 3],
    /// Divides the difference; one per channel, in the network's channel order. Positive.
    pub std: [f32; 3],
}

/// How a picture is resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Resize {
    /// Not at all: the picture is cropped as it comes.
    Keep,
    /// To a short side of `pixels`, keeping the aspect ratio; the long side becomes
    /// ⌊pixels · long / short⌋, as in torchvision's `Resize(pixels)`.
    ShortSide {
        /// Pixels of the short side.
        pixels: usize,
        /// The filter.
        filter: Filter,
    },
    /// To `height` × `width`, whatever the aspect ratio.
    Exact {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// The filter.
        filter: Filter,
    },
}

/// A resize filter, named after the library whose bytes it reproduces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// `BILINEAR` of Pillow 3.3 to 12: a triangle, widened when shrinking (antialiased).
    PillowBilinear,
    /// `BICUBIC` of Pillow 3.3 to 12: a = −0.5, widened when shrinking (antialiased).
    PillowBicubic,
    /// OpenCV's `INTER_CUBIC`: a = −0.75, always four taps (not antialiased).
    #[serde(rename = "opencv_cubic")]
    OpenCvCubic,
}

/// What is kept of the resized picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Crop {
    /// All of it: the resized picture must have the size of the network's input.
    Whole,
    /// The centre, at the size of the network's input. Offsets are half the margin, halves rounded to
    /// the even number, as in torchvision's `CenterCrop`.
    Centre,
}

/// The order of the three colour channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelOrder {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red, as OpenCV reads pictures.
    Bgr,
}

/// What is wrong with a recipe.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum RecipeError {
    /// A recipe for another number of channels.
    #[error("the network's input has {channels} channels, a picture has 3")]
    Channels {
        /// Channels of the network's input.
        channels: usize,
    },
    /// A size of nothing, or one too large.
    #[error("{name} is {pixels} pixels, must be within 1 to {LARGEST_EXTENT}")]
    Extent {
        /// Which size.
        name: &'static str,
        /// The size.
        pixels: usize,
    },
    /// A mean that is not finite, or a deviation that is not finite and positive.
    #[error("{name} of channel {channel} is {value}, must be finite{}", if *name == "std" { " and positive" } else { "" })]
    Normalization {
        /// `mean` or `std`.
        name: &'static str,
        /// The channel.
        channel: usize,
        /// The value.
        value: f32,
    },
    /// A resize that makes a picture smaller than the network's input, or of another size without a crop.
    #[error("the picture is resized to {resized:?} rows and columns, the network's input has {input:?}")]
    DoesNotFit {
        /// Rows and columns of the resized picture; for `ShortSide` of a square one.
        resized: [usize; 2],
        /// Rows and columns of the network's input.
        input: [usize; 2],
    },
}

impl Preprocess {
    /// The recipe of CIFAR-sized pictures: resized to `height` × `width` by Pillow's bilinear filter
    /// if they have another size, then normalized with `mean` and `std` as RGB.
    pub const fn exact(height: usize, width: usize, mean: [f32; 3], std: [f32; 3]) -> Self {
        let resize = Resize::Exact { height, width, filter: Filter::PillowBilinear };
        Self { resize, crop: Crop::Whole, channel_order: ChannelOrder::Rgb, mean, std }
    }

    /// torchvision's evaluation recipe for ImageNet: the short side to `short_side` by Pillow's
    /// bilinear filter, the centre, and ImageNet's mean and standard deviation.
    pub const fn imagenet(short_side: usize) -> Self {
        Self {
            resize: Resize::ShortSide { pixels: short_side, filter: Filter::PillowBilinear },
            crop: Crop::Centre,
            channel_order: ChannelOrder::Rgb,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
        }
    }

    /// Checks the recipe by itself and against the input of the network that it feeds.
    ///
    /// # Errors
    /// An input without three channels; an extent outside 1..=[`LARGEST_EXTENT`]; a mean or deviation
    /// that is not finite, or a deviation that is not positive; a resize that can never fill the input.
    pub fn validate(&self, input: Shape) -> Result<(), RecipeError> {
        let extent = |name, pixels| match pixels {
            1..=LARGEST_EXTENT => Ok(()),
            _ => Err(RecipeError::Extent { name, pixels }),
        };
        if input.channels != 3 {
            return Err(RecipeError::Channels { channels: input.channels });
        }
        extent("the input's height", input.height)?;
        extent("the input's width", input.width)?;
        for (channel, (&mean, &std)) in self.mean.iter().zip(&self.std).enumerate() {
            if !mean.is_finite() {
                return Err(RecipeError::Normalization { name: "mean", channel, value: mean });
            }
            if !(std.is_finite() && std > 0.0) {
                return Err(RecipeError::Normalization { name: "std", channel, value: std });
            }
        }
        let resized = match self.resize {
            Resize::Keep => return Ok(()),
            Resize::ShortSide { pixels, .. } => {
                extent("the short side", pixels)?;
                [pixels, pixels]
            }
            Resize::Exact { height, width, .. } => {
                extent("the resized height", height)?;
                extent("the resized width", width)?;
                [height, width]
            }
        };
        let input = [input.height, input.width];
        let fits = match (self.crop, self.resize) {
            (Crop::Whole, Resize::Exact { .. }) => resized == input,
            // The long side depends on the picture; the short one must fit in one of the two places.
            (Crop::Whole, _) => input.contains(&resized[0]) && input.iter().all(|&side| side >= resized[0]),
            (Crop::Centre, _) => resized[0] >= input[0] && resized[1] >= input[1],
        };
        if fits { Ok(()) } else { Err(RecipeError::DoesNotFit { resized, input }) }
    }

    /// The 256 normalized values of each channel, in the network's channel order.
    pub fn tables(&self) -> [[f32; 256]; 3] {
        std::array::from_fn(|channel| normalization_table(self.mean[channel], self.std[channel]))
    }
}

/// The normalized value of each byte: `(byte / 255 − mean) / std`, three f32 operations in this order,
/// none of them fused. The trainer and the engine both read their inputs from this table.
pub fn normalization_table(mean: f32, std: f32) -> [f32; 256] {
    std::array::from_fn(|byte| (byte as f32 / 255.0 - mean) / std)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUT: Shape = Shape::new(224, 224, 3);

    #[test]
    fn the_stored_form_is_fixed_and_reads_back() {
        let recipe = Preprocess::imagenet(256);
        let json = serde_json::to_string(&recipe).unwrap();
        assert_eq!(
            json,
            r#"{"resize":{"short_side":{"pixels":256,"filter":"pillow_bilinear"}},"crop":"centre","channel_order":"rgb","#
                .to_string()
                + r#""mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225]}"#
        );
        assert_eq!(serde_json::from_str::<Preprocess>(&json).unwrap(), recipe);
        assert!(serde_json::from_str::<Preprocess>(&json.replace("crop", "crops")).is_err());
        assert!(serde_json::from_str::<Preprocess>(&json.replace("\"pixels\"", "\"pixel\"")).is_err());
        assert_eq!(serde_json::to_string(&Filter::OpenCvCubic).unwrap(), "\"opencv_cubic\"");
    }

    #[test]
    fn good_recipes_pass() {
        assert_eq!(Preprocess::imagenet(256).validate(INPUT), Ok(()));
        assert_eq!(Preprocess::imagenet(224).validate(INPUT), Ok(()));
        assert_eq!(Preprocess::exact(32, 32, [0.5; 3], [0.25; 3]).validate(Shape::new(32, 32, 3)), Ok(()));
        let keep = Preprocess { resize: Resize::Keep, ..Preprocess::imagenet(1) };
        assert_eq!(keep.validate(INPUT), Ok(()));
    }

    #[test]
    fn bad_recipes_are_refused() {
        let good = Preprocess::imagenet(256);
        assert_eq!(good.validate(Shape::new(224, 224, 1)), Err(RecipeError::Channels { channels: 1 }));
        assert!(matches!(good.validate(Shape::new(0, 224, 3)), Err(RecipeError::Extent { pixels: 0, .. })));
        for pixels in [0, LARGEST_EXTENT + 1, usize::MAX] {
            let error = Preprocess::imagenet(pixels).validate(INPUT).unwrap_err();
            assert_eq!(error, RecipeError::Extent { name: "the short side", pixels });
        }
        for std in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let recipe = Preprocess { std: [1.0, std, 1.0], ..good.clone() };
            assert!(matches!(recipe.validate(INPUT), Err(RecipeError::Normalization { name: "std", channel: 1, .. })));
        }
        let recipe = Preprocess { mean: [0.0, 0.0, f32::NAN], ..good.clone() };
        assert!(matches!(recipe.validate(INPUT), Err(RecipeError::Normalization { name: "mean", channel: 2, .. })));
        let error = Preprocess::imagenet(223).validate(INPUT).unwrap_err();
        assert_eq!(error, RecipeError::DoesNotFit { resized: [223, 223], input: [224, 224] });
        let exact = Preprocess::exact(32, 33, [0.5; 3], [0.25; 3]);
        assert!(matches!(exact.validate(Shape::new(32, 32, 3)), Err(RecipeError::DoesNotFit { .. })));
        let whole = Preprocess { crop: Crop::Whole, ..good };
        assert!(matches!(whole.validate(INPUT), Err(RecipeError::DoesNotFit { .. })));
        assert_eq!(whole.validate(Shape::new(256, 300, 3)), Ok(()));
    }

    #[test]
    fn the_table_rounds_after_each_operation() {
        let table = normalization_table(0.485, 0.229);
        for (byte, &value) in table.iter().enumerate() {
            let scaled: f32 = byte as f32 / 255.0;
            let centred: f32 = scaled - 0.485;
            assert_eq!(value.to_bits(), (centred / 0.229).to_bits());
        }
        assert_eq!(Preprocess::imagenet(256).tables()[0], table);
    }
}
