//! Batch norm's statistics, measured anew with the weights as they stand.
//!
//! The running averages of training lag behind the weights, and with the release's decay of 0.9 they
//! are an average over some ten batches; codes with one or two bits make an offset out of that noise.
//! Re-estimated they are the plain mean over many batches. Nothing else of the network changes.

use super::{Run, RunError};
use crate::data::Loader;
use crate::layers::Statistics;

impl Run {
    /// Replaces every batch norm's statistics by their mean over the configured number of batches: the
    /// first ones of the epoch that comes next, augmented as in training. Without such a number
    /// nothing changes.
    pub(super) fn estimate_statistics(&mut self) -> Result<(), RunError> {
        let batches = self.config.train.batch_norm_batches;
        if batches == 0 {
            return Ok(());
        }
        let mut loader = Loader::new(self.pass(self.step / self.batches() as u64)?, 0)?;
        for index in 0..batches {
            let Some(batch) = loader.next() else { break };
            let batch = batch?;
            // The mean of index + 1 batches: the first one keeps nothing of what was there.
            self.graph.set_decay(Some(index as f32 / (index + 1) as f32));
            self.graph.logits(&self.workers, &batch.images, batch.labels.len(), Statistics::Batch)?;
            loader.recycle(batch);
        }
        self.graph.set_decay(None);
        Ok(())
    }
}
