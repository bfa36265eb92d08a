//! The SYQ weight quantizer: float master weights to codes, and the straight-through backward pass.
//!
//! SYQ (Faraone et al., CVPR 2018) with the rules of the authors' released code. Two deliberate
//! differences, both in the binary codebook: sign(0) = +1, where the release lets a zero weight
//! vanish; and every weight counts as above the threshold in the backward pass, since every weight
//! has a code.

use crate::codebook::Codebook;
use crate::error::{CoreError, CoreErrorKind};
use crate::geometry::ConvGeometry;
use crate::granularity::Granularity;
use crate::normalization::WeightNormalization;
use crate::straight_through::WeightGradient;
use crate::stretch::{Run, extent};
use std::borrow::Cow;

/// The shape `[filters][kernel rows][kernel columns][channels]` of one layer's weights. A fully
/// connected layer is a 1×1 kernel with a channel for each input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WeightShape {
    /// Filters, or outputs of a fully connected layer.
    pub filters: usize,
    /// Kernel rows and columns.
    pub kernel: [usize; 2],
    /// Channels that one filter sees, or inputs of a fully connected layer.
    pub channels: usize,
}

impl WeightShape {
    /// The weights of a fully connected layer.
    pub const fn linear(outputs: usize, inputs: usize) -> Self {
        Self { filters: outputs, kernel: [1, 1], channels: inputs }
    }

    /// Number of weights, saturating instead of overflowing.
    pub const fn len(&self) -> usize {
        self.filters.saturating_mul(self.kernel[0]).saturating_mul(self.kernel[1]).saturating_mul(self.channels)
    }

    /// Whether there are no weights.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Weights of one filter that lie in one subgroup: those that meet in one integer sum.
    pub const fn subgroup_len(&self, granularity: Granularity) -> usize {
        granularity.run(self.kernel).saturating_mul(self.channels)
    }
}

impl From<&ConvGeometry> for WeightShape {
    fn from(geometry: &ConvGeometry) -> Self {
        Self { filters: geometry.filters(), kernel: geometry.window.kernel, channels: geometry.group_channels() }
    }
}

/// Codebook, granularity and threshold of one layer, whether its weights are normalised before, and how they
/// are reached by gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightQuantizer {
    codebook: Codebook,
    granularity: Granularity,
    eta: f32,
    normalization: WeightNormalization,
    gradient: WeightGradient,
}

impl WeightQuantizer {
    /// η of the release for ternary weights, as a fraction of max |W|.
    pub const DEFAULT_ETA: f32 = 0.05;

    /// A quantizer whose ternary threshold is `eta` · max |W|; a binary codebook has no threshold
    /// (η = 0).
    ///
    /// # Errors
    /// η outside [0, 1), or other than 0 for binary weights; names `layer`.
    pub fn new(layer: &str, codebook: Codebook, granularity: Granularity, eta: f32) -> Result<Self, CoreError> {
        if !(0.0..1.0).contains(&eta) {
            return Err(CoreError::new(layer, CoreErrorKind::Threshold { eta }));
        }
        if codebook == Codebook::Binary && eta != 0.0 {
            return Err(CoreError::new(layer, CoreErrorKind::BinaryThreshold { eta }));
        }
        let (normalization, gradient) = Default::default();
        Ok(Self { codebook, granularity, eta, normalization, gradient })
    }

    /// Normalises the weights before anything else; where W stands below, W̃ is meant then.
    pub const fn with_normalization(self, normalization: WeightNormalization) -> Self {
        Self { normalization, ..self }
    }

    /// Has the gradients of the master weights follow this rule instead of the paper's.
    pub const fn with_gradient(self, gradient: WeightGradient) -> Self {
        Self { gradient, ..self }
    }

    /// The codebook.
    pub const fn codebook(&self) -> Codebook {
        self.codebook
    }

    /// The granularity of the scales.
    pub const fn granularity(&self) -> Granularity {
        self.granularity
    }

    /// The threshold η_l = η · max |W| of the layer; no gradient flows through it.
    pub fn threshold(&self, weights: &[f32]) -> f32 {
        self.eta * extent(weights).largest
    }

    /// Checks that the weights have the shape and are finite.
    ///
    /// # Errors
    /// Empty, of another length, NaN or infinite; names `layer`.
    pub fn check(&self, layer: &str, weights: &[f32], shape: WeightShape) -> Result<(), CoreError> {
        self.checked(layer, weights, shape).map(|_| ())
    }

    /// As [`Self::check`]; gives max |W|, which is found on the way.
    fn checked(&self, layer: &str, weights: &[f32], shape: WeightShape) -> Result<f32, CoreError> {
        let fail = |kind| Err(CoreError::new(layer, kind));
        if shape.is_empty() {
            return fail(CoreErrorKind::Empty);
        }
        check_length(layer, "the weight tensor", weights.len(), shape.len())?;
        let extent = extent(weights);
        if extent.finite {
            return Ok(extent.largest);
        }
        match weights.iter().position(|w| !w.is_finite()) {
            Some(index) => fail(CoreErrorKind::NotFinite { what: "weight", index, value: weights[index] }),
            None => Ok(extent.largest),
        }
    }

