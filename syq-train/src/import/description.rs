//! What a file of weights does not say by its tensors: the network, how it is quantized, and how its
//! pictures were prepared.
//!
//! The same keys stand in the file's metadata and on the command line; where both speak they must agree.

use super::error::ImportErrorKind;
use crate::config::{FirstLast, Weights};
use serde::{Deserialize, Serialize};
use syq_core::{ActivationRange, BitWidth, Granularity, WeightNormalization};
use syq_pack::preprocess::{Filter, Resize};
use syq_pack::zoo::Architecture;

/// ε of PyTorch's batch norms, where nothing else is said.
const PYTORCH_EPSILON: f64 = 1e-5;
/// ImageNet's mean and standard deviation, as torchvision and timm take them.
const IMAGENET: [[f32; 3]; 2] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];

/// What is known about a file of weights beside its tensors; the JSON value of the metadata key `syq`.
/// Every key may be left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Description {
    /// The network, by its name in our zoo; nothing is assumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub net: Option<Architecture>,
    /// "float" (assumed), "binary" or "ternary".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<Weights>,
    /// "layer", "row" or "pixel"; quantized networks only, which need it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granularity: Option<Granularity>,
    /// 1, 2, 3, 4 or 8; quantized networks only, which need it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation_bits: Option<BitWidth>,
    /// "unit" (assumed), "learned" or { "fixed_point": fractional bits }; quantized networks only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation_range: Option<ActivationRange>,
    /// η, the threshold's fraction of max |W|; ternary weights only; 0.05 is assumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f32>,
    /// "none" (assumed), "layer" or "filter": what the weights' mean and deviation are taken over before
    /// they are quantized; quantized networks only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_normalization: Option<WeightNormalization>,
    /// "float" (assumed) or "8bit": the first, the last and the shortcut layers; quantized networks only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_last: Option<FirstLast>,
    /// ε of the batch norms; PyTorch's 1e−5 is assumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_norm_epsilon: Option<f64>,
    /// Height and width of the pictures; what the network's literature has is assumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_size: Option<usize>,
    /// Means of R, G and B for pixels in [0, 1]; for ImageNet's networks ImageNet's are assumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<[f32; 3]>,
    /// Standard deviations, as the means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std: Option<[f32; 3]>,
    /// Pixels of the short side that pictures are resized to before their middle is cropped; for
    /// ImageNet's networks image_size · 8/7 (256 for 224) is assumed, else image_size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short_side: Option<usize>,
    /// "pillow_bilinear" (assumed), "pillow_bicubic" or "opencv_cubic".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// Class names, in the order of the logits; "class 0", "class 1" … are assumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
}

impl Description {
    /// Both descriptions in one.
    ///
    /// # Errors
    /// A key that both have, with different values.
    pub fn merge(self, other: Self) -> Result<Self, ImportErrorKind> {
        Ok(Self {
            net: agree("net", self.net, other.net)?,
            weights: agree("weights", self.weights, other.weights)?,
            granularity: agree("granularity", self.granularity, other.granularity)?,
            activation_bits: agree("activation_bits", self.activation_bits, other.activation_bits)?,
            activation_range: agree("activation_range", self.activation_range, other.activation_range)?,
            threshold: agree("threshold", self.threshold, other.threshold)?,
            weight_normalization: agree("weight_normalization", self.weight_normalization, other.weight_normalization)?,
            first_last: agree("first_last", self.first_last, other.first_last)?,
            batch_norm_epsilon: agree("batch_norm_epsilon", self.batch_norm_epsilon, other.batch_norm_epsilon)?,
            image_size: agree("image_size", self.image_size, other.image_size)?,
            mean: agree("mean", self.mean, other.mean)?,
            std: agree("std", self.std, other.std)?,
            short_side: agree("short_side", self.short_side, other.short_side)?,
            filter: agree("filter", self.filter, other.filter)?,
            classes: agree("classes", self.classes, other.classes)?,
        })
    }

    /// The network.
    ///
    /// # Errors
    /// Nobody named one.
    pub fn architecture(&self) -> Result<Architecture, ImportErrorKind> {
        self.net.ok_or(ImportErrorKind::Needs { key: "net", reason: "the network's name in our zoo" })
    }

    /// ε of the batch norms.
    ///
    /// # Errors
    /// Not positive and finite.
    pub fn epsilon(&self) -> Result<f64, ImportErrorKind> {
        let epsilon = self.batch_norm_epsilon.unwrap_or(PYTORCH_EPSILON);
        if epsilon > 0.0 && epsilon.is_finite() {
            return Ok(epsilon);
        }
        Err(ImportErrorKind::Epsilon { epsilon })
    }

    /// Height and width of the pictures.
    pub(super) fn pixels(&self, architecture: Architecture) -> usize {
        self.image_size.unwrap_or(architecture.image())
    }

    /// Means and standard deviations of the pictures.
    pub(super) fn normalization(&self, architecture: Architecture) -> Result<[[f32; 3]; 2], ImportErrorKind> {
        let common = is_imagenet(architecture).then_some(IMAGENET);
        let reason = "what the pixels of the training pictures were normalised with";
        Ok([
            self.mean.or(common.map(|c| c[0])).ok_or(ImportErrorKind::Needs { key: "mean", reason })?,
            self.std.or(common.map(|c| c[1])).ok_or(ImportErrorKind::Needs { key: "std", reason })?,
        ])
    }

    /// How pictures of other sizes are resized.
    pub(super) fn resize(&self, architecture: Architecture) -> Resize {
        let image = self.pixels(architecture);
        let usual = if is_imagenet(architecture) { image.saturating_mul(8) / 7 } else { image };
        let pixels = self.short_side.unwrap_or(usual);
        Resize::ShortSide { pixels, filter: self.filter.unwrap_or(Filter::PillowBilinear) }
    }
}

fn is_imagenet(architecture: Architecture) -> bool {
    architecture.classes() == 1000
}

fn agree<T: PartialEq + Serialize>(
    key: &'static str,
    file: Option<T>,
    given: Option<T>,
) -> Result<Option<T>, ImportErrorKind> {
    match (file, given) {
        (Some(file), Some(given)) if file != given => {
            // Values of the description are plain, so they always have a JSON form.
            let text = |value: &T| serde_json::to_string(value).unwrap_or_default();
            Err(ImportErrorKind::Contradiction { key, file: text(&file), given: text(&given) })
        }
        (file, given) => Ok(file.or(given)),
    }
}
