//! `syq-train import`.

use super::progress::say;
use super::values::{architecture, bits, word};
use anyhow::{Context, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use syq_core::{ActivationRange, BitWidth, Granularity, WeightNormalization};
use syq_pack::preprocess::Filter;
use syq_pack::zoo::Architecture;
use syq_train::config::{FirstLast, Weights};
use syq_train::import::{Description, import};
use syq_train::run::CHECKPOINT;

/// What the file's own description says need not be given again, and must agree if it is.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The safetensors file: a PyTorch state dict. docs/import.md says what it must hold.
    file: PathBuf,
    /// The run's folder to make.
    #[arg(long)]
    out: PathBuf,
    /// The network, such as resnet18.
    #[arg(long, value_parser = architecture())]
    net: Option<Architecture>,
    /// float, binary or ternary [default: float].
    #[arg(long, value_parser = word::<Weights>)]
    weights: Option<Weights>,
    /// Bits of an activation: 1, 2, 3, 4 or 8.
    #[arg(long, value_name = "BITS", value_parser = bits)]
    acts: Option<BitWidth>,
    /// Which weights share a scale: layer, row or pixel.
    #[arg(long, value_parser = word::<Granularity>)]
    granularity: Option<Granularity>,
    /// Range of the activations: unit, learned or fixed:F with F fractional bits [default: unit].
    #[arg(long, value_parser = range)]
    range: Option<ActivationRange>,
    /// η: ternary weights below η · max |W| are 0 [default: 0.05].
    #[arg(long, value_name = "ETA")]
    threshold: Option<f32>,
    /// What the weights' mean and deviation are taken over before they are quantized: none, layer or filter
    /// [default: none].
    #[arg(long, value_name = "OVER", value_parser = word::<WeightNormalization>)]
    weight_normalization: Option<WeightNormalization>,
    /// First, last and shortcut layers of a quantized network: float or 8bit [default: float].
    #[arg(long, value_parser = word::<FirstLast>)]
    first_last: Option<FirstLast>,
    /// ε of the batch norms [default: 1e-5].
    #[arg(long)]
    epsilon: Option<f64>,
    /// Height and width of the pictures [default: 224, or 32 for the networks of CIFAR].
    #[arg(long, value_name = "PIXELS")]
    image_size: Option<usize>,
    /// Means of R, G and B that the pictures were normalised with [default: ImageNet's, for its networks].
    #[arg(long, value_name = "R,G,B", value_parser = triple)]
    mean: Option<[f32; 3]>,
    /// Standard deviations of R, G and B [default: ImageNet's, for its networks].
    #[arg(long, value_name = "R,G,B", value_parser = triple)]
    std: Option<[f32; 3]>,
    /// Short side that pictures are resized to before the middle is cropped [default: 256 for 224 pixels].
    #[arg(long, value_name = "PIXELS")]
    short_side: Option<usize>,
    /// How they are resized: pillow_bilinear, pillow_bicubic or opencv_cubic [default: pillow_bilinear].
    #[arg(long, value_parser = word::<Filter>)]
    filter: Option<Filter>,
    /// Class names in the order of the logits: a file with one a line, or a folder of class folders.
    #[arg(long, value_name = "PATH")]
    classes: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let given = Description {
        net: arguments.net,
        weights: arguments.weights,
        granularity: arguments.granularity,
        activation_bits: arguments.acts,
        activation_range: arguments.range,
        threshold: arguments.threshold,
        weight_normalization: arguments.weight_normalization,
        first_last: arguments.first_last,
        batch_norm_epsilon: arguments.epsilon,
        image_size: arguments.image_size,
        mean: arguments.mean,
        std: arguments.std,
        short_side: arguments.short_side,
        filter: arguments.filter,
        classes: arguments.classes.as_deref().map(classes).transpose()?,
    };
    let imported = import(&arguments.file, &given)?;
    imported.write(&arguments.out)?;
    let metadata = &imported.checkpoint.metadata;
    let network = &metadata.config.network;
    say(&format!(
        "{}: {} weights, {} values in {} tensors, {} classes, pictures of {} pixels",
        network.name.name(),
        serde_json::to_value(network.weights)?.as_str().unwrap_or_default(),
        imported.values(),
        imported.checkpoint.tensors.len(),
        metadata.classes.len(),
        metadata.config.image_size(),
    ));
    say(&arguments.out.join(CHECKPOINT).display().to_string());
    Ok(())
}

/// A value by its name in configurations.
fn range(text: &str) -> Result<ActivationRange, String> {
    match text.strip_prefix("fixed:") {
        Some(fraction) => fraction.parse().map(ActivationRange::FixedPoint).map_err(|error| error.to_string()),
        None if text == "unit" => Ok(ActivationRange::Unit),
        None if text == "learned" => Ok(ActivationRange::Learned),
        None => Err("must be unit, learned or fixed:F".to_owned()),
    }
}

fn triple(text: &str) -> Result<[f32; 3], String> {
    let numbers: Result<Vec<f32>, _> = text.split(',').map(|number| number.trim().parse::<f32>()).collect();
    numbers.ok().and_then(|numbers| numbers.try_into().ok()).ok_or_else(|| "must be three numbers: R,G,B".to_owned())
}

/// The lines of a file, or the names of the folders in a folder in byte order, as the trainer takes classes.
fn classes(path: &Path) -> anyhow::Result<Vec<String>> {
    let at = || path.display().to_string();
    let mut names = Vec::new();
    if path.is_dir() {
        for entry in std::fs::read_dir(path).with_context(at)? {
            let entry = entry.with_context(at)?;
            match entry.file_name().into_string() {
                Ok(name) if entry.path().is_dir() && !name.starts_with('.') => names.push(name),
                Ok(_) => {}
                Err(name) => bail!("{}: the name {name:?} is not UTF-8", path.display()),
            }
        }
        names.sort();
    } else {
        let text = std::fs::read_to_string(path).with_context(at)?;
        names.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
    }
    if names.is_empty() {
        bail!("{}: no classes", path.display());
    }
    Ok(names)
}
