//! What can go wrong while a network is built or trained.

use syq_core::CoreError;
use syq_pack::{NetworkError, PackError};
use thiserror::Error;

/// An error of the trainer's network and its passes.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// Weights or activations that cannot be quantized.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// A network that does not fit together.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Codes that cannot be packed.
    #[error("layer {layer:?}: {source}")]
    Pack {
        /// Name of the layer.
        layer: String,
        /// Why.
        source: PackError,
    },
    /// A layer that the trainer cannot place.
    #[error("layer {layer:?}: {reason}")]
    Unsupported {
        /// Name of the layer.
        layer: String,
        /// Why.
        reason: &'static str,
    },
    /// A tensor of another length than the network has.
    #[error("{name:?} has {found} values, the network needs {expected}")]
    Length {
        /// Name of the tensor.
        name: String,
        /// Values found.
        found: usize,
        /// Values needed.
        expected: usize,
    },
    /// A tensor that is missing.
    #[error("{name:?} is missing")]
    Missing {
        /// Name of the tensor.
        name: String,
    },
    /// A loss that is no number.
    #[error("the loss is {loss} at step {step}: lower the learning rate, or start from a better network")]
    Diverged {
        /// The loss.
        loss: f64,
        /// The step.
        step: usize,
    },
}
