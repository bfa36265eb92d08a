//! Progressive training: the epochs of a run whose activations have other bits, or whose pictures have another size, than
//! the network in the end.
//!
//! Where one of them changes the network is compiled anew and starts from its own weights, as a further run
//! would: scales and running statistics go on, the learned steps of quantizers whose bits changed are set by
//! the next batch. The optimizer's state and the schedule go on.

use super::model::build;
use super::prepare::precision;
use super::state::without_other_steps;
use super::{Run, RunError};
use crate::config::Config;
use crate::graph::Graph;

impl Run {
    /// The configuration of the stage that the last step belonged to.
    pub(super) fn stage(&self) -> Config {
        self.config.stage(self.step.saturating_sub(1) / (self.batches() as u64).max(1))
    }

    /// The steps that are left, in steps like those of `epoch`: see [`super::Progress::work_left`].
    pub(super) fn work_left(&self, epoch: u64) -> f64 {
        let (batches, now) = (self.batches() as u64, self.config.image_size_at(epoch) as f64);
        let epochs = epoch..u64::from(self.config.train.epochs);
        let left = epochs.map(|epoch| {
            let steps = (batches * (epoch + 1)).saturating_sub(self.step.max(batches * epoch));
            steps as f64 * (self.config.image_size_at(epoch) as f64 / now).powi(2)
        });
        left.sum()
    }

    /// Compiles the network of the next step's stage, if it is another one.
    pub(super) fn enter_stage(&mut self, epoch: u64) -> Result<(), RunError> {
        let (stage, now) = (self.config.stage(epoch), self.stage());
        if self.step == 0 || (stage.network == now.network && stage.image_size() == now.image_size()) {
            return Ok(());
        }
        let mut graph = self.compile(&stage)?;
        let state = without_other_steps(self.graph.state(), self.graph.network(), graph.network());
        graph.start_from(&state)?;
        self.graph = graph;
        self.follow()
    }

    /// Compiles the network of the stage that the checkpoint at hand, of step `self.step`, is of.
    pub(super) fn reenter_stage(&mut self) -> Result<(), RunError> {
        self.graph = self.compile(&self.stage())?;
        self.follow()
    }

    /// Refuses sizes of pictures for which the network has other weights, before the first step.
    pub(super) fn check_sizes(&mut self) -> Result<(), RunError> {
        let state = self.graph.state();
        let sizes = self.config.train.progressive_sizes.iter();
        let ends = sizes.scan(0, |end, stage| {
            *end += u64::from(stage.epochs);
            Some(*end)
        });
        for epoch in ends.collect::<Vec<_>>() {
            let mut graph = self.compile(&self.config.stage(epoch))?;
            graph.start_from(&without_other_steps(state.clone(), self.graph.network(), graph.network()))?;
        }
        self.follow()
    }

    fn compile(&self, stage: &Config) -> Result<Graph, RunError> {
        build(stage, &self.normalization, self.data.classes().len(), precision(stage))
    }

    /// The teacher sees the pictures that the network sees.
    fn follow(&mut self) -> Result<(), RunError> {
        let input = self.graph.network().input;
        self.teacher.as_mut().map_or(Ok(()), |teacher| teacher.take(input))
    }
}
