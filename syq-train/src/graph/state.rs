//! The graph's parameters and running statistics as named tensors, for checkpoints and for starting
//! from another network's.

use super::Graph;
use crate::error::TrainError;
use crate::layers::{RunningStatistics, WeightSource};
use crate::optim::Group;
use std::collections::BTreeMap;

/// Named tensors, in the order of their names.
pub type Tensors = BTreeMap<String, Vec<f32>>;

impl Graph {
    /// Every parameter and running statistic.
    pub fn state(&self) -> Tensors {
        let mut state: Tensors = self.parameters.iter().map(|p| (p.name.clone(), p.values.clone())).collect();
        for (name, layer) in &self.batch_norms {
            if let Some(running) = self.layers[*layer].running() {
                state.insert(format!("{name}.running_mean"), running.mean.clone());
                state.insert(format!("{name}.running_variance"), running.variance.clone());
            }
        }
        state
    }

    /// Restores what [`Self::state`] gave.
    ///
    /// # Errors
    /// A tensor that is missing or has another length; the graph is then unchanged.
    pub fn restore(&mut self, state: &Tensors) -> Result<(), TrainError> {
        self.load(state, |_| true)
    }

    /// Starts from another network's weights, such as the float twin's: batch norms, biases and
    /// master weights are taken over, the scales become mean |W| of their subgroups, and learned
    /// steps are set by the first batch.
    ///
    /// # Errors
    /// A tensor that is missing or has another length; the graph is then unchanged.
    pub fn start_from(&mut self, state: &Tensors) -> Result<(), TrainError> {
        self.load(state, |kind| !matches!(kind, Group::Scale | Group::Step))?;
        for plan in &self.coded {
            let WeightSource::Codebook { quantizer, scales } = plan.source else { continue };
            let latent = &self.parameters[plan.weights].values;
            let initial = quantizer.initial_scales(&plan.name, latent, plan.shape)?;
            self.parameters[scales].values.copy_from_slice(&initial);
        }
        for parameter in self.parameters.iter_mut().filter(|p| p.group == Group::Step) {
            parameter.values.fill(0.0);
        }
        Ok(())
    }

    fn load(&mut self, state: &Tensors, wanted: impl Fn(Group) -> bool) -> Result<(), TrainError> {
        let find = |name: &str, expected: usize| {
            let missing = || TrainError::Missing { name: name.to_owned() };
            let values = state.get(name).ok_or_else(missing)?;
            if values.len() != expected {
                return Err(TrainError::Length { name: name.to_owned(), found: values.len(), expected });
            }
            Ok(values)
        };
        // Everything is looked up before anything changes.
        let mut values = Vec::new();
        for parameter in self.parameters.iter().filter(|p| wanted(p.group)) {
            values.push(find(&parameter.name, parameter.values.len())?);
        }
        let mut statistics = Vec::new();
        for (name, layer) in &self.batch_norms {
            let channels = self.layers[*layer].running().map_or(0, |running| running.mean.len());
            let mean = find(&format!("{name}.running_mean"), channels)?.clone();
            let variance = find(&format!("{name}.running_variance"), channels)?.clone();
            statistics.push((*layer, RunningStatistics { mean, variance }));
        }
        for (parameter, values) in self.parameters.iter_mut().filter(|p| wanted(p.group)).zip(values) {
            parameter.values.copy_from_slice(values);
        }
        for (layer, statistics) in statistics {
            if let Some(running) = self.layers[layer].running_mut() {
                *running = statistics;
            }
        }
        Ok(())
    }
}
