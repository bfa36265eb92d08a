//! The TOML configuration of a run: tables `network`, `data`, `train` and `log`.
//!
//! Unknown keys are errors, so that a misspelt one is not ignored. A recipe stands for keys that are left
//! out. `syq-train/configs` has commented examples. Relative paths are relative to the working directory.

mod build;
mod check;
mod data;
mod log;
mod recipe;
mod stages;
mod written;

pub use check::{ConfigError, ConfigErrorKind};
pub use data::{AugmentationConfig, DataConfig, DataFormat, EvaluationConfig, NormalizationConfig};
pub use log::{LogConfig, TensorBoardConfig};
pub use recipe::Recipe;
pub use stages::{BitStage, SizeStage};
pub use written::Written;

use crate::optim::{Momentum, PerGroup};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use syq_core::{ActivationRange, BitWidth, Granularity, WeightGradient, WeightNormalization};
use syq_pack::zoo::Architecture;

/// A whole configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What gives the keys that are left out their values, where one is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Recipe>,
    /// What is trained.
    pub network: NetworkConfig,
    /// On what.
    pub data: DataConfig,
    /// How.
    pub train: TrainConfig,
    /// What is written down beside the run's own logs; default: nothing.
    #[serde(default, skip_serializing_if = "LogConfig::is_default")]
    pub log: LogConfig,
}

/// Which codebook the quantized layers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weights {
    /// The float twin of a quantized network: nothing is quantized.
    Float,
    /// {−α, +α}.
    Binary,
    /// {−α, 0, +α}.
    Ternary,
}

/// How the first, the last and the shortcut layers of a quantized network are stored and computed; the
/// names are those of `syq bench --first-last`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FirstLast {
    /// Float, as in the paper.
    #[default]
    #[serde(rename = "float")]
    Float,
    /// 8-bit weights and inputs.
    #[serde(rename = "8bit")]
    EightBit,
}

/// Table `network`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// "resnet20", "vgg-small", "alexnet", "resnet18", "resnet34", "resnet50", "alexnet-torchvision", "vgg16" or
    /// "vgg16-bn".
    pub name: Architecture,
    /// "float", "binary" or "ternary".
    pub weights: Weights,
    /// "layer", "row" or "pixel"; quantized networks only, which need it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granularity: Option<Granularity>,
    /// 1, 2, 3, 4 or 8; quantized networks only, which need it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation_bits: Option<BitWidth>,
    /// "unit" (the default), "learned" or { fixed_point = fractional bits }; quantized networks only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation_range: Option<ActivationRange>,
    /// η, the threshold's fraction of max |W|; ternary weights only; default 0.05.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f32>,
    /// "none" (the default, the paper's), "layer" or "filter": what the weights' mean and deviation are
    /// taken over before they are quantized; quantized networks only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_normalization: Option<WeightNormalization>,
    /// "syq" (the default, the paper's) or "identity": how gradients reach the weights; quantized networks only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_gradient: Option<WeightGradient>,
    /// "float" (the default) or "8bit"; quantized networks only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_last: Option<FirstLast>,
}

impl NetworkConfig {
    /// The float network of that name, which has no settings.
    pub const fn float(name: Architecture) -> Self {
        Self {
            name,
            weights: Weights::Float,
            granularity: None,
            activation_bits: None,
            activation_range: None,
            threshold: None,
            weight_normalization: None,
            weight_gradient: None,
            first_last: None,
        }
    }
}

/// Arithmetic of the training kernels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// f32 everywhere.
    F32,
    /// bf16 operands, f32 sums.
    Bf16,
    /// bf16 where the processor has it, else f32: faster, but not the same on every machine.
    #[default]
    Auto,
}

/// Table `train.optimizer`: one of the two tables.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OptimizerConfig {
    /// `sgd = { momentum, kind }`.
    Sgd {
        /// μ, [0, 1).
        momentum: f32,
        /// "classical" or "nesterov".
        kind: Momentum,
    },
    /// `adam = { betas, epsilon }`.
    Adam {
        /// β₁ and β₂, each [0, 1); default 0.9 and 0.999.
        #[serde(default = "adam_betas")]
        betas: [f32; 2],
        /// ε > 0.
        epsilon: f32,
    },
}

/// Table `train.schedule`: one of the two tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ScheduleConfig {
    /// `cosine = { warmup_epochs, final_fraction }`.
    Cosine {
        /// Epochs of linear warm-up, fractions allowed.
        #[serde(default)]
        warmup_epochs: f64,
        /// Last rate / learning_rate.
        #[serde(default)]
        final_fraction: f32,
    },
    /// `step = { milestones, factor, warmup_epochs }`.
    Step {
        /// Epochs at which the rate changes, ascending.
        milestones: Vec<f64>,
        /// What the rate is multiplied by.
        factor: f32,
        /// Epochs of linear warm-up, fractions allowed.
        #[serde(default)]
        warmup_epochs: f64,
    },
}

