//! From a run to the model that is deployed, and its accuracy there.
//!
//! Accuracy is always measured on the exported model in the inference engine: what the trainer
//! reports is what `syq eval` prints.

use super::{Run, RunError, RunMetadata};
use crate::checkpoint::Checkpoint;
use crate::config::Config;
use crate::data::{Dataset, Normalization};
use crate::graph::{BuildOptions, Graph};
use crate::kernels::{Isa, Precision};
use crate::layers::{BatchNormSettings, CrossEntropy, Loss, Objective};
use std::path::Path;
use syq_infer::rgb::RgbView;
use syq_infer::{Session, SessionOptions};
use syq_pack::model::Accuracy;
use syq_pack::preprocess::{ChannelOrder, Crop, Resize};
use syq_pack::{Golden, Model, Origin, Preprocess};

/// Images that are evaluated at once.
const BATCH: usize = 256;

/// How a network learns: the same for every run of a configuration and a normalisation.
pub(crate) fn build(
    config: &Config,
    normalization: &Normalization,
    classes: usize,
    precision: Precision,
) -> Result<Graph, RunError> {
    let options = BuildOptions {
        precision,
        isa: Isa::detect(),
        eta: config.eta(),
        weight_normalization: config.network.weight_normalization.unwrap_or_default(),
        weight_gradient: config.network.weight_gradient.unwrap_or_default(),
        batch_norm: BatchNormSettings::default(),
        seed: config.train.seed,
    };
    Ok(Graph::new(&config.network(normalization, classes), options)?)
}

/// The model of a graph that knows these classes of the data set, with labels and preprocessing. Pictures are resized to the short side that the configuration
/// says and cropped in the middle.
fn model(graph: &Graph, classes: &[String], normalization: [[f32; 3]; 2], config: &Config) -> Result<Model, RunError> {
    let network = graph.network();
    let mut model = Model::new(network.clone(), graph.export()?, config.labels(classes))?;
    if model.labels != classes {
        model.origin.class_folders = classes.to_vec();
    }
    model.preprocess = Some(Preprocess {
        resize: Resize::ShortSide { pixels: config.evaluation_resize(), filter: config.filter() },
        crop: Crop::Centre,
        channel_order: ChannelOrder::Rgb,
        mean: normalization[0],
        std: normalization[1],
    });
    Ok(model)
}

impl Run {
    /// The model as it stands now.
    ///
    /// # Errors
    /// Weights that cannot be quantized any more.
    pub fn model(&self) -> Result<Model, RunError> {
        let normalization = [self.normalization.mean(), self.normalization.deviation()];
        model(&self.graph, self.data.classes(), normalization, &self.stage())
    }
}

/// The model of a checkpoint file, with its origin and a golden answer.
///
/// # Errors
/// A checkpoint that cannot be read, or does not fit its own configuration.
pub fn export(checkpoint: &Path) -> Result<(Model, RunMetadata), RunError> {
    export_checkpoint(Checkpoint::read(checkpoint)?)
}

/// The network of a checkpoint.
pub(super) fn graph(
    checkpoint: Checkpoint<RunMetadata>,
    precision: Precision,
) -> Result<(Graph, RunMetadata), RunError> {
    let Checkpoint { metadata, tensors } = checkpoint;
    let mut graph = build(&metadata.stage(), &metadata.normalization()?, metadata.classes.len(), precision)?;
    graph.restore(&tensors.into_iter().map(|(name, tensor)| (name, tensor.values)).collect())?;
    Ok((graph, metadata))
}

/// As [`export`], of a checkpoint in memory.
///
/// # Errors
/// A checkpoint that does not fit its own configuration.
pub fn export_checkpoint(checkpoint: Checkpoint<RunMetadata>) -> Result<(Model, RunMetadata), RunError> {
    let (graph, metadata) = graph(checkpoint, Precision::F32)?;
    let mut model = model(&graph, &metadata.classes, metadata.normalization, &metadata.config)?;
    let seed = metadata.config.train.seed;
    model.origin = Origin {
        data_set: metadata.config.data.train.to_str().map(str::to_owned),
        seed: Some(seed),
        producer: Some(format!("syq-train {}", env!("CARGO_PKG_VERSION"))),
        ..model.origin
    };
    if let Some(imported) = &metadata.imported {
        (model.origin.data_set, model.origin.seed) = (None, None);
        model.origin.recipe = Some(format!("imported from {}", imported.file));
        model.preprocess.iter_mut().for_each(|recipe| recipe.resize = imported.resize);
    }
    let shape = model.network.input;
    let logits = Session::new(&model, SessionOptions { threads: 1, isa: None })?.run(&Golden::input(shape, seed))?;
    model.golden = Some(Golden::new(shape, seed, &logits));
    Ok((model, metadata))
}

/// Runs `indices` of `data` through the engine; the classes of both must be the same, in order.
///
/// # Errors
/// Other classes, or images that the model cannot take.
pub fn evaluate(model: &Model, data: &Dataset, indices: &[u32], threads: usize) -> Result<Loss, RunError> {
    if model.class_folders() != data.classes() {
        return Err(RunError::Classes { model: model.class_folders().to_vec(), data: data.classes().to_vec() });
    }
    let mut session = Session::new(model, SessionOptions { threads, isa: None })?;
    let len = model.network.input.len();
    let mut total = Loss::default();
    let mut input = Vec::new();
    for batch in indices.chunks(BATCH) {
        input.resize(batch.len() * len, 0.0);
        let mut labels = Vec::with_capacity(batch.len());
        for (index, input) in batch.iter().zip(input.chunks_exact_mut(len)) {
            let [height, width] = data.image_size(*index as usize).unwrap_or_default();
            let pixels = data.image(*index as usize).unwrap_or_default();
            session.prepare(RgbView::new(height, width, pixels)?, input)?;
            labels.extend(data.labels().get(*index as usize));
        }
        let logits = session.run(&input)?;
        total += CrossEntropy::default().measure(&logits, &labels, &mut vec![0.0; logits.len()]);
    }
    Ok(total)
}

/// An accuracy as a model file states it.
pub fn accuracy(loss: &Loss) -> Accuracy {
    Accuracy { right: loss.correct as u64, total: loss.images as u64 }
}
