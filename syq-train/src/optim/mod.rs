//! Optimizers and learning-rate schedules.
//!
//! An optimizer sees a list of [`Parameter`]s, each with a [`Group`] that decides its learning-rate
//! multiplier and weight decay. Its state is flat named f32 tensors, so that a checkpoint can hold it.

pub mod adam;
pub mod schedule;
pub mod sgd;

pub use adam::{Adam, AdamOptions};
pub use schedule::{Decay, Schedule};
pub use sgd::{Momentum, Sgd, SgdOptions};

use crate::parallel::Workers;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What kind of parameter something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Weights of convolutions, quantized or not.
    Weight,
    /// Weights of fully connected layers, quantized or not.
    Linear,
    /// The scales α of quantized weights.
    Scale,
    /// Batch norm's scale and offset.
    BatchNorm,
    /// Biases.
    Bias,
    /// Learned steps of activation quantizers.
    Step,
}

/// A value for each group.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerGroup {
    /// For [`Group::Weight`].
    pub weight: f32,
    /// For [`Group::Linear`].
    pub linear: f32,
    /// For [`Group::Scale`].
    pub scale: f32,
    /// For [`Group::BatchNorm`].
    pub batch_norm: f32,
    /// For [`Group::Bias`].
    pub bias: f32,
    /// For [`Group::Step`].
    pub step: f32,
}

impl PerGroup {
    /// The same value for every group.
    pub const fn all(value: f32) -> Self {
        Self { weight: value, linear: value, scale: value, batch_norm: value, bias: value, step: value }
    }

    /// The value for one group.
    pub const fn of(&self, group: Group) -> f32 {
        match group {
            Group::Weight => self.weight,
            Group::Linear => self.linear,
            Group::Scale => self.scale,
            Group::BatchNorm => self.batch_norm,
            Group::Bias => self.bias,
            Group::Step => self.step,
        }
    }
}

/// One parameter for one step of an optimizer.
#[derive(Debug)]
pub struct Parameter<'a> {
    /// Its name: unique in a network, and the same from step to step.
    pub name: &'a str,
    /// What it is.
    pub group: Group,
    /// The values, which the optimizer changes.
    pub values: &'a mut [f32],
    /// ∂L/∂values.
    pub gradient: &'a [f32],
}

/// One named tensor of an optimizer's state.
#[derive(Clone, Debug, PartialEq)]
pub struct StateTensor {
    /// Name: the kind of state, a slash and the parameter's name; `adam/steps` alone has no parameter.
    pub name: String,
    /// The values.
    pub values: Vec<f32>,
}

/// A parameter or state tensor that does not fit.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptimError {
    /// Another number of parameters than in the step before.
    #[error("{found} parameters, the optimizer has state for {expected}")]
    Count {
        /// Parameters given.
        found: usize,
        /// Parameters known.
        expected: usize,
    },
    /// Another parameter than in the step before at this place.
    #[error("parameter {found:?} where {expected:?} was expected")]
    Order {
        /// Its name.
        found: String,
        /// The name known.
        expected: String,
    },
    /// Lengths that differ.
    #[error("parameter {name:?}: {what} has {found} elements, expected {expected}")]
    Length {
        /// The parameter.
        name: String,
        /// Which tensor.
        what: &'static str,
        /// Its elements.
        found: usize,
        /// Elements that it should have.
        expected: usize,
    },
    /// State that is absent from a checkpoint.
    #[error("the optimizer's state {name:?} is missing")]
    Missing {
        /// Its name.
        name: String,
    },
    /// State that is not a number of steps.
    #[error("the optimizer's state {name:?} is not a number of steps")]
    Steps {
        /// Its name.
        name: String,
    },
}

/// Something that changes parameters along their gradients.
pub trait Optimizer: Send {
    /// One step with this learning rate (the schedule's; groups multiply it), the same with any number of workers. The
    /// parameters must be the same, in the same order, at each step.
    ///
    /// # Errors
    /// Another list of parameters than before, or lengths that differ; then nothing has changed.
    fn step(
        &mut self,
        workers: &Workers,
        learning_rate: f32,
        parameters: &mut [Parameter<'_>],
    ) -> Result<(), OptimError>;

    /// The state, to be stored in a checkpoint; empty before the first step.
    fn state(&self) -> Vec<StateTensor>;

    /// Restores a state for parameters of these names and lengths, in the order of later steps. `find` looks a state tensor
    /// up by name.
    ///
    /// # Errors
    /// State that is missing or of another length; then nothing has changed.
    fn restore<'s>(
        &mut self,
        parameters: &[(&str, usize)],
        find: &dyn Fn(&str) -> Option<&'s [f32]>,
    ) -> Result<(), OptimError>;
}

