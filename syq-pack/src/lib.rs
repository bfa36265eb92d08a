//! The network as data, weights packed to 1 or 2 bits, and the model file.
//!
//! A [`Network`] is a list of typed layers; [`zoo`] builds the known ones. A [`Model`] is a network with
//! its parameters, and [`Model::view`] the proof that they fit. [`file`](mod@file) writes and reads models;
//! [`reference`](mod@reference) runs them with plain loops and defines what every other executor must give.
//! [`Aligned`] is memory that begins at a cache line, for the kernels of the crates that depend on this one.
//!
//! Dependencies: `serde` and `serde_json` for the metadata of the file; `sha2` for its digest; `tempfile`
//! to write it beside its destination and rename it; `thiserror` derives the error types. The tests
//! also use `proptest`, and `safetensors` to show that the files are what they say. The crate itself
//! parses the header, because `safetensors` accepts duplicate names.
#![forbid(unsafe_code)]

pub mod aligned;
pub mod digest;
pub mod file;
#[cfg(doc)]
pub mod guide;
pub mod limits;
pub mod model;
pub mod network;
pub mod packed;
pub mod preprocess;
pub mod random;
pub mod reference;
pub mod zoo;

pub use aligned::Aligned;
pub use digest::digest;
pub use file::{FileError, FormatError};
pub use limits::ModelLimits;
pub use model::{Golden, LayerParameters, LayerView, Model, ModelError, ModelView, Origin, Parameters};
pub use network::{Network, NetworkError};
pub use packed::{PackError, PackedCodes};
pub use preprocess::Preprocess;
