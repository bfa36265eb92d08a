//! What can be wrong with a network description.

use super::resolve::Domain;
use syq_core::{CoreErrorKind, Shape, ShapeError};
use thiserror::Error;

/// A network that does not fit together; the layer is named in front.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("layer {layer:?}: {kind}")]
pub struct NetworkError {
    /// Name of the layer, or of the network where no layer is to blame.
    pub layer: String,
    /// What is wrong.
    pub kind: NetworkErrorKind,
}

/// What is wrong with a layer of a network.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum NetworkErrorKind {
    /// No layers, or an input without elements.
    #[error("the network has no layers or an empty input")]
    Empty,
    /// More layers, or larger feature maps, than any real network has.
    #[error("{what} is {found}, more than the {limit} allowed")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// Its size.
        found: u64,
        /// The largest allowed.
        limit: u64,
    },
    /// An empty or over-long name, or one with characters other than letters, digits, `.`, `_`, `-`.
    #[error("a layer name needs 1 to 100 letters, digits, '.', '_' or '-', and may not be \"input\"")]
    Name,
    /// A name that an earlier layer has.
    #[error("the name is used twice")]
    Duplicate,
    /// The wrong number of inputs.
    #[error("{op} takes {expected} inputs, found {found}")]
    Arity {
        /// Name of the operation.
        op: &'static str,
        /// Inputs found.
        found: usize,
        /// Inputs that it takes.
        expected: usize,
    },
    /// An input that no earlier layer gives.
    #[error("input {input:?} is not an earlier layer")]
    UnknownInput {
        /// The name.
        input: String,
    },
    /// Codes where floats are needed, or the other way round.
    #[error("{op} needs {expected}, its input {input:?} gives {found}")]
    Domain {
        /// Name of the operation.
        op: &'static str,
        /// Name of the input.
        input: String,
        /// What the input gives; in a box, to keep the error small.
        found: Box<Domain>,
        /// What the layer takes.
        expected: &'static str,
    },
    /// Two feature maps of different shapes.
    #[error("cannot add {left} and {right}")]
    Add {
        /// Shape of the first input.
        left: Shape,
        /// Shape of the second input.
        right: Shape,
    },
    /// A fully connected layer on a feature map that was not flattened.
    #[error("a fully connected layer needs a vector, its input is {found}; flatten it first")]
    NotVector {
        /// Shape of the input.
        found: Shape,
    },
    /// A fully connected layer has one scale.
    #[error("a fully connected layer has one scale; its granularity must be \"layer\"")]
    LinearGranularity,
    /// A layer whose output nobody uses.
    #[error("nothing uses its output, and it is not the last layer")]
    Unused,
    /// A last layer that does not give a vector of floats.
    #[error("the last layer must give a vector of floats, it gives {found} {domain}")]
    Output {
        /// Shape of the last layer.
        found: Shape,
        /// What it gives.
        domain: Domain,
    },
    /// A window or groups that do not fit.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A quantizer that cannot be.
    #[error(transparent)]
    Core(#[from] CoreErrorKind),
}
