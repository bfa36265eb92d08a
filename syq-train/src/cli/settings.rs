//! The configuration of `syq-train float` and `syq-train quantize`: a file with changes, or what the flags stand for.

use super::train::Arguments;
use super::values::{architecture, bits, checkpoint, word};
use anyhow::{Context, bail};
use std::path::PathBuf;
use syq_core::{BitWidth, Granularity};
use syq_pack::zoo::Architecture;
use syq_train::checkpoint::Checkpoint;
use syq_train::config::{Config, DataConfig, NetworkConfig, NormalizationConfig, Weights, Written};
use syq_train::run::RunMetadata;

/// What stands in for a configuration file.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Without --config")]
pub(super) struct Pictures {
    /// Network; of `quantize` that of the run it starts from, unless given.
    #[arg(long, conflicts_with = "config", value_parser = architecture())]
    net: Option<Architecture>,
    /// Folder of class folders to test on; without one a tenth of each class of --data is held out.
    #[arg(long, conflicts_with = "config", value_name = "FOLDER")]
    test: Option<PathBuf>,
    /// Height and width to which pictures are brought [default: what the network's literature has].
    #[arg(long, conflicts_with = "config", value_name = "PIXELS")]
    image_size: Option<usize>,
}

/// How `quantize` quantizes.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Without --config")]
pub(super) struct Scheme {
    /// Codebook of the weights: ternary or binary [default: ternary].
    #[arg(long, conflicts_with = "config", value_parser = word::<Weights>)]
    weights: Option<Weights>,
    /// Bits of the activations, 1, 2, 3, 4 or 8 [default: 2].
    #[arg(long, conflicts_with = "config", value_name = "BITS", value_parser = bits)]
    acts: Option<BitWidth>,
    /// Which weights share a scale: layer, row or pixel [default: pixel].
    #[arg(long, conflicts_with = "config", value_parser = word::<Granularity>)]
    granularity: Option<Granularity>,
}

/// Where a run's configuration comes from.
#[derive(Debug)]
pub(super) enum Settings {
    /// A file, its text, and what became of it with the changes that the flags make.
    File(PathBuf, String, Box<Config>),
    /// The flags alone.
    Flags(Box<Written>),
}

impl Settings {
    /// `scheme` is that of `quantize`.
    pub(super) fn new(arguments: &Arguments, scheme: Option<&Scheme>) -> anyhow::Result<Self> {
        Ok(match (&arguments.config, scheme) {
            (Some(path), _) => {
                let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
                let config = changed(&text, arguments).with_context(|| path.display().to_string())?;
                Self::File(path.clone(), text, Box::new(config))
            }
            (None, None) => Self::Flags(Box::new(float(arguments)?)),
            (None, Some(scheme)) => Self::Flags(Box::new(quantized(arguments, scheme)?)),
        })
    }

    /// The configuration and its text. What the flags stand for depends on the number of `images`; `None` while that is
    /// not known.
    pub(super) fn config(&self, images: Option<usize>) -> anyhow::Result<(Config, String)> {
        match self {
            Self::File(_, text, config) => Ok((Config::clone(config), text.clone())),
            Self::Flags(written) => {
                let text = written.text(images.unwrap_or(usize::MAX))?;
                Ok((Config::from_toml_str(&text)?, text))
            }
        }
    }

    /// What an error names.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(path, ..) => path.display().to_string(),
            Self::Flags(written) => written.data.train.display().to_string(),
        }
    }
}

/// A file's configuration with the flags in place of what it says.
fn changed(text: &str, arguments: &Arguments) -> anyhow::Result<Config> {
    let mut config = Config::from_toml_str(text)?;
    // In a configuration too a run's folder means its checkpoint.
    config.train.init = arguments.init.as_deref().or(config.train.init.as_deref()).map(checkpoint);
    if let Some(distillation) = &mut config.train.distillation {
        distillation.teacher = checkpoint(&distillation.teacher);
    }
    config.data.train = arguments.data.clone().unwrap_or(config.data.train);
    config.train.epochs = arguments.epochs.unwrap_or(config.train.epochs);
    config.train.seed = arguments.seed.unwrap_or(config.train.seed);
    config.train.threads = arguments.threads.unwrap_or(config.train.threads);
    config.validate()?;
    Ok(config)
}

fn float(arguments: &Arguments) -> anyhow::Result<Written> {
    let Pictures { net, test, image_size } = &arguments.pictures;
    let (Some(net), Some(data)) = (net, &arguments.data) else {
        bail!("give --config FILE, or --data FOLDER and --net NAME");
    };
    Ok(Written {
        network: NetworkConfig::float(*net),
        data: DataConfig::folder(data.clone(), test.clone(), image_size.unwrap_or(net.image())),
        init: arguments.init.as_deref().map(checkpoint),
        seed: arguments.seed.unwrap_or(1),
        epochs: arguments.epochs,
        threads: arguments.threads.unwrap_or(0),
    })
}

/// Network, pictures, normalisation and seed are those of the run to start from, so that the same images are held out.
fn quantized(arguments: &Arguments, scheme: &Scheme) -> anyhow::Result<Written> {
    let Pictures { net, test, image_size } = &arguments.pictures;
    let Some(init) = arguments.init.as_deref().map(checkpoint) else {
        bail!("give --config FILE, or --init RUN, the float run to start from");
    };
    let Checkpoint { metadata, .. } = Checkpoint::<RunMetadata>::read(&init)?;
    let [mean, std] = metadata.normalization;
    let Config { network, data, train, .. } = metadata.config;
    let image_size = image_size.or(data.image_size).unwrap_or(network.name.image());
    let data = match &arguments.data {
        Some(folder) => DataConfig::folder(folder.clone(), test.clone(), image_size),
        None if metadata.imported.is_some() => bail!("{}: its weights were imported; give --data", init.display()),
        None => DataConfig { test: test.clone().or(data.test), image_size: Some(image_size), ..data },
    };
    Ok(Written {
        network: NetworkConfig {
            weights: scheme.weights.unwrap_or(Weights::Ternary),
            granularity: Some(scheme.granularity.unwrap_or(Granularity::Pixel)),
            activation_bits: Some(scheme.acts.unwrap_or(BitWidth::Two)),
            ..NetworkConfig::float(net.unwrap_or(network.name))
        },
        data: DataConfig { normalization: Some(NormalizationConfig { mean, std }), ..data },
        init: Some(init),
        seed: arguments.seed.unwrap_or(train.seed),
        epochs: arguments.epochs,
        threads: arguments.threads.unwrap_or(0),
    })
}