/// Buffers that go with a list of parameters: `N` of each parameter's length.
#[derive(Clone, Debug)]
struct Slots<const N: usize> {
    kinds: [&'static str; N],
    slots: Vec<(String, [Vec<f32>; N])>,
}

/// A stretch of a parameter with its gradient and state.
#[derive(Debug)]
struct Piece<'a, const N: usize> {
    group: Group,
    values: &'a mut [f32],
    gradient: &'a [f32],
    state: [&'a mut [f32]; N],
}

impl<const N: usize> Slots<N> {
    /// Calls `update` with stretches of all parameters, which have been checked.
    fn update(
        &mut self,
        workers: &Workers,
        parameters: &mut [Parameter<'_>],
        update: impl Fn(&mut Piece<'_, N>) + Sync,
    ) {
        /// Elements: a fraction of an L2 cache, and enough to be worth handing over.
        const STRETCH: usize = 1 << 14;
        let mut pieces = Vec::new();
        for (parameter, (_, buffers)) in parameters.iter_mut().zip(&mut self.slots) {
            let mut state = buffers.each_mut().map(|buffer| buffer.chunks_mut(STRETCH));
            for (values, gradient) in parameter.values.chunks_mut(STRETCH).zip(parameter.gradient.chunks(STRETCH)) {
                let state = state.each_mut().map(|chunks| chunks.next().unwrap_or_default());
                pieces.push(Piece { group: parameter.group, values, gradient, state });
            }
        }
        workers.chunks(&mut pieces, 1, |_, pieces| pieces.iter_mut().for_each(&update));
    }

    const fn new(kinds: [&'static str; N]) -> Self {
        Self { kinds, slots: Vec::new() }
    }

    /// Checks the parameters against the buffers, which the first call makes.
    fn check(&mut self, parameters: &[Parameter<'_>]) -> Result<(), OptimError> {
        let known = !self.slots.is_empty();
        if known && self.slots.len() != parameters.len() {
            return Err(OptimError::Count { found: parameters.len(), expected: self.slots.len() });
        }
        for (index, parameter) in parameters.iter().enumerate() {
            let expected = parameter.values.len();
            let name = || parameter.name.to_owned();
            if parameter.gradient.len() != expected {
                let found = parameter.gradient.len();
                return Err(OptimError::Length { name: name(), what: "the gradient", found, expected });
            }
            let Some((slot, buffers)) = self.slots.get(index) else { continue };
            if slot != parameter.name {
                return Err(OptimError::Order { found: name(), expected: slot.clone() });
            }
            if let Some(found) = buffers.iter().map(Vec::len).find(|&found| found != expected) {
                return Err(OptimError::Length { name: name(), what: "the optimizer's state", found, expected });
            }
        }
        if !known {
            let slot = |p: &Parameter<'_>| (p.name.to_owned(), std::array::from_fn(|_| vec![0.0; p.values.len()]));
            self.slots = parameters.iter().map(slot).collect();
        }
        Ok(())
    }

    fn state(&self) -> Vec<StateTensor> {
        let named = |(name, buffers): &(String, [Vec<f32>; N])| {
            let tensor = |(kind, values): (&&str, &Vec<f32>)| StateTensor {
                name: format!("{kind}/{name}"),
                values: values.clone(),
            };
            self.kinds.iter().zip(buffers).map(tensor).collect::<Vec<_>>()
        };
        self.slots.iter().flat_map(named).collect()
    }

    fn restored<'s>(
        &self,
        parameters: &[(&str, usize)],
        find: &dyn Fn(&str) -> Option<&'s [f32]>,
    ) -> Result<Self, OptimError> {
        let mut slots = Vec::with_capacity(parameters.len());
        for &(parameter, expected) in parameters {
            let mut buffers: [Vec<f32>; N] = std::array::from_fn(|_| Vec::new());
            for (kind, buffer) in self.kinds.iter().zip(&mut buffers) {
                let name = format!("{kind}/{parameter}");
                let values = find(&name).ok_or_else(|| OptimError::Missing { name: name.clone() })?;
                if values.len() != expected {
                    return Err(OptimError::Length { name, what: "the stored state", found: values.len(), expected });
                }
                buffer.extend_from_slice(values);
            }
            slots.push((parameter.to_owned(), buffers));
        }
        Ok(Self { kinds: self.kinds, slots })
    }
}
