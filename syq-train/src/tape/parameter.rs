//! A parameter that learns, with its gradient.

use crate::optim::{self, Group};
use syq_pack::Aligned;

/// A named tensor that learns.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Name, unique in the network.
    pub name: String,
    /// What it is: groups have learning rates and weight decays of their own.
    pub group: Group,
    /// The values.
    pub values: Vec<f32>,
    /// ∂L/∂values of the last step.
    pub gradient: Aligned<f32>,
}

impl Parameter {
    /// A parameter with a zero gradient.
    pub fn new(name: &str, group: Group, values: Vec<f32>) -> Self {
        let gradient = Aligned::zeros(values.len());
        Self { name: name.to_owned(), group, values, gradient }
    }

    /// What an optimizer sees of it.
    pub fn for_optimizer(&mut self) -> optim::Parameter<'_> {
        optim::Parameter { name: &self.name, group: self.group, values: &mut self.values, gradient: &self.gradient }
    }
}
