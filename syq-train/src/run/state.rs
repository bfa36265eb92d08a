//! The state of a run as a checkpoint holds it.

use super::{CHECKPOINT, Run, RunError};
use crate::checkpoint::{Checkpoint, Tensor};
use crate::config::Config;
use crate::data::{DataError, Normalization};
use crate::graph::Tensors;
use crate::import::Provenance;
use crate::layers::Loss;
use serde::{Deserialize, Serialize};
use std::path::Path;
use syq_core::BitWidth;
use syq_pack::Network;
use syq_pack::network::Op;

/// What a checkpoint says beside its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunMetadata {
    /// The configuration of the run.
    pub config: Config,
    /// The bits of the activations at this step, where they are not those of the configuration
    /// (`train.progressive_bits`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation_bits: Option<BitWidth>,
    /// Class names, in the order of the logits.
    pub classes: Vec<String>,
    /// Mean and standard deviation that the images were normalised with.
    pub normalization: [[f32; 3]; 2],
    /// Steps done.
    pub step: u64,
    /// What the current epoch's images gave so far.
    pub seen: Seen,
    /// Right answers on the held-out images at the best epoch so far.
    #[serde(default)]
    pub best: usize,
    /// Where the weights come from, if this program did not train them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Provenance>,
}

impl RunMetadata {
    /// The configuration of the network that the tensors are of.
    pub fn stage(&self) -> Config {
        let mut config = self.config.clone();
        config.network.activation_bits = self.activation_bits.or(config.network.activation_bits);
        config
    }

    /// What normalised the images.
    ///
    /// # Errors
    /// Numbers that cannot normalise: metadata that no run wrote.
    pub fn normalization(&self) -> Result<Normalization, DataError> {
        let [mean, deviation] = self.normalization;
        Normalization::new(mean, deviation)
    }
}

/// Running sums of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Sum of the losses, as the bits of an f64: JSON's decimals need not round-trip.
    loss_bits: u64,
    correct: usize,
    correct_top5: usize,
    images: usize,
}

impl Seen {
    pub(super) fn loss(&self) -> Loss {
        let Self { loss_bits, correct, correct_top5, images } = *self;
        Loss { sum: f64::from_bits(loss_bits), correct, correct_top5, images }
    }

    pub(super) fn add(&mut self, batch: &Loss) {
        let mut loss = self.loss();
        loss += *batch;
        let Loss { sum, correct, correct_top5, images } = loss;
        *self = Self { loss_bits: sum.to_bits(), correct, correct_top5, images };
    }
}

impl Run {
    /// Writes the checkpoint.
    ///
    /// # Errors
    /// The file cannot be written, or a parameter is not finite any more.
    pub fn checkpoint(&self) -> Result<(), RunError> {
        self.write(CHECKPOINT)
    }

    /// The network's parameters and statistics, all of them numbers.
    pub(super) fn finite_state(&self) -> Result<Tensors, RunError> {
        let state = self.graph.state();
        let found =
            state.iter().find_map(|(name, values)| Some((name, values.iter().find(|value| !value.is_finite())?)));
        match found {
            Some((name, &value)) => Err(RunError::Diverged { step: self.step, name: name.clone(), value }),
            None => Ok(state),
        }
    }

    /// Writes the checkpoint under another name.
    pub(super) fn write(&self, name: &str) -> Result<(), RunError> {
        let mut tensors: std::collections::BTreeMap<_, _> =
            self.finite_state()?.into_iter().map(|(name, values)| (name, Tensor::flat(values))).collect();
        for state in self.optimizer.0.state() {
            tensors.insert(state.name, Tensor::flat(state.values));
        }
        let metadata = RunMetadata {
            config: self.config.clone(),
            activation_bits: Some(self.stage().network.activation_bits)
                .filter(|bits| *bits != self.config.network.activation_bits)
                .flatten(),
            classes: self.data.classes().to_vec(),
            normalization: [self.normalization.mean(), self.normalization.deviation()],
            step: self.step,
            seen: self.seen,
            best: self.best,
            imported: None,
        };
        Ok(Checkpoint { metadata, tensors }.write(&self.folder.join(name))?)
    }

    /// Goes on where the checkpoint in the run's folder stands.
    pub(super) fn resume(&mut self) -> Result<(), RunError> {
        let path = self.folder.join(CHECKPOINT);
        let Checkpoint { metadata, tensors } = Checkpoint::<RunMetadata>::read(&path)?;
        // Neither the threads, nor where the images lie, nor what classes are called, nor what is logged changes the result.
        let mut made_with = metadata.config;
        made_with.train.threads = self.config.train.threads;
        made_with.log = self.config.log;
        made_with.data.train.clone_from(&self.config.data.train);
        made_with.data.test.clone_from(&self.config.data.test);
        made_with.data.class_names.clone_from(&self.config.data.class_names);
        if made_with != self.config {
            return Err(RunError::Changed { path });
        }
        self.step = metadata.step;
        self.reenter_stage()?;
        self.graph.restore(&tensors.iter().map(|(name, tensor)| (name.clone(), tensor.values.clone())).collect())?;
        let parameters: Vec<(&str, usize)> =
            self.graph.parameters().iter().map(|p| (p.name.as_str(), p.values.len())).collect();
        self.optimizer.0.restore(&parameters, &|name| tensors.get(name).map(|tensor| tensor.values.as_slice()))?;
        self.seen = metadata.seen;
        self.best = metadata.best;
        Ok(())
    }

    /// Starts from the weights of the checkpoint at `path`: the float twin's, or an earlier stage's.
    pub(super) fn start_from(&mut self, path: &Path) -> Result<(), RunError> {
        let Checkpoint { metadata, tensors } = Checkpoint::<RunMetadata>::read(path)?;
        let state = tensors.into_iter().map(|(name, tensor)| (name, tensor.values)).collect();
        let before = metadata.stage().network(&metadata.normalization()?, metadata.classes.len());
        let state = without_other_steps(state, &before, self.graph.network());
        Ok(self.graph.start_from(&state)?)
    }
}

/// Without the learned steps of quantizers that have other bits now: a step belongs to its number of bits.
pub(super) fn without_other_steps(mut state: Tensors, before: &Network, now: &Network) -> Tensors {
    state.retain(|name, _| name.strip_suffix(".step").is_none_or(|layer| bits(before, layer) == bits(now, layer)));
    state
}

/// The bits of the activation quantizer called `name`; `None` where there is none.
fn bits(network: &Network, name: &str) -> Option<BitWidth> {
    network.layers.iter().find(|layer| layer.name == name).and_then(|layer| match layer.op {
        Op::Quantize(quantizer) => Some(quantizer.bits),
        _ => None,
    })
}
