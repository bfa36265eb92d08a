//! The network as data, weights packed to 1 or 2 bits, and the model file.
#![forbid(unsafe_code)]

pub mod digest;
pub mod file;
pub mod model;
pub mod network;
pub mod packed;
pub mod preprocess;
pub mod random;
pub mod reference;
pub mod zoo;

pub use digest::digest;
pub use file::{FileError, FormatError};
pub use model::{Golden, LayerParameters, LayerView, Model, ModelError, ModelView, Origin, Parameters};
pub use network::{Network, NetworkError};
pub use packed::{PackError, PackedCodes};
pub use preprocess::Preprocess;
