//! What can be wrong with a model file.

use crate::model::ModelError;
use crate::packed::PackError;
use std::path::PathBuf;
use thiserror::Error;

/// A model file that cannot be read or written.
#[derive(Debug, Error)]
#[error("{}: {kind}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub kind: FileErrorKind,
}

/// What is wrong with a file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileErrorKind {
    /// What the file system says.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A pipe, a device or a socket.
    #[error("not a file but a pipe, a device or a socket; read its bytes instead")]
    NotAFile,
    /// Its contents.
    #[error(transparent)]
    Format(#[from] FormatError),
}

/// Bytes that are not a model file.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum FormatError {
    /// Fewer bytes than the length of the header takes, or than the header says there are.
    #[error("the file ends early: {found} bytes where at least {expected} are needed")]
    Truncated {
        /// Bytes found.
        found: usize,
        /// Bytes needed.
        expected: u64,
    },
    /// More bytes than a model may have.
    #[error("the file has {found} bytes, more than the {limit} allowed")]
    Length {
        /// Bytes found.
        found: u64,
        /// Most bytes.
        limit: u64,
    },
    /// A header larger than any model's.
    #[error("the header has {found} bytes, more than the {limit} allowed")]
    HeaderLength {
        /// Its length.
        found: u64,
        /// The largest allowed.
        limit: u64,
    },
    /// A header that is not the JSON of a safetensors file.
    #[error("the header is not a safetensors header: {message}")]
    Header {
        /// What the parser says.
        message: String,
    },
    /// A name that the header has twice.
    #[error("the header names {name:?} twice")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A safetensors file without our metadata.
    #[error("the file has no \"syq\" metadata: it is not a SYQ model")]
    NoMetadata,
    /// Metadata of somebody else.
    #[error("the metadata has the unknown key {key:?}")]
    MetadataKey {
        /// The key.
        key: String,
    },
    /// Metadata that does not parse.
    #[error("the \"syq\" metadata: {message}")]
    Metadata {
        /// What the parser says.
        message: String,
    },
    /// A field that this version does not know, and must not ignore.
    #[error("the \"syq\" metadata has the unknown field {path:?}")]
    UnknownField {
        /// Where it stands.
        path: String,
    },
    /// Another schema than the one that this version reads.
    #[error("the file has schema {found:?}, this version reads {supported:?}")]
    Schema {
        /// Schema found.
        found: String,
        /// The schema of this version.
        supported: &'static str,
    },
    /// A tensor that no layer has.
    #[error("tensor {name:?} belongs to no layer of the network")]
    UnknownTensor {
        /// Name of the tensor.
        name: String,
    },
    /// A tensor that a layer needs.
    #[error("tensor {name:?} is missing")]
    MissingTensor {
        /// Name of the tensor.
        name: String,
    },
    /// A tensor of another type.
    #[error("tensor {name:?} has type {found:?}, expected {expected:?}")]
    Type {
        /// Name of the tensor.
        name: String,
        /// Type found.
        found: String,
        /// Type that the layer needs.
        expected: &'static str,
    },
    /// A tensor of another shape.
    #[error("tensor {name:?} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Name of the tensor.
        name: String,
        /// Shape found.
        found: Vec<u64>,
        /// Shape that the layer needs.
        expected: Vec<u64>,
    },
    /// Tensors that overlap, leave gaps, run backwards or have another length than their shape says.
    #[error("tensor {name:?} lies at bytes {found:?}, expected {expected:?}")]
    Offsets {
        /// Name of the tensor.
        name: String,
        /// Offsets found.
        found: [u64; 2],
        /// Offsets that follow from the tensor before it and from its shape.
        expected: [u64; 2],
    },
    /// Bytes behind the last tensor, or too few for it.
    #[error("the tensors take {expected} bytes, the file has {found}")]
    DataLength {
        /// Bytes behind the header.
        found: u64,
        /// Bytes that the tensors take.
        expected: u64,
    },
    /// Contents that were changed.
    #[error("the contents have SHA-256 {found}, the file says {expected}")]
    Digest {
        /// SHA-256 of the contents.
        found: String,
        /// SHA-256 that the file names.
        expected: String,
    },
    /// A tensor that was changed.
    #[error("tensor {name:?} is damaged: its SHA-256 begins with {found}, the file says {expected}")]
    TensorDigest {
        /// Name of the tensor.
        name: String,
        /// First digits of the SHA-256 of its bytes.
        found: String,
        /// The digits that the file names.
        expected: String,
    },
    /// Packed codes that are none.
    #[error("tensor {name:?}: {error}")]
    Codes {
        /// Name of the tensor.
        name: String,
        /// What is wrong with them.
        error: PackError,
    },
    /// A model that does not fit together.
    #[error(transparent)]
    Model(#[from] ModelError),
}
