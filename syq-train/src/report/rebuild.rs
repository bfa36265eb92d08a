//! How the layers of a run began and ended, from the checkpoints where the run kept no record.

use crate::checkpoint::{Checkpoint, Tensor};
use crate::graph::{Graph, Tensors};
use crate::kernels::Precision;
use crate::metrics::Row;
use crate::metrics::histogram::Snapshot;
use crate::metrics::layers::LayerRow;
use crate::run::{RunMetadata, build};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the checkpoints say.
#[derive(Debug)]
pub(super) struct Rebuilt {
    /// The layers at the end, and at the beginning where that is known.
    pub(super) layers: Vec<LayerRow>,
    /// The weights that the run started from, where that checkpoint is still there.
    pub(super) before: Option<Snapshot>,
    /// The weights of the run's checkpoint.
    pub(super) after: Snapshot,
}

fn tensors(tensors: BTreeMap<String, Tensor>) -> Tensors {
    tensors.into_iter().map(|(name, tensor)| (name, tensor.values)).collect()
}

/// A checkpoint in a run's folder beside `folder`, of the same name: runs are moved together.
fn beside(folder: &Path, checkpoint: &Path) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    Some(folder.parent()?.join(checkpoint.parent()?.file_name()?).join(checkpoint.file_name()?))
}

/// Rebuilds the layers of the run whose checkpoint is given. Errors are told in words: a checkpoint of an
/// older version need not fit, and the report does without.
pub(super) fn rebuild(folder: &Path, checkpoint: Checkpoint<Value>, rows: &[Row]) -> Result<Rebuilt, String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let metadata: RunMetadata = serde_json::from_value(checkpoint.metadata).map_err(|error| words(&error))?;
    let normalization = metadata.normalization().map_err(|error| words(&error))?;
    let new = || {
        let graph = build(&metadata.config, &normalization, metadata.classes.len(), Precision::F32);
        graph.map_err(|error| words(&error))
    };
    let mut graph = new()?;
    graph.restore(&tensors(checkpoint.tensors)).map_err(|error| words(&error))?;
    let step = metadata.step;
    let snapshot = |graph: &Graph, step| {
        graph.weight_histograms().map(|layers| Snapshot { step, layers }).map_err(|error| words(&error))
    };
    let after = snapshot(&graph, step)?;
    let mut layers = Vec::new();
    let mut before = None;
    // A float network starts from its seed; a quantized one from a checkpoint, which may be gone.
    let started = match &metadata.config.train.init {
        None => Some(new()?),
        Some(init) => [Some(init.clone()), beside(folder, init)].into_iter().flatten().find_map(|init| {
            let init = Checkpoint::<Value>::read(&init).ok()?;
            let mut graph = new().ok()?;
            graph.start_from(&tensors(init.tensors)).ok()?;
            Some(graph)
        }),
    };
    if let Some(started) = started {
        let rows = started.layer_rows(0, 0.0).map_err(|error| words(&error))?;
        // Whether the steps were taken over depends on more than the weights.
        layers.extend(rows.into_iter().map(|row| LayerRow { activation_step: None, ..row }));
        before = Some(snapshot(&started, 0)?);
    }
    let epoch = rows.iter().rfind(|row| row.step <= step).map_or(0.0, |row| row.epoch);
    layers.extend(graph.layer_rows(step, epoch).map_err(|error| words(&error))?);
    Ok(Rebuilt { layers, before, after })
}
