//! What makes a configuration valid beyond its types.

use super::{Config, DataFormat, GroupTable, OptimizerConfig, ScheduleConfig, Weights};
use crate::data::ColorJitter;
use std::path::PathBuf;
use thiserror::Error;

/// A configuration file that cannot be used; names it.
#[derive(Debug, Error)]
#[error("{path}: {kind}", path = path.display())]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub kind: ConfigErrorKind,
}

/// What is wrong with a configuration.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Not TOML, or not these keys and types; the message has the line.
    #[error(transparent)]
    Toml(#[from] Box<toml::de::Error>),
    /// A configuration that has no TOML form: a path that is not Unicode.
    #[error(transparent)]
    NoToml(#[from] Box<toml::ser::Error>),
    /// A value out of range.
    #[error("{key} = {value}: must be {range}")]
    Range {
        /// The key, with its tables.
        key: &'static str,
        /// Its value.
        value: f64,
        /// What it must be.
        range: &'static str,
    },
    /// A key that is needed.
    #[error("{key} is missing: {reason}")]
    Missing {
        /// The key, with its tables.
        key: &'static str,
        /// What needs it.
        reason: &'static str,
    },
    /// A key that the recipe determines.
    #[error("{key} is not {recipe:?}'s: leave it out, or leave out the recipe")]
    Recipe {
        /// The key, with its tables.
        key: String,
        /// The recipe's name.
        recipe: &'static str,
    },
    /// A key that would have no effect.
    #[error("{key} has no effect: {reason}")]
    Useless {
        /// The key, with its tables.
        key: &'static str,
        /// Why.
        reason: &'static str,
    },
}

use ConfigErrorKind::{Missing, Range, Useless};

impl Config {
    /// Checks every value; a parsed configuration has passed.
    ///
    /// # Errors
    /// The first value that is out of range or contradicts another.
    pub fn validate(&self) -> Result<(), ConfigErrorKind> {
        self.validate_network()?;
        self.validate_data()?;
        self.validate_train()
    }

    fn validate_network(&self) -> Result<(), ConfigErrorKind> {
        let network = &self.network;
        if network.weights == Weights::Float {
            let reason = "the weights are float";
            let given = [
                ("network.granularity", network.granularity.is_some()),
                ("network.activation_bits", network.activation_bits.is_some()),
                ("network.activation_range", network.activation_range.is_some()),
                ("network.first_last", network.first_last.is_some()),
                ("network.weight_normalization", network.weight_normalization.is_some()),
                ("network.weight_gradient", network.weight_gradient.is_some()),
            ];
            if let Some(&(key, _)) = given.iter().find(|(_, given)| *given) {
                return Err(Useless { key, reason });
            }
        } else {
            let reason = "the weights are quantized";
            if network.granularity.is_none() {
                return Err(Missing { key: "network.granularity", reason });
            }
            if network.activation_bits.is_none() {
                return Err(Missing { key: "network.activation_bits", reason });
            }
        }
        match network.threshold {
            Some(_) if network.weights != Weights::Ternary => {
                Err(Useless { key: "network.threshold", reason: "only ternary weights have one" })
            }
            Some(eta) => fraction("network.threshold", eta.into()),
            None => Ok(()),
        }
    }

    fn validate_data(&self) -> Result<(), ConfigErrorKind> {
        let data = &self.data;
        if let Some(size) = data.image_size {
            check("data.image_size", size as f64, "1 to 4096", (1..=4096).contains(&size))?;
        }
        fraction("data.validation", data.validation)?;
        let padding = data.augmentation.crop_padding;
        let side = self.image_size();
        let fits = (padding as usize) < side;
        check("data.augmentation.crop_padding", padding.into(), "smaller than the picture", fits)?;
        self.validate_augmentation()?;
        if let Some(evaluation) = data.evaluation {
            let fits = (side..=16_384).contains(&evaluation.resize);
            check("data.evaluation.resize", evaluation.resize as f64, "data.image_size to 16384", fits)?;
        }
        if data.corrupt.is_some() && data.format != DataFormat::Folder {
            return Err(Useless { key: "data.corrupt", reason: "only a folder has pictures to decode" });
        }
        if let Some(normalization) = data.normalization {
            for mean in normalization.mean {
                check("data.normalization.mean", mean.into(), "finite", mean.is_finite())?;
            }
            for std in normalization.std {
                positive("data.normalization.std", std.into())?;
            }
        }
        Ok(())
    }

    /// What is random beside the padding's width.
    fn validate_augmentation(&self) -> Result<(), ConfigErrorKind> {
        let given = self.data.augmentation;
        if let Some(crop) = given.random_resized_crop {
            if given.crop_padding > 0 {
                let reason = "random_resized_crop takes the part of the picture";
                return Err(Useless { key: "data.augmentation.crop_padding", reason });
            }
            if given.scale_jitter.is_some() {
                let reason = "random_resized_crop takes the part of the picture";
                return Err(Useless { key: "data.augmentation.scale_jitter", reason });
            }
            let [least, greatest] = crop.scale;
            let holds = least > 0.0 && least <= greatest && greatest <= 1.0;
            let key = "data.augmentation.random_resized_crop.scale";
            check(key, least.into(), "ascending, in (0, 1]", holds)?;
            let [least, greatest] = crop.ratio;
            let holds = least.is_normal() && least > 0.0 && least <= greatest && greatest.is_finite();
            let key = "data.augmentation.random_resized_crop.ratio";
            check(key, least.into(), "ascending, positive and finite", holds)?;
        }
        if let Some(jitter) = given.scale_jitter {
            if given.crop_padding > 0 {
                let reason = "scale_jitter resizes to more than the crop";
                return Err(Useless { key: "data.augmentation.crop_padding", reason });
            }
            let [least, end] = jitter.scale;
            let holds = least >= 1.0 && least <= end && end <= 16.0;
            check("data.augmentation.scale_jitter.scale", least.into(), "ascending, in [1, 16]", holds)?;
            fraction("data.augmentation.scale_jitter.stretch", jitter.stretch.into())?;
        }
        if let Some(jitter) = given.color_jitter {
            let strengths = [jitter.brightness, jitter.contrast, jitter.saturation];
            for strength in strengths {
                let holds = strength >= 0.0 && strength.is_finite();
                check("data.augmentation.color_jitter", strength.into(), "finite and not negative", holds)?;
            }
            let hue = f64::from(jitter.hue);
            check("data.augmentation.color_jitter.hue", hue, "in [0, 0.5]", (0.0..=0.5).contains(&hue))?;
            if jitter == ColorJitter::default() {
                return Err(Useless { key: "data.augmentation.color_jitter", reason: "all of it is 0" });
            }
        }
        Ok(())
    }

    fn validate_train(&self) -> Result<(), ConfigErrorKind> {
        let train = &self.train;
        check("train.epochs", train.epochs.into(), "at least 1", train.epochs > 0)?;
        check("train.batch", train.batch as f64, "1 to 65536", (1..=65_536).contains(&train.batch))?;
        check("train.threads", train.threads as f64, "at most 1024", train.threads <= 1024)?;
        let every = train.checkpoint_epochs;
        check("train.checkpoint_epochs", every.into(), "at least 1", every > 0)?;
        positive("train.learning_rate", train.learning_rate.into())?;
        fraction("train.label_smoothing", train.label_smoothing.into())?;
        if let Some(distillation) = &train.distillation {
            positive("train.distillation.temperature", distillation.temperature.into())?;
            let weight = f64::from(distillation.weight);
            check("train.distillation.weight", weight, "in (0, 1]", weight > 0.0 && weight <= 1.0)?;
        }
        self.validate_stages()?;
        groups("train.learning_rate_multiplier", &train.learning_rate_multiplier)?;
        groups("train.weight_decay", &train.weight_decay)?;
        match train.optimizer {
            OptimizerConfig::Sgd { momentum, .. } => fraction("train.optimizer.sgd.momentum", momentum.into())?,
            OptimizerConfig::Adam { betas, epsilon } => {
                for beta in betas {
                    fraction("train.optimizer.adam.betas", beta.into())?;
                }
                positive("train.optimizer.adam.epsilon", epsilon.into())?;
            }
        }
        let epochs = f64::from(train.epochs);
        match &train.schedule {
            ScheduleConfig::Cosine { warmup_epochs, final_fraction } => {
                let last = f64::from(*final_fraction);
                check("train.schedule.cosine.final_fraction", last, "in [0, 1]", (0.0..=1.0).contains(&last))?;
                let inside = (0.0..epochs).contains(warmup_epochs);
                check("train.schedule.cosine.warmup_epochs", *warmup_epochs, "in [0, train.epochs)", inside)
            }
            ScheduleConfig::Step { milestones, factor, warmup_epochs } => {
                positive("train.schedule.step.factor", f64::from(*factor))?;
                let key = "train.schedule.step.milestones";
                let mut before = 0.0;
                for &milestone in milestones {
                    let ascending = milestone > before && milestone < epochs;
                    check(key, milestone, "ascending, inside (0, train.epochs)", ascending)?;
                    before = milestone;
                }
                let inside = (0.0..epochs).contains(warmup_epochs);
                check("train.schedule.step.warmup_epochs", *warmup_epochs, "in [0, train.epochs)", inside)
            }
        }
    }
}

pub(super) fn check(key: &'static str, value: f64, range: &'static str, holds: bool) -> Result<(), ConfigErrorKind> {
    if holds { Ok(()) } else { Err(Range { key, value, range }) }
}

fn fraction(key: &'static str, value: f64) -> Result<(), ConfigErrorKind> {
    check(key, value, "in [0, 1)", (0.0..1.0).contains(&value))
}

fn positive(key: &'static str, value: f64) -> Result<(), ConfigErrorKind> {
    check(key, value, "positive and finite", value > 0.0 && value.is_finite())
}

/// A multiplier of 0 freezes a group, so 0 is allowed.
fn groups(key: &'static str, table: &GroupTable) -> Result<(), ConfigErrorKind> {
    let given = [table.weight, table.linear, table.scale, table.batch_norm, table.bias, table.step];
    given
        .into_iter()
        .flatten()
        .try_for_each(|value| check(key, value.into(), "finite and not negative", value >= 0.0 && value.is_finite()))
}
