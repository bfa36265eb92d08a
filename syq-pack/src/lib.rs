//! The network as data, weights packed to 1 or 2 bits, and the model file.
#![forbid(unsafe_code)]

pub mod network;
pub mod preprocess;
pub mod zoo;

pub use network::{Network, NetworkError};
pub use preprocess::Preprocess;
