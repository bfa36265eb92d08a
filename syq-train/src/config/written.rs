//! Configurations that a command line stands for: a folder of pictures, a network, and documented defaults.
//!
//! They are written as the text of a file, so that the run's folder holds a `config.toml` that trains the same again and
//! that can be changed.

use super::{AugmentationConfig, ConfigErrorKind, DataConfig, DataFormat, NetworkConfig, Recipe, Weights};
use crate::data::folder::Corrupt;
use crate::data::{Flip, RandomResizedCrop};
use serde::Serialize;
use std::path::PathBuf;

/// Part of each class that is held out where there are no test images.
const HELD_OUT: f64 = 0.1;
/// Epochs of a float network.
const FLOAT_EPOCHS: u32 = 60;
/// Epochs of a quantized network: the paper's released code has 30 to 60.
const QUANTIZED_EPOCHS: u32 = 30;
/// Steps that an epoch should have at least, down to batches of [`SMALL`].
const STEPS: usize = 16;
/// The batch that is not made smaller for the sake of more steps.
const SMALL: usize = 8;
/// From this size on pictures are cropped as ImageNet's are, below as CIFAR's.
const LARGE: usize = 64;

/// A configuration that nobody wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// What is trained.
    pub network: NetworkConfig,
    /// On what.
    pub data: DataConfig,
    /// Checkpoint to start from, which a quantized network needs.
    pub init: Option<PathBuf>,
    /// Everything random follows from it.
    pub seed: u64,
    /// Default: 60 of a float network, 30 of a quantized one.
    pub epochs: Option<u32>,
    /// 0 means one for each core.
    pub threads: usize,
}

impl DataConfig {
    /// A folder of class folders for a network whose input has `image_size` × `image_size` pixels. A tenth of each class is
    /// held out where there are no test images; pictures are mirrored, and cropped with padding where the input has at most
    /// 64 pixels a side, as random resized parts where it has more; those that do not decode are left out.
    pub fn folder(train: PathBuf, test: Option<PathBuf>, image_size: usize) -> Self {
        let crop_padding = if image_size > LARGE { 0 } else { image_size as u32 / 8 };
        let random_resized_crop =
            (image_size > LARGE).then_some(RandomResizedCrop { scale: [0.35, 1.0], ..<_>::default() });
        let augmentation =
            AugmentationConfig { crop_padding, flip: Flip::Horizontal, random_resized_crop, ..<_>::default() };
        Self {
            format: DataFormat::Folder,
            train,
            validation: if test.is_some() { 0.0 } else { HELD_OUT },
            test,
            class_names: <_>::default(),
            image_size: Some(image_size),
            normalization: None,
            augmentation,
            evaluation: None,
            filter: None,
            corrupt: Some(Corrupt::Skip),
        }
    }
}

#[derive(Serialize)]
struct Whole<'a> {
    recipe: Recipe,
    network: &'a NetworkConfig,
    data: &'a DataConfig,
}

impl Written {
    /// The text of the configuration for a data set of `images` pictures, held-out ones included: small data sets
    /// get smaller batches and with them a smaller learning rate, in proportion with SGD (Goyal et al., 2017), as the
    /// square root with Adam (Malladi et al., 2022).
    ///
    /// # Errors
    /// A path that is not Unicode.
    pub fn text(&self, images: usize) -> Result<String, ConfigErrorKind> {
        let Self { network, data, init, seed, epochs, threads } = self;
        let (recipe, default, power) = match network.weights {
            Weights::Float => (Recipe::Float, FLOAT_EPOCHS, 1.0),
            Weights::Binary | Weights::Ternary => (Recipe::SyqExtended, QUANTIZED_EPOCHS, 0.5),
        };
        let epochs = epochs.unwrap_or(default);
        let (most, rate) = recipe.batch_and_rate()?;
        let batch = batch(images, most);
        let learning_rate = rate * (batch as f64 / most as f64).powf(power);
        let tables = toml::to_string(&Whole { recipe, network, data }).map_err(Box::new)?;
        let mut text = format!(
            "# Written by syq-train from its command line and defaults; docs/training.md has every key.\n{tables}\n\
             [train]\nseed = {seed}\nepochs = {epochs}\nbatch = {batch}\nthreads = {threads}\n\
             learning_rate = {learning_rate:.3e}\n"
        );
        if let Some(init) = init {
            let path = toml::Value::try_from(init).map_err(Box::new)?;
            text += &format!("init = {path}\n");
        }
        if network.weights == Weights::Float {
            let warmup = 2f64.min(f64::from(epochs) / 20.0);
            text += &format!("\n[train.schedule.cosine]\nwarmup_epochs = {warmup:?}\n");
        }
        Ok(text)
    }
}

