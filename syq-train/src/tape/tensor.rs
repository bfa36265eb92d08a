//! A batch of feature maps.

use crate::aligned::Aligned;
use crate::kernels::{ChannelAffine, ChannelSums};
use syq_core::Shape;

/// A batch of feature maps, `[image][row][column][channel]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Shape of one image.
    pub shape: Shape,
    /// The values of all images; none, if the only reader computes them from `affine`.
    pub values: Aligned,
    /// Σ x and Σ x² of each channel over the batch, where the layer that made the value had them
    /// at hand: a batch norm then need not read it for its statistics.
    pub sums: Option<ChannelSums>,
    /// How a batch norm made the values from its input, or how its only reader has to.
    pub affine: Option<ChannelAffine>,
}

impl Tensor {
    /// A batch of which nothing else is known.
    pub fn new(shape: Shape, values: impl Into<Aligned>) -> Self {
        Self { shape, values: values.into(), sums: None, affine: None }
    }
}
