//! What can be wrong with a file of weights.

use super::Mismatch;
use crate::config::ConfigErrorKind;
use crate::error::TrainError;
use crate::run::RunError;
use std::path::PathBuf;
use syq_pack::{ModelError, NetworkError};
use thiserror::Error;

/// A file of weights that cannot be imported; names it.
#[derive(Debug, Error)]
#[error("{path}: {kind}", path = path.display())]
pub struct ImportError {
    /// The file.
    pub path: PathBuf,
    /// Why it cannot be imported.
    pub kind: ImportErrorKind,
}

/// Why a file cannot be imported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportErrorKind {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// More bytes than are read into memory.
    #[error("{bytes} bytes are too many")]
    TooLarge {
        /// Bytes of the file.
        bytes: u64,
    },
    /// Not a safetensors file.
    #[error("not a safetensors file ({0}); a .pth file is converted as docs/import.md shows")]
    Format(#[from] safetensors::SafeTensorError),
    /// A description in the metadata that is none.
    #[error("metadata key \"syq\": {0}")]
    Metadata(serde_json::Error),
    /// The file's description and the caller's differ.
    #[error("{key}: the file says {file}, but {given} was given")]
    Contradiction {
        /// The key.
        key: &'static str,
        /// The file's value, as JSON.
        file: String,
        /// The other one.
        given: String,
    },
    /// Something that neither the file nor the caller says.
    #[error("{key} is missing: {reason}; neither the file's metadata nor the command line says it")]
    Needs {
        /// The key.
        key: &'static str,
        /// What it is.
        reason: &'static str,
    },
    /// An ε of batch norm that is none.
    #[error("batch_norm_epsilon = {epsilon}: must be positive and finite")]
    Epsilon {
        /// The value.
        epsilon: f64,
    },
    /// A key of the description that is out of range or contradicts another.
    #[error(transparent)]
    Config(#[from] ConfigErrorKind),
    /// A short side that is smaller than the network's pictures.
    #[error("short_side = {pixels}: must be {image} or more, the network's picture")]
    ShortSide {
        /// Pixels of the short side.
        pixels: usize,
        /// Height and width of the network's pictures.
        image: usize,
    },
    /// Two tensors whose names differ only in what is stripped.
    #[error("the tensors {first:?} and {second:?} both stand for {name:?}")]
    Ambiguous {
        /// One name.
        first: String,
        /// The other.
        second: String,
        /// What is left of both.
        name: String,
    },
    /// Tensors that do not fit the network: all of them.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// A value that is NaN or infinite.
    #[error("tensor {name:?}: value {index} is {value}")]
    NotFinite {
        /// The tensor.
        name: String,
        /// Index of the first such value.
        index: usize,
        /// The value.
        value: f32,
    },
    /// A running variance that no batch norm can have.
    #[error("tensor {name:?}: value {index} is {value}, but a variance is not negative")]
    Variance {
        /// The tensor.
        name: String,
        /// Index of the first such value.
        index: usize,
        /// The value.
        value: f32,
    },
    /// A network that cannot be built for these pictures.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Weights that cannot be quantized.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Parameters that no model can have, such as a step that is not positive.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A run that cannot be written.
    #[error(transparent)]
    Run(#[from] Box<RunError>),
}
