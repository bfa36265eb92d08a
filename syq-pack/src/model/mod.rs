//! A model: a network with its parameters and what is needed to use it.
//!
//! The fields are open, so that a trainer or a converter can fill them; whoever computes with a model
//! asks for its [`ModelView`], which exists only when everything fits.

mod error;
mod golden;
mod parameters;
mod view;

pub use error::{ModelError, ParameterError};
pub use golden::Golden;
pub use parameters::{LayerParameters, Parameters};
pub use view::{LayerView, ModelView};

use crate::network::Network;
use crate::preprocess::Preprocess;
use serde::{Deserialize, Serialize};

/// A network, its parameters, its labels and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The network.
    pub network: Network,
    /// Weights, scales, batch norms and steps by layer name.
    pub parameters: Parameters,
    /// How a picture becomes the input; `None` where the input is no RGB picture.
    pub preprocess: Option<Preprocess>,
    /// One label a logit.
    pub labels: Vec<String>,
    /// Where the model comes from.
    pub origin: Origin,
    /// An input and its logits, for `verify`.
    pub golden: Option<Golden>,
}

impl Model {
    /// A model of unknown origin, without a preprocessing recipe and a golden input.
    ///
    /// # Errors
    /// As [`Self::view`].
    pub fn new(network: Network, parameters: Parameters, labels: Vec<String>) -> Result<Self, ModelError> {
        let model = Self { network, parameters, preprocess: None, labels, origin: Origin::default(), golden: None };
        model.check()?;
        Ok(model)
    }

    /// The name that a folder of pictures of each class has in the data set: the labels, unless the origin says otherwise.
    pub fn class_folders(&self) -> &[String] {
        if self.origin.class_folders.is_empty() { &self.labels } else { &self.origin.class_folders }
    }

    /// Checks everything; the work of [`Self::view`] without its result.
    ///
    /// # Errors
    /// As [`Self::view`].
    pub fn check(&self) -> Result<(), ModelError> {
        self.view().map(|_| ())
    }
}

/// Where a model comes from. Nothing here changes what it computes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Origin {
    /// The data set that it was trained on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_set: Option<String>,
    /// The data set's folders, one a class in the order of the labels; empty where they are called like the labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub class_folders: Vec<String>,
    /// The command that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The recipe or configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// The seed of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The program and version that wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub producer: Option<String>,
    /// Top-1 accuracy, as counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top1: Option<Accuracy>,
}

/// Pictures classified right, of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// Pictures whose largest logit is the label's.
    pub right: u64,
    /// Pictures.
    pub total: u64,
}

impl Accuracy {
    /// right / total, or 0 of nothing.
    pub fn fraction(&self) -> f64 {
        if self.total == 0 { 0.0 } else { self.right as f64 / self.total as f64 }
    }
}