    /// The layer's threshold, of weights whose largest is known where they are not normalised.
    fn threshold_of(&self, weights: &[f32], largest: f32) -> f32 {
        if self.normalization == WeightNormalization::None { self.eta * largest } else { self.threshold(weights) }
    }

    /// Forward: the code sign(W)·M of each weight, with sign(0) = +1; M = 0 where |W| < η_l in a
    /// ternary codebook.
    ///
    /// # Errors
    /// As [`Self::check`], or `codes` of another length.
    pub fn quantize(
        &self,
        layer: &str,
        weights: &[f32],
        shape: WeightShape,
        codes: &mut [i8],
    ) -> Result<(), CoreError> {
        let largest = self.checked(layer, weights, shape)?;
        check_length(layer, "the code buffer", codes.len(), shape.len())?;
        let weights = self.normalized(layer, weights, shape)?;
        let threshold = self.threshold_of(&weights, largest);
        for (code, w) in codes.iter_mut().zip(weights.iter()) {
            let sign = if *w >= 0.0 { 1 } else { -1 };
            *code = if w.abs() < threshold { 0 } else { sign };
        }
        Ok(())
    }

    /// Initial scales: mean |W| of each subgroup, over all its weights, those below the threshold
    /// included; of the weights as they are, also where they are normalised to be quantized.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn initial_scales(&self, layer: &str, weights: &[f32], shape: WeightShape) -> Result<Vec<f32>, CoreError> {
        self.check(layer, weights, shape)?;
        let mut sums = vec![0.0f64; self.granularity.subgroups(shape.kernel)];
        self.for_each_run(shape, |subgroup, range| {
            sums[subgroup] += weights[range].iter().map(|w| f64::from(w.abs())).sum::<f64>();
        });
        let members = shape.len() / sums.len();
        Ok(sums.iter().map(|sum| (sum / members as f64) as f32).collect())
    }

    /// Backward: from `gradient` = ∂L/∂Wq the gradients of the master weights and of the scales.
    ///
    /// ∂L/∂α_i = Σ g_j · sign(W_j) over the weights of subgroup i above the threshold: a sum, not a
    /// mean. ∂L/∂W_j = α_i · g_j above the threshold and g_j below it, with no clip window, or as
    /// [`Self::with_gradient`] says.
    ///
    /// # Errors
    /// As [`Self::check`], or a buffer whose length does not fit.
    pub fn backward(
        &self,
        layer: &str,
        weights: &[f32],
        shape: WeightShape,
        scales: &[f32],
        gradient: &[f32],
        into: WeightGradients<'_>,
    ) -> Result<(), CoreError> {
        let largest = self.checked(layer, weights, shape)?;
        let subgroups = self.granularity.subgroups(shape.kernel);
        check_length(layer, "the gradient", gradient.len(), shape.len())?;
        check_length(layer, "the weight gradient", into.weights.len(), shape.len())?;
        check_length(layer, "the scale tensor", scales.len(), subgroups)?;
        check_length(layer, "the scale gradient", into.scales.len(), subgroups)?;
        let latent = weights;
        let weights = self.normalized(layer, weights, shape)?;
        // Every binary weight is above it.
        let binary = self.codebook == Codebook::Binary;
        let threshold = if binary { -1.0 } else { self.threshold_of(&weights, largest) };
        let mut sums = vec![0.0f64; subgroups];
        self.for_each_run(shape, |subgroup, range| {
            let factor = match self.gradient {
                WeightGradient::Syq => scales[subgroup],
                WeightGradient::Identity => 1.0,
            };
            let run = Run { weights: &weights[range.clone()], gradient: &gradient[range.clone()], threshold, factor };
            sums[subgroup] += run.backward(&mut into.weights[range]);
        });
        for (out, sum) in into.scales.iter_mut().zip(&sums) {
            *out = *sum as f32;
        }
        self.normalization.backward(layer, shape, latent, into.weights)
    }

    /// The weights as they are quantized.
    fn normalized<'a>(&self, layer: &str, weights: &'a [f32], shape: WeightShape) -> Result<Cow<'a, [f32]>, CoreError> {
        if self.normalization == WeightNormalization::None {
            return Ok(Cow::Borrowed(weights));
        }
        let mut normalized = weights.to_vec();
        self.normalization.apply(layer, shape, &mut normalized)?;
        Ok(Cow::Owned(normalized))
    }

    /// Calls `visit` with the subgroup and the index range of each run of weights, in memory order.
    fn for_each_run(&self, shape: WeightShape, mut visit: impl FnMut(usize, std::ops::Range<usize>)) {
        let run = shape.subgroup_len(self.granularity);
        let subgroups = self.granularity.subgroups(shape.kernel);
        for index in 0..shape.filters * subgroups {
            visit(index % subgroups, index * run..(index + 1) * run);
        }
    }
}

/// Where [`WeightQuantizer::backward`] writes its results.
#[derive(Debug)]
pub struct WeightGradients<'a> {
    /// ∂L/∂W, as long as the weights.
    pub weights: &'a mut [f32],
    /// ∂L/∂α, one for each subgroup.
    pub scales: &'a mut [f32],
}

pub(crate) fn check_length(layer: &str, what: &'static str, found: usize, expected: usize) -> Result<(), CoreError> {
    if found == expected { Ok(()) } else { Err(CoreError::new(layer, CoreErrorKind::Length { what, found, expected })) }
}
