//! The layers that the tape records: one file each, forward and backward. Their gradient checks
//! stand in `tests/gradients.rs`.

mod add;
mod batch_norm;
mod convolution;
mod distillation;
mod eight_bit;
mod loss;
mod pooling;
mod relu;
mod reshape;

pub use add::Add;
pub use batch_norm::{
    Activation, BatchNorm, BatchNormSettings, Fusion, GradientPass, OutputPass, RunningStatistics, Statistics,
};
pub use convolution::{Convolution, InputQuantizer, WeightSource};
pub use distillation::{Distillation, Distilled};
pub use loss::{CrossEntropy, Loss, Objective};
pub use pooling::{AveragePool, MaxPool};
pub use relu::Relu;
pub use reshape::Flatten;
