//! A batch of feature maps.

use crate::kernels::{ChannelAffine, ChannelSums};
use syq_core::Shape;
use syq_pack::Aligned;

/// A batch of feature maps, `[image][row][column][channel]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Shape of one image.
    pub shape: Shape,
    /// The values of all images; none, if the only reader computes them from `affine`.
    pub values: Aligned<f32>,
    /// Σ x and Σ x² of each channel over the batch, where the layer that made the value had them
    /// at hand: a batch norm then need not read it for its statistics.
    pub sums: Option<ChannelSums>,
    /// How a batch norm made the values from its input, or how its only reader has to.
    pub affine: Option<ChannelAffine>,
}

impl Tensor {
    /// A batch of which nothing else is known.
    pub fn new(shape: Shape, values: impl Into<Aligned<f32>>) -> Self {
        Self { shape, values: values.into(), sums: None, affine: None }
    }
}
