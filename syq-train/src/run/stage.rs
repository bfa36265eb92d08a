//! Progressive bits: the epochs of a run whose activations have other bits than the network in the end.
//!
//! Where the bits change the network is compiled anew and starts from its own weights, as a further run
//! would: scales and running statistics go on, the learned steps of the quantizers that changed are set by
//! the next batch. The optimizer's state and the schedule go on.

use super::model::build;
use super::prepare::precision;
use super::state::without_other_steps;
use super::{Run, RunError};
use crate::config::Config;

impl Run {
    /// The configuration of the stage that the last step belonged to.
    pub(super) fn stage(&self) -> Config {
        self.config.stage(self.step.saturating_sub(1) / (self.batches() as u64).max(1))
    }

    /// Compiles the network of the next step's stage, if it is another one.
    pub(super) fn enter_stage(&mut self, epoch: u64) -> Result<(), RunError> {
        let stage = self.config.stage(epoch);
        if self.step == 0 || stage.network == self.stage().network {
            return Ok(());
        }
        let mut graph = build(&stage, &self.normalization, self.data.classes().len(), precision(&stage))?;
        let state = without_other_steps(self.graph.state(), self.graph.network(), graph.network());
        graph.start_from(&state)?;
        self.graph = graph;
        Ok(())
    }

    /// Compiles the network of the stage that the checkpoint at hand, of step `self.step`, is of.
    pub(super) fn reenter_stage(&mut self) -> Result<(), RunError> {
        let stage = self.stage();
        self.graph = build(&stage, &self.normalization, self.data.classes().len(), precision(&stage))?;
        Ok(())
    }
}
