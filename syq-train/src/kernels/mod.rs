//! The trainer's kernels: the direct convolution, max pooling and the passes over whole feature maps.
//!
//! `unsafe` is allowed in this folder alone, for entering an instruction set that was detected.

mod convolution;
pub mod elementwise;
mod isa;
mod lanes;
mod max_pool;

pub use convolution::{
    BackwardSums, ChannelSums, ConvOp, GradMode, Input, InputGradient, OutputGradient, Producer, Weights,
};
pub use elementwise::{BatchNormGradient, ChannelAffine};
pub use isa::{Isa, Precision, PrecisionError};
pub use max_pool::Pooling;
