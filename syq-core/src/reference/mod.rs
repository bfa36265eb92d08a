//! The reference layers: the definitions written as plain loops, slow and obvious.
//!
//! Every kernel of the engine must equal these bit for bit; they are the numeric contract in code.
//! A product is always added with a fused multiply-add.

mod convolution;
mod eight_bit;
mod elementwise;
mod pooling;

pub use convolution::{CodedWeights, check_exact, coded_convolution, effective_scales, float_convolution};
pub use eight_bit::eight_bit_convolution;
pub use elementwise::{add, affine, relu};
pub use pooling::{average_pool, max_pool};
