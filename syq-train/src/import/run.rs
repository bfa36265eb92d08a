//! Imported weights as a run's folder.

use super::convert::parameters;
use super::description::Description;
use super::error::{ImportError, ImportErrorKind};
use super::file::{Foreign, description};
use crate::checkpoint::{Checkpoint, Tensor};
use crate::config::{Config, FirstLast, Weights};
use crate::data::Normalization;
use crate::kernels::Precision;
use crate::run::{CHECKPOINT, CONFIG, RunError, RunMetadata, Seen, build};
use serde::{Deserialize, Serialize};
use std::path::Path;
use syq_pack::Model;
use syq_pack::preprocess::Resize;
use syq_pack::zoo::{Architecture, Scheme};

/// A file may not be larger than this: it is read into memory whole.
const MAX_BYTES: u64 = 16 << 30;

/// Where an imported checkpoint comes from, and what a run would otherwise know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The name of the file.
    pub file: String,
    /// How pictures were resized for the evaluation there.
    pub resize: Resize,
}

/// What came of a file.
#[derive(Clone, Debug)]
pub struct Imported {
    /// A checkpoint without an optimizer's state, at step 0.
    pub checkpoint: Checkpoint<RunMetadata>,
    /// The configuration that the checkpoint has, with a comment.
    pub config: String,
}

/// Reads a file of weights; `given` is what the caller knows beside the file's own description.
///
/// # Errors
/// A file that cannot be read, or whose tensors or description do not fit; names it.
pub fn import(path: &Path, given: &Description) -> Result<Imported, ImportError> {
    let fail = |kind| ImportError { path: path.to_owned(), kind };
    let read = || {
        let bytes = std::fs::metadata(path)?.len();
        if bytes > MAX_BYTES {
            return Err(ImportErrorKind::TooLarge { bytes });
        }
        Ok(std::fs::read(path)?)
    };
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    read().and_then(|content| import_bytes(&content, &name, given)).map_err(fail)
}

/// As [`import`], from the content of a file called `name`.
///
/// # Errors
/// Tensors or a description that do not fit.
pub fn import_bytes(content: &[u8], name: &str, given: &Description) -> Result<Imported, ImportErrorKind> {
    let known = description(content)?.merge(given.clone())?;
    let architecture = known.architecture()?;
    let foreign = Foreign::parse(content, architecture)?;
    let text = config(&known, architecture)?;
    let config = Config::from_toml_str(&text)?;
    let normalization = known.normalization(architecture)?;
    let (image, resize) = (config.image_size(), known.resize(architecture));
    if let Resize::ShortSide { pixels, .. } = resize
        && pixels < image
    {
        return Err(ImportErrorKind::ShortSide { pixels, image });
    }
    let classes = classes(&known, architecture, image, &foreign);
    let [mean, std] = normalization;
    let normalized = Normalization::new(mean, std).map_err(|error| Box::new(error.into()))?;
    let network = config.network(&normalized, classes.len());
    let tensors = parameters(&network, &foreign, known.epsilon()?)?;
    let mut graph = build(&config, &normalized, classes.len(), Precision::F32).map_err(Box::new)?;
    graph.restore(&tensors)?;
    // What no model can have is found here, not at the export.
    Model::new(network, graph.export()?, classes.clone())?;
    let metadata = RunMetadata {
        config,
        activation_bits: None,
        classes,
        normalization,
        step: 0,
        seen: Seen::default(),
        best: 0,
        imported: Some(Provenance { file: name.to_owned(), resize }),
    };
    let tensors = graph.state().into_iter().map(|(name, values)| (name, Tensor::flat(values))).collect();
    Ok(Imported { checkpoint: Checkpoint { metadata, tensors }, config: text })
}

impl Imported {
    /// Writes the run's folder: the checkpoint and the configuration.
    ///
    /// # Errors
    /// A folder that holds a run already, or a file that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), RunError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| RunError::File { path, source }
        };
        if folder.join(CHECKPOINT).exists() {
            return Err(RunError::Exists { folder: folder.to_owned() });
        }
        std::fs::create_dir_all(folder).map_err(at(folder))?;
        let path = folder.join(CONFIG);
        std::fs::write(&path, &self.config).map_err(at(&path))?;
        Ok(self.checkpoint.write(&folder.join(CHECKPOINT))?)
    }

    /// Number of weights and other values.
    pub fn values(&self) -> usize {
        self.checkpoint.tensors.values().map(|tensor| tensor.values.len()).sum()
    }
}

/// Class names: those given, or as many as the classifier has outputs.
fn classes(known: &Description, architecture: Architecture, image: usize, foreign: &Foreign<'_>) -> Vec<String> {
    if let Some(classes) = &known.classes {
        return classes.clone();
    }
    let usual = architecture.classes();
    let network = architecture.build(Scheme::Float, image, usual);
    let classifier = network.layers.last().map(|layer| format!("{}.weight", layer.name)).unwrap_or_default();
    let outputs = foreign.shape(&classifier).and_then(|shape| shape.first()).copied();
    // A classifier of a million outputs is a wrong file; its shape will be listed.
    let outputs = outputs.filter(|outputs| (1..=1 << 20).contains(outputs)).unwrap_or(usual);
    (0..outputs).map(|class| format!("class {class}")).collect()
}

/// The configuration of a network that was trained elsewhere.
fn config(known: &Description, architecture: Architecture) -> Result<String, ImportErrorKind> {
    #[derive(Serialize)]
    struct Whole {
        network: Network,
    }
    #[derive(Serialize)]
    struct Network {
        name: Architecture,
        weights: Weights,
        #[serde(skip_serializing_if = "Option::is_none")]
        granularity: Option<syq_core::Granularity>,
        #[serde(skip_serializing_if = "Option::is_none")]
        activation_bits: Option<syq_core::BitWidth>,
        #[serde(skip_serializing_if = "Option::is_none")]
        activation_range: Option<syq_core::ActivationRange>,
        #[serde(skip_serializing_if = "Option::is_none")]
        threshold: Option<f32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        weight_normalization: Option<syq_core::WeightNormalization>,
        #[serde(skip_serializing_if = "Option::is_none")]
        first_last: Option<FirstLast>,
    }
    let network = Network {
        name: architecture,
        weights: known.weights.unwrap_or(Weights::Float),
        granularity: known.granularity,
        activation_bits: known.activation_bits,
        activation_range: known.activation_range,
        threshold: known.threshold,
        weight_normalization: known.weight_normalization,
        first_last: known.first_last,
    };
    let [mean, std] = known.normalization(architecture)?;
    let image = known.pixels(architecture);
    // Plain values always have a TOML form.
    let network = toml::to_string(&Whole { network }).unwrap_or_default();
    Ok(format!(
        "# Written by `syq-train import`: the network was trained elsewhere. `data.train` and the table\n\
         # `train` are here because a configuration has them; nothing was trained with them.\n\
         {network}\n\
         [data]\nformat = \"folder\"\ntrain = \"elsewhere\"\nimage_size = {image}\n\
         normalization = {{ mean = {mean:?}, std = {std:?} }}\n\n\
         [train]\nseed = 0\nepochs = 1\nbatch = 1\nlearning_rate = 1e-3\n\
         optimizer = {{ sgd = {{ momentum = 0.9, kind = \"classical\" }} }}\n\
         schedule = {{ cosine = {{}} }}\n"
    ))
}
