//! The mathematics of SYQ, "Learning Symmetric Quantization for Efficient Deep Neural Networks"
//! (Faraone, Fraser, Blott, Leong, CVPR 2018): codebooks, subgroups and their scales, the weight and
//! activation quantizers forward and backward, and the reference layers that define what every
//! executor must compute. No files, no threads, no unsafe code.
//!
//! Dependencies: `thiserror` derives the error types; `serde` lets the types here stand in the
//! network description of `syq-pack`.
#![forbid(unsafe_code)]

pub mod activation;
pub mod codebook;
pub mod eight_bit;
pub mod error;
pub mod geometry;
pub mod granularity;
pub mod normalization;
pub mod reference;
pub mod straight_through;
mod stretch;
pub mod weights;

pub use activation::{ActivationQuantizer, ActivationRange, BitWidth, Levels};
pub use codebook::Codebook;
pub use eight_bit::EightBitWeights;
pub use error::{CoreError, CoreErrorKind, ShapeError};
pub use geometry::{ConvGeometry, Padding, Shape, Window};
pub use granularity::Granularity;
pub use normalization::WeightNormalization;
pub use straight_through::WeightGradient;
pub use weights::{WeightGradients, WeightQuantizer, WeightShape};
