//! The record of a run: the files in its folder that say how it went.

use super::{HISTOGRAMS, LAYERS, METRICS, Run, RunError, TENSORBOARD};
use crate::config::TensorBoardConfig;
use crate::metrics::histogram::{HistogramLog, Snapshot};
use crate::metrics::layers::{LayerLog, LayerRow};
use crate::metrics::{Metrics, Row};
use crate::tensorboard::TensorBoard;

/// Everything that a run writes down beside its checkpoints.
#[derive(Debug)]
pub(super) struct Record {
    metrics: Metrics,
    layers: LayerLog,
    histograms: HistogramLog,
    tensorboard: Option<TensorBoard>,
}

impl Record {
    /// Opens the files of `run`'s folder, and cuts what came after its checkpoint. Before the first step
    /// the layers are recorded as they start.
    pub(super) fn open(run: &Run) -> Result<Self, RunError> {
        let (folder, step) = (&run.folder, run.step);
        let tensorboard = match run.config.log.tensorboard {
            TensorBoardConfig::Off => None,
            TensorBoardConfig::Scalars | TensorBoardConfig::Histograms => {
                Some(TensorBoard::open(&folder.join(TENSORBOARD), step)?)
            }
        };
        let mut record = Self {
            metrics: Metrics::open(&folder.join(METRICS), step)?,
            layers: LayerLog::open(&folder.join(LAYERS), step)?,
            histograms: HistogramLog::open(&folder.join(HISTOGRAMS), step)?,
            tensorboard,
        };
        if step == 0 {
            record.layers(run)?;
        }
        Ok(record)
    }

    /// Writes down how an epoch went on some images.
    pub(super) fn row(&mut self, row: &Row) -> Result<(), RunError> {
        self.metrics.append(row)?;
        if let Some(tensorboard) = &mut self.tensorboard {
            tensorboard.metrics(row)?;
        }
        Ok(())
    }

    /// Writes down what became of the layers: between epochs, and their weights' histograms at both ends
    /// of the run. Returns the layers' rows.
    pub(super) fn layers(&mut self, run: &Run) -> Result<Vec<LayerRow>, RunError> {
        let step = run.step;
        let rows = run.graph.layer_rows(step, step as f64 / run.batches() as f64)?;
        self.layers.append(&rows)?;
        if let Some(tensorboard) = &mut self.tensorboard {
            tensorboard.layers(step, &rows)?;
        }
        let at_an_end = step == 0 || step == run.steps();
        let each_epoch = run.config.log.tensorboard == TensorBoardConfig::Histograms;
        if at_an_end || each_epoch {
            let layers = run.graph.weight_histograms()?;
            if let (Some(tensorboard), true) = (&mut self.tensorboard, each_epoch) {
                tensorboard.histograms(step, &layers)?;
            }
            if at_an_end {
                self.histograms.append(&Snapshot { step, layers })?;
            }
        }
        Ok(rows)
    }
}