/// A number for some of the groups of parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GroupTable {
    /// Weights of convolutions and, unless `linear` is given, of fully connected layers.
    pub weight: Option<f32>,
    /// Weights of fully connected layers.
    pub linear: Option<f32>,
    /// The scales α.
    pub scale: Option<f32>,
    /// Batch norm's scale and offset.
    pub batch_norm: Option<f32>,
    /// Biases.
    pub bias: Option<f32>,
    /// Learned activation steps.
    pub step: Option<f32>,
}

impl GroupTable {
    /// All groups; those that the table leaves out have `default`, fully connected layers what
    /// convolutions have.
    pub fn or(&self, default: f32) -> PerGroup {
        PerGroup {
            weight: self.weight.unwrap_or(default),
            linear: self.linear.or(self.weight).unwrap_or(default),
            scale: self.scale.unwrap_or(default),
            batch_norm: self.batch_norm.unwrap_or(default),
            bias: self.bias.unwrap_or(default),
            step: self.step.unwrap_or(default),
        }
    }
}

/// Table `train`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Everything random follows from it.
    pub seed: u64,
    /// Epochs.
    pub epochs: u32,
    /// Images of a batch.
    pub batch: usize,
    /// Threads; 0, the default, means one for each core. The result does not depend on it.
    #[serde(default)]
    pub threads: usize,
    /// "f32", "bf16" or "auto", the default.
    #[serde(default)]
    pub precision: Precision,
    /// The base rate, after the warm-up.
    pub learning_rate: f32,
    /// The optimizer.
    pub optimizer: OptimizerConfig,
    /// How the rate changes.
    pub schedule: ScheduleConfig,
    /// What multiplies the learning rate of a group; default 1.
    #[serde(default)]
    pub learning_rate_multiplier: GroupTable,
    /// L2 weight decay of a group; default 0.
    #[serde(default)]
    pub weight_decay: GroupTable,
    /// Probability that is spread over all classes, [0, 1); default 0.
    #[serde(default)]
    pub label_smoothing: f32,
    /// Epochs at the start of the run whose activations have other bits; default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub progressive_bits: Vec<BitStage>,
    /// Epochs at the start of the run on pictures of another size; default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub progressive_sizes: Vec<SizeStage>,
    /// A teacher to learn from beside the labels; default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distillation: Option<DistillationConfig>,
    /// Batches over which batch norm's statistics are measured anew before the network is measured
    /// and at the end of the run; 0, the default, keeps the running averages of training.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub batch_norm_batches: u32,
    /// Checkpoint of the float twin to start from; required for a quantized network by `quantize`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<PathBuf>,
    /// Epochs between checkpoints; default 1.
    #[serde(default = "every_epoch")]
    pub checkpoint_epochs: u32,
}

/// Table `train.distillation` (Hinton, Vinyals and Dean, 2015).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistillationConfig {
    /// Checkpoint of a trained network of this data set, float or quantized.
    pub teacher: PathBuf,
    /// What both sides' logits are divided by before their softmax, > 0; default 4.
    #[serde(default = "temperature")]
    pub temperature: f32,
    /// Share of the teacher in the loss, (0, 1]; the labels have the rest.
    pub weight: f32,
}

// serde's `skip_serializing_if` takes a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_zero(value: &u32) -> bool {
    *value == 0
}

const fn temperature() -> f32 {
    4.0
}

const fn adam_betas() -> [f32; 2] {
    [0.9, 0.999]
}

const fn every_epoch() -> u32 {
    1
}

impl Config {
    /// Parses and validates a configuration.
    ///
    /// # Errors
    /// Not TOML, an unknown or missing key (with its line), a value out of range or one that
    /// contradicts another (with its key).
    pub fn from_toml_str(text: &str) -> Result<Self, ConfigErrorKind> {
        let config: Self = match recipe::complete(text)? {
            // From the text itself, so that errors name their lines.
            None => toml::from_str(text).map_err(Box::new)?,
            Some(completed) => completed.try_into().map_err(Box::new)?,
        };
        config.validate()?;
        Ok(config)
    }

    /// Reads, parses and validates a file.
    ///
    /// # Errors
    /// As [`Config::from_toml_str`], or the file cannot be read; names the file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let parse = |text: String| Self::from_toml_str(&text);
        let config = std::fs::read_to_string(path).map_err(ConfigErrorKind::from).and_then(parse);
        config.map_err(|kind| ConfigError { path: path.to_owned(), kind })
    }
}
