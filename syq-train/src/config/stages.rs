//! Progressive training: epochs at the start of a run with other bits, or on pictures of another size.
//!
//! Each list has its elements one after the other; the epochs that are left are those of the network and the pictures of
//! the configuration. The lists are independent of each other.

use super::check::check;
use super::{Config, ConfigErrorKind, EvaluationConfig, Weights};
use serde::{Deserialize, Serialize};
use syq_core::BitWidth;

/// An element of `train.progressive_bits`: some epochs with these activations (Zhuang et al., CVPR 2018).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BitStage {
    /// 1, 2, 3, 4 or 8.
    pub activation_bits: BitWidth,
    /// At least 1.
    pub epochs: u32,
}

/// An element of `train.progressive_sizes`: some epochs on pictures of this size. Smaller pictures at the start of a run
/// cost little and teach what larger ones refine (Howard and others, DAWNBench 2018; Touvron et al., NeurIPS 2019).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizeStage {
    /// Height and width of the network's input, 1 to 4096.
    pub image_size: usize,
    /// At least 1.
    pub epochs: u32,
}

impl Config {
    /// The configuration of the stage that an epoch (from 0) belongs to: this one, with other bits and another size of the
    /// pictures where `train.progressive_bits` and `train.progressive_sizes` say so.
    pub fn stage(&self, epoch: u64) -> Self {
        let mut config = self.clone();
        if let Some(stage) = at(&self.train.progressive_bits, |stage| stage.epochs, epoch) {
            config.network.activation_bits = Some(stage.activation_bits);
        }
        let size = self.image_size_at(epoch);
        if size == self.image_size() { config } else { config.with_image_size(size) }
    }

    /// Height and width of the pictures in an epoch (from 0).
    pub fn image_size_at(&self, epoch: u64) -> usize {
        let stage = at(&self.train.progressive_sizes, |stage| stage.epochs, epoch);
        stage.map_or(self.image_size(), |stage| stage.image_size)
    }

    /// The same on pictures of another size: evaluation crops the same part of them.
    fn with_image_size(mut self, size: usize) -> Self {
        let full = self.image_size();
        if let Some(EvaluationConfig { resize }) = &mut self.data.evaluation {
            *resize = (*resize * size).div_ceil(full);
        }
        self.data.image_size = Some(size);
        self
    }

    pub(super) fn validate_stages(&self) -> Result<(), ConfigErrorKind> {
        let train = &self.train;
        if !train.progressive_bits.is_empty() && self.network.weights == Weights::Float {
            return Err(ConfigErrorKind::Useless { key: "train.progressive_bits", reason: "the weights are float" });
        }
        let bits: Vec<_> = train.progressive_bits.iter().map(|stage| stage.epochs).collect();
        self.validate_epochs("train.progressive_bits.epochs", &bits)?;
        let sizes: Vec<_> = train.progressive_sizes.iter().map(|stage| stage.epochs).collect();
        self.validate_epochs("train.progressive_sizes.epochs", &sizes)?;
        let padding = self.data.augmentation.crop_padding as usize;
        for &SizeStage { image_size, .. } in &train.progressive_sizes {
            let key = "train.progressive_sizes.image_size";
            check(key, image_size as f64, "1 to 4096", (1..=4096).contains(&image_size))?;
            check(key, image_size as f64, "greater than data.augmentation.crop_padding", image_size > padding)?;
        }
        Ok(())
    }

    fn validate_epochs(&self, key: &'static str, epochs: &[u32]) -> Result<(), ConfigErrorKind> {
        for &epochs in epochs {
            check(key, epochs.into(), "at least 1", epochs > 0)?;
        }
        let all: f64 = epochs.iter().copied().map(f64::from).sum();
        let inside = epochs.is_empty() || all < f64::from(self.train.epochs);
        check(key, all, "together less than train.epochs", inside)
    }
}

/// The element that an epoch belongs to; `None` after the last one.
fn at<T>(stages: &[T], epochs: impl Fn(&T) -> u32, epoch: u64) -> Option<&T> {
    let mut end = 0;
    stages.iter().find(|stage| {
        end += u64::from(epochs(stage));
        epoch < end
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const W2A2: &str = include_str!("../../configs/cifar10-resnet20-w2a2-pixel.toml");

    fn config(line: &str) -> Result<Config, ConfigErrorKind> {
        Config::from_toml_str(&W2A2.replace("epochs = 24", &format!("epochs = 24\n{line}")))
    }

    #[test]
    fn stages_follow_each_other_and_end() {
        let config = config(
            "progressive_sizes = [{ image_size = 16, epochs = 2 }, { image_size = 24, epochs = 3 }]\n\
             progressive_bits = [{ activation_bits = 4, epochs = 4 }]",
        );
        let mut config = config.unwrap();
        config.data.evaluation = Some(EvaluationConfig { resize: 36 });
        for (epoch, size, resize, bits) in [
            (0, 16, 18, BitWidth::Four),
            (1, 16, 18, BitWidth::Four),
            (2, 24, 27, BitWidth::Four),
            (4, 24, 27, BitWidth::Two),
            (5, 32, 36, BitWidth::Two),
            (23, 32, 36, BitWidth::Two),
        ] {
            let stage = config.stage(epoch);
            assert_eq!((stage.image_size(), stage.evaluation_resize()), (size, resize), "{epoch}");
            assert_eq!(stage.network.activation_bits, Some(bits), "{epoch}");
        }
        // The stages themselves are kept: a run's configuration is that of its file.
        assert_eq!(config.stage(0).train, config.train);
    }

    #[test]
    fn stages_that_cannot_be_are_refused() {
        for (line, message) in [
            ("progressive_sizes = [{ image_size = 16, epochs = 24 }]", "together less than train.epochs"),
            (
                "progressive_sizes = [{ image_size = 16, epochs = 0 }]",
                "progressive_sizes.epochs = 0: must be at least 1",
            ),
            ("progressive_sizes = [{ image_size = 0, epochs = 1 }]", "progressive_sizes.image_size = 0"),
            ("progressive_sizes = [{ image_size = 4, epochs = 1 }]", "greater than data.augmentation.crop_padding"),
            ("progressive_sizes = [{ epochs = 1 }]", "missing field `image_size`"),
            ("progressive_bits = [{ activation_bits = 4, epochs = 30 }]", "together less than train.epochs"),
        ] {
            let error = config(line).unwrap_err().to_string();
            assert!(error.contains(message), "{line}: {error}");
        }
    }
}
