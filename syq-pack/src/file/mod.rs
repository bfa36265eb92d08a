//! The model file: safetensors with one metadata key, `syq`, that holds canonical JSON.
//!
//! The same model gives the same bytes, and a reader takes nothing on trust: see
//! `docs/file-format.md` for the format and [`FormatError`] for what is refused.

mod canonical;
mod data;
#[cfg(feature = "fs")]
mod disk;
mod error;
mod header;
mod metadata;
mod read;
mod tensors;
mod write;

pub use error::{FileError, FileErrorKind, FormatError};

use crate::limits::ModelLimits;
use crate::model::Model;

impl Model {
    /// The bytes of the model file: the same for the same model.
    ///
    /// # Errors
    /// A model that does not fit together.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FormatError> {
        write::to_bytes(self)
    }

    /// The model in the bytes of a model file. Any alignment will do. What is allocated is bounded by
    /// the number of bytes, and tensors are copied only when everything around them was checked.
    ///
    /// # Errors
    /// The first thing that is wrong, with the tensor's or layer's name.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        Self::from_bytes_within(bytes, &ModelLimits::DEFAULT)
    }

    /// [`Self::from_bytes`] with limits of one's own.
    ///
    /// # Errors
    /// As [`Self::from_bytes`], or the first limit that is exceeded.
    pub fn from_bytes_within(bytes: &[u8], limits: &ModelLimits) -> Result<Self, FormatError> {
        read::from_bytes(bytes, limits)
    }
}
