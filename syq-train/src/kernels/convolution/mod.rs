//! The direct convolution of the trainer in all three passes, over batches.
//!
//! Nothing is lowered to a matrix: each pass walks a zero-padded copy of one image in four-byte
//! elements (f32, two bf16 or four codes), or, where float sums may be rounded otherwise, goes by
//! Winograd's tiles. The forward pass of quantized layers sums each subgroup's integers
//! exactly and follows the numeric contract bit for bit, in either precision. Work goes by units of
//! images; weight gradients go into a fixed number of partial sums that are added in order, so the
//! bytes do not depend on the number of threads.

mod backward;
mod computed;
mod forward;
mod operand;
mod pack;
mod plan;
mod straight_through;
mod walk;
mod weight_gradient;
mod winograd;

#[cfg(test)]
mod tests;

use super::elementwise::{BatchNormGradient, ChannelAffine};
use super::isa::{Isa, Precision};
use crate::parallel::Workers;
use operand::Packing;
use syq_core::{ConvGeometry, Granularity, Levels};

/// The input of a convolution: `[image][row][column][channel]`.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    values: &'a [f32],
    affine: Option<&'a ChannelAffine>,
    levels: Option<Levels>,
}

impl<'a> Input<'a> {
    /// Floats, used as they are.
    pub fn float(values: &'a [f32]) -> Self {
        Self { values, affine: None, levels: None }
    }

    /// Floats that the convolution quantizes; it then works on their codes.
    pub fn quantized(values: &'a [f32], levels: Levels) -> Self {
        Self::float(values).with(Some(levels))
    }

    /// With these levels, or none.
    pub fn with(self, levels: Option<Levels>) -> Self {
        Self { levels, ..self }
    }

    /// The values still have to go through `affine`, before any quantizer: a batch norm that nobody
    /// else reads is never stored.
    pub fn through(self, affine: Option<&'a ChannelAffine>) -> Self {
        Self { affine, ..self }
    }
}

/// The weights, `[filter][kernel row][kernel column][channel]`.
#[derive(Clone, Copy, Debug)]
pub enum Weights<'a> {
    /// Floats.
    Float(&'a [f32]),
    /// Codes −1, 0, +1 with scales α.
    Codes {
        /// The codes.
        codes: &'a [i8],
        /// One scale a subgroup.
        scales: &'a [f32],
        /// The subgroups.
        granularity: Granularity,
    },
    /// Codes −127 to +127, whose sums are not scaled but by the input's step.
    Integers(&'a [i8]),
}

/// What happens to the values that a gradient buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GradMode {
    /// They are overwritten.
    Overwrite,
    /// The gradient is added to them.
    Accumulate,
}

/// The gradient of a convolution's output: `dy` itself, or a·dy + b·z + c where a batch norm behind the
/// convolution left its last pass to be done here.
#[derive(Clone, Copy, Debug)]
pub struct OutputGradient<'a> {
    /// `[image][row][column][filter]`.
    pub dy: &'a [f32],
    /// The factors, and z, the convolution's output.
    pub normalized: Option<(&'a BatchNormGradient, &'a [f32])>,
}

/// Where the gradient of a convolution's input goes.
#[derive(Debug)]
pub struct InputGradient<'a> {
    /// The buffer, `[image][row][column][channel]`.
    pub dx: &'a mut [f32],
    /// What happens to its values.
    pub mode: GradMode,
    /// The batch norm that made the input, if its first backward pass is to be done here: the
    /// gradient is zeroed where the input is not above the floor, and summed.
    pub producer: Option<Producer<'a>>,
}

/// A batch norm as its consumer needs it.
#[derive(Clone, Copy, Debug)]
pub struct Producer<'a> {
    /// Its input.
    pub z: &'a [f32],
    /// 0 behind a ReLU, else −∞.
    pub floor: f32,
}

/// What a backward pass sums.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BackwardSums {
    /// What the gradient of a learned step consists of, Σ ∂L/∂(u·s) · ∂(u·s)/∂s (LSQ), else 0.
    pub step: f64,
    /// Σ dy and Σ dy·z of each channel of the producer.
    pub producer: Option<[Vec<f64>; 2]>,
}

/// Σ x and Σ x² of each channel over a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelSums {
    /// Σ x.
    pub sum: Vec<f64>,
    /// Σ x².
    pub sum_of_squares: Vec<f64>,
}

/// One convolution, ready for batches of any size.
#[derive(Clone, Copy, Debug)]
pub struct ConvOp {
    geometry: ConvGeometry,
    precision: Precision,
    /// Of the backward pass.
    gradients: Precision,
    isa: Isa,
}

impl ConvOp {
    /// A convolution with operands of `precision` on `isa`; f32 where `isa` has no bf16
    /// ([`Isa::check`] tells).
    pub fn new(geometry: ConvGeometry, precision: Precision, isa: Isa) -> Self {
        let isa = if isa.is_available() { isa } else { Isa::Portable };
        let precision = if isa.check(precision).is_ok() { precision } else { Precision::F32 };
        Self { geometry, precision, gradients: precision, isa }
    }

    /// With operands of another precision in the backward pass; f32 where the instruction set has no bf16.
    pub fn with_gradients_in(self, precision: Precision) -> Self {
        Self { gradients: Self::new(self.geometry, precision, self.isa).precision, ..self }
    }

    /// The geometry.
    pub fn geometry(&self) -> &ConvGeometry {
        &self.geometry
    }

    fn packing(&self) -> Packing {
        match self.precision {
            Precision::F32 => Packing::Single,
            Precision::Bf16 => Packing::ChannelPairs,
        }
    }

    /// A fully connected layer as a convolution whose pixels are the images, so that a tile has more
    /// than one pixel and the weights are read once for many images.
    fn over_vectors(&self, batch: usize) -> Self {
        const MOST: usize = 32;
        let mut op = *self;
        let g = &mut op.geometry;
        if [g.input.height, g.input.width] == [1, 1] && g.window.kernel == [1, 1] {
            let images = (1..=MOST.min(batch)).rev().find(|images| batch.is_multiple_of(*images)).unwrap_or(1);
            (g.input.width, g.output.width) = (images, images);
        }
        op
    }

    /// z = x * w for every image, and the channel sums of z.
    ///
    /// With codes on both sides z = Σ_i fma(α_i·s, S_i, z) over the subgroups in ascending order,
    /// S_i exact: what the engine computes, bit for bit.
    ///
    /// # Panics
    /// If `x` has fewer images than `z`, or the weights are not the geometry's.
    pub fn forward(&self, workers: &Workers, x: Input<'_>, w: Weights<'_>, z: &mut [f32]) -> ChannelSums {
        let op = self.over_vectors(z.len() / self.geometry.output.len());
        forward::run(&op, workers, x, w, z)
    }

    /// From the gradient of z: that of the dequantized weights into `dw`, and, if wanted, that of
    /// the input (before its quantizer, straight-through) into or onto a buffer.
    ///
    /// # Panics
    /// If an input or its gradient has fewer images than `dz`, or the weights are not the geometry's.
    pub fn backward(
        &self,
        workers: &Workers,
        x: Input<'_>,
        w: Weights<'_>,
        dz: OutputGradient<'_>,
        dx: Option<InputGradient<'_>>,
        dw: &mut [f32],
    ) -> BackwardSums {
        let over_vectors = self.over_vectors(dz.dy.len() / self.geometry.output.len());
        let op = Self { precision: self.gradients, ..over_vectors };
        backward::run(&op, workers, x, w, dz, dx, dw)
    }
}
