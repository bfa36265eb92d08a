//! Table `data`: which images, and how they are prepared.

use crate::data::folder::Corrupt;
use crate::data::{ColorJitter, Flip, RandomResizedCrop, ScaleJitter};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use syq_pack::preprocess::Filter;

/// How the images are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataFormat {
    /// A folder of class folders of PNG or JPEG pictures.
    Folder,
    /// A folder with CIFAR-10's binary files, training and test images in one.
    Cifar10,
}

/// Table `data`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// "folder" or "cifar10".
    pub format: DataFormat,
    /// Folder of the training images.
    pub train: PathBuf,
    /// Folder of the test images, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// What the exported model calls the classes of folders that are not called so; default: as the folders.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub class_names: BTreeMap<String, String>,
    /// Height and width of the network's input; default: what the network's literature has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_size: Option<usize>,
    /// Fraction of the training images that is held out, [0, 1); default 0.
    #[serde(default)]
    pub validation: f64,
    /// Mean and standard deviation a channel; default: those of the training images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalization: Option<NormalizationConfig>,
    /// Random changes of training images; default: none.
    #[serde(default)]
    pub augmentation: AugmentationConfig,
    /// How pictures are brought to the network's size for evaluation and in the exported model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<EvaluationConfig>,
    /// "pillow_bilinear" (the default), "pillow_bicubic" or "opencv_cubic": how pictures are resized, in training,
    /// evaluation and the exported model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// "error", the default, or "skip": what happens to a picture that does not decode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrupt: Option<Corrupt>,
}

/// Table `data.evaluation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationConfig {
    /// Pixels of the short side before the centre is cropped, at least `image_size`, which is the default.
    pub resize: usize,
}

/// Table `data.normalization`, pixels in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NormalizationConfig {
    /// Means of R, G and B.
    pub mean: [f32; 3],
    /// Standard deviations.
    pub std: [f32; 3],
}

/// Table `data.augmentation`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AugmentationConfig {
    /// Pixels of padding before a random crop; 0 for no padding.
    #[serde(default)]
    pub crop_padding: u32,
    /// "none" or "horizontal".
    #[serde(default = "no_flip")]
    pub flip: Flip,
    /// `{ scale, ratio }`: a random part, resized; instead of `crop_padding`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random_resized_crop: Option<RandomResizedCrop>,
    /// `{ scale, stretch }`: a random size and aspect ratio before a random crop, as in the paper's released code;
    /// instead of `crop_padding`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_jitter: Option<ScaleJitter>,
    /// `{ brightness, contrast, saturation, hue }`: random changes of the colours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color_jitter: Option<ColorJitter>,
}

impl Default for AugmentationConfig {
    fn default() -> Self {
        Self { crop_padding: 0, flip: Flip::None, random_resized_crop: None, scale_jitter: None, color_jitter: None }
    }
}

const fn no_flip() -> Flip {
    Flip::None
}