/// A power of two: the largest one that leaves an epoch 16 steps, but 8 to `most`, and never more than four fifths of the
/// images, which is what trains at least where a tenth of each class is held out.
fn batch(images: usize, most: usize) -> usize {
    let trained = images.saturating_mul(4) / 5;
    let most = (trained / STEPS).clamp(SMALL, most.max(SMALL)).min(trained).max(1);
    1 << most.ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, OptimizerConfig, ScheduleConfig};
    use crate::optim::Momentum;
    use syq_core::{BitWidth, Granularity};
    use syq_pack::zoo::Architecture;

    fn float(image_size: usize, test: Option<PathBuf>) -> Written {
        Written {
            network: NetworkConfig::float(Architecture::ResNet20),
            data: DataConfig::folder("some \"pictures\"".into(), test, image_size),
            init: None,
            seed: 1,
            epochs: None,
            threads: 0,
        }
    }

    #[test]
    fn the_text_is_a_configuration_with_the_defaults() {
        let written = float(32, None);
        let config = Config::from_toml_str(&written.text(50_000).unwrap()).unwrap();
        assert_eq!(
            (config.recipe, &config.network, &config.data),
            (Some(Recipe::Float), &written.network, &written.data)
        );
        assert_eq!((config.data.validation, config.data.augmentation.crop_padding), (0.1, 4));
        assert_eq!((config.train.epochs, config.train.batch, config.train.learning_rate), (60, 128, 0.1));
        assert_eq!(config.train.optimizer, OptimizerConfig::Sgd { momentum: 0.9, kind: Momentum::Nesterov });
        assert_eq!(config.train.schedule, ScheduleConfig::Cosine { warmup_epochs: 2.0, final_fraction: 0.0 });
        let decay = config.train.weight_decay.or(0.0);
        assert_eq!((decay.weight, decay.linear, decay.bias), (5e-4, 5e-4, 0.0));

        let large = Config::from_toml_str(&float(128, Some("test".into())).text(64).unwrap()).unwrap();
        assert_eq!((large.data.validation, large.data.augmentation.crop_padding), (0.0, 0));
        assert_eq!(large.data.augmentation.random_resized_crop.unwrap().scale, [0.35, 1.0]);
        assert_eq!((large.train.batch, large.train.learning_rate), (8, 0.1 * 8.0 / 128.0));
    }

    #[test]
    fn a_quantized_network_has_the_recipe_s_values() {
        let mut network = NetworkConfig::float(Architecture::ResNet20);
        network.weights = Weights::Ternary;
        (network.granularity, network.activation_bits) = (Some(Granularity::Pixel), Some(BitWidth::Two));
        let (init, epochs) = (Some("it's/run".into()), Some(1));
        let written = Written { network, init, epochs, seed: 7, threads: 2, ..float(32, None) };
        let config = Config::from_toml_str(&written.text(3200).unwrap()).unwrap();
        assert_eq!((config.recipe, config.train.batch), (Some(Recipe::SyqExtended), 128));
        assert_eq!((config.train.learning_rate, config.train.batch_norm_batches), (1e-3, 128));
        assert_eq!((config.train.init, config.train.seed, config.train.threads), (written.init, 7, 2));
        assert_eq!(
            (config.train.epochs, config.network.activation_range),
            (1, Some(syq_core::ActivationRange::Learned))
        );
    }

    #[test]
    fn every_data_set_has_a_batch_that_its_training_part_fills() {
        let batches = [0, 1, 2, 3, 5, 9, 10, 100, 160, 320, 1000, 2560, 1_000_000].map(|images| batch(images, 128));
        assert_eq!(batches, [1, 1, 1, 2, 4, 4, 8, 8, 8, 16, 32, 128, 128]);
    }
}
