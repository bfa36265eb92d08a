//! The mathematics of SYQ: codebooks, subgroups, quantizers and reference layers. No files, no threads.
#![forbid(unsafe_code)]

pub mod activation;
pub mod codebook;
pub mod error;
pub mod geometry;
pub mod granularity;

pub use activation::{ActivationQuantizer, ActivationRange, BitWidth, Levels};
pub use codebook::Codebook;
pub use error::{CoreError, CoreErrorKind, ShapeError};
pub use geometry::{ConvGeometry, Padding, Shape, Window};
pub use granularity::Granularity;
