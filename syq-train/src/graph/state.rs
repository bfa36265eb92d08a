//! The graph's parameters and running statistics as named tensors, for checkpoints and for starting
//! from another network's.

use super::Graph;
use crate::error::TrainError;
use crate::layers::WeightSource;
use crate::optim::Group;
use crate::tape::Parameter;
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

    /// Starts from another network's weights: batch norms, biases and master weights are taken over.
    /// So are scales and learned steps, where `state` has them (a further stage of a quantized
    /// network's training); those that it lacks, or has for another granularity, start as after a
    /// float network: scales as mean |W| of their subgroups, steps from the first batch.
    ///
    /// # Errors
    /// A tensor that is missing or has another length; the graph is then unchanged.
    pub fn start_from(&mut self, state: &Tensors) -> Result<(), TrainError> {
        let fits = |name: &str, len: usize| state.get(name).is_some_and(|values| values.len() == len);
        let own: Vec<String> = self
            .parameters
            .iter()
            .filter(|p| matches!(p.group, Group::Scale | Group::Step) && !fits(&p.name, p.values.len()))
            .map(|p| p.name.clone())
            .collect();
        self.load(state, |parameter| !own.contains(&parameter.name))?;
        for plan in &self.coded {
            let WeightSource::Codebook { quantizer, scales } = plan.source else { continue };
            if own.contains(&self.parameters[scales].name) {
                let latent = &self.parameters[plan.weights].values;
                let initial = quantizer.initial_scales(&plan.name, latent, plan.shape)?;
                self.parameters[scales].values.copy_from_slice(&initial);
            }
        }
        for parameter in self.parameters.iter_mut().filter(|p| p.group == Group::Step && own.contains(&p.name)) {
            parameter.values.fill(0.0);
        }
        Ok(())
    }

    /// How much of the running statistics each batch keeps from now on; `None`: as the graph was built.
    pub fn set_decay(&mut self, decay: Option<f32>) {
        let decay = decay.unwrap_or(self.options.batch_norm.decay);
        for layer in self.batch_norms.values() {
            if let Some(running) = self.layers[*layer].running_mut() {
                running.decay = decay;
            }
        }
    }

    fn load(&mut self, state: &Tensors, wanted: impl Fn(&Parameter) -> bool) -> Result<(), TrainError> {
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
        for parameter in self.parameters.iter().filter(|p| wanted(p)) {
            values.push(find(&parameter.name, parameter.values.len())?);
        }
        let mut statistics = Vec::new();
        for (name, layer) in &self.batch_norms {
            let channels = self.layers[*layer].running().map_or(0, |running| running.mean.len());
            let mean = find(&format!("{name}.running_mean"), channels)?.clone();
            let variance = find(&format!("{name}.running_variance"), channels)?.clone();
            statistics.push((*layer, mean, variance));
        }
        for (parameter, values) in self.parameters.iter_mut().filter(|p| wanted(p)).zip(values) {
            parameter.values.copy_from_slice(values);
        }
        for (layer, mean, variance) in statistics {
            if let Some(running) = self.layers[layer].running_mut() {
                running.mean = mean;
                running.variance = variance;
            }
        }
        Ok(())
    }
}
