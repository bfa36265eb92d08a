//! What can be wrong with a model.

use crate::network::NetworkError;
use crate::packed::PackError;
use crate::preprocess::RecipeError;
use syq_core::{CoreErrorKind, Shape};
use thiserror::Error;

/// A model whose parts do not fit together, or an input that does not fit the model.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum ModelError {
    /// The network itself does not fit together.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The parameters of a layer.
    #[error("layer {layer:?}: {kind}")]
    Layer {
        /// Name of the layer.
        layer: String,
        /// What is wrong.
        kind: ParameterError,
    },
    /// A preprocessing recipe that does not fit the network's input.
    #[error("preprocessing: {0}")]
    Preprocess(#[from] RecipeError),
    /// Not one label a logit.
    #[error("{found} labels for {expected} classes")]
    Labels {
        /// Labels found.
        found: usize,
        /// Logits of the network.
        expected: usize,
    },
    /// Not one folder a class, where the origin names any.
    #[error("{found} class folders for {expected} classes")]
    ClassFolders {
        /// Folders found.
        found: usize,
        /// Logits of the network.
        expected: usize,
    },
    /// A golden output of another length than the network's.
    #[error("the golden output has {found} logits, the network {expected}")]
    Golden {
        /// Logits found.
        found: usize,
        /// Logits of the network.
        expected: usize,
    },
    /// An input of another size than the network's.
    #[error("the input has {found} values, the network takes {expected} ({} values)", expected.len())]
    Input {
        /// Values found.
        found: usize,
        /// The network's input.
        expected: Shape,
    },
}

/// What is wrong with the parameters of a layer.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum ParameterError {
    /// Parameters under a name that no layer has.
    #[error("there are parameters ({found}), but the network has no such layer")]
    Unknown {
        /// Their kind.
        found: &'static str,
    },
    /// No parameters, or of another kind.
    #[error("needs {expected}, found {found}")]
    Kind {
        /// What the layer needs.
        expected: &'static str,
        /// What there is.
        found: &'static str,
    },
    /// Codes of the other codebook.
    #[error("the codes are {found}, the network says {expected}")]
    Codebook {
        /// Codebook of the codes.
        found: &'static str,
        /// Codebook of the layer.
        expected: &'static str,
    },
    /// Codes that cannot be packed.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// A tensor of the wrong length, a value that is not finite, or a step that is no step.
    #[error(transparent)]
    Core(#[from] CoreErrorKind),
}

impl ModelError {
    pub(crate) fn layer(layer: &str, kind: impl Into<ParameterError>) -> Self {
        Self::Layer { layer: layer.to_owned(), kind: kind.into() }
    }
}
