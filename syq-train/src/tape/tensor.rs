//! A batch of feature maps.

use crate::kernels::ChannelSums;
use syq_core::Shape;

/// A batch of feature maps, `[image][row][column][channel]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Shape of one image.
    pub shape: Shape,
    /// The values of all images.
    pub values: Vec<f32>,
    /// Σ x and Σ x² of each channel over the batch, where the layer that made the value had them
    /// at hand: a batch norm then need not read it for its statistics.
    pub sums: Option<ChannelSums>,
}

impl Tensor {
    /// A batch without channel sums.
    pub fn new(shape: Shape, values: Vec<f32>) -> Self {
        Self { shape, values, sums: None }
    }
}
