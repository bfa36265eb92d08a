//! Weights of 8 bits: a symmetric code a weight and a scale a filter.
//!
//! What the first, the last and the shortcut layers take where they are not float. A code q in
//! [−127, 127] stands for `scale · q`; −128 is not used, so that the codes are symmetric.

use crate::error::{CoreError, CoreErrorKind};
use crate::geometry::ConvGeometry;
use crate::weights::{WeightShape, check_length};

/// The largest code; the smallest is its negative.
pub const LARGEST: i8 = 127;

/// The 8-bit weights of one layer.
#[derive(Clone, Copy, Debug)]
pub struct EightBitWeights<'a> {
    /// Codes in [−127, 127] as `[filter][kernel row][kernel column][channel]`.
    pub codes: &'a [i8],
    /// One scale a filter.
    pub scales: &'a [f32],
}

impl EightBitWeights<'_> {
    /// Checks lengths and values, and that every integer sum fits.
    ///
    /// # Errors
    /// A tensor of the wrong length, the code −128, a scale that is not finite, or as [`check_sums`];
    /// names `layer`.
    pub fn check(&self, layer: &str, geometry: &ConvGeometry) -> Result<(), CoreError> {
        check_sums(layer, geometry)?;
        check_length(layer, "the weight tensor", self.codes.len(), geometry.weights())?;
        check_length(layer, "the scale tensor", self.scales.len(), geometry.filters())?;
        // Without an early end the check is vectorised; only bad weights are searched.
        if !self.codes.iter().fold(true, |valid, code| valid & (*code >= -LARGEST)) {
            let index = self.codes.iter().position(|code| *code < -LARGEST).unwrap_or_default();
            return Err(CoreError::new(layer, CoreErrorKind::EightBitCode { index, code: self.codes[index] }));
        }
        match self.scales.iter().position(|scale| !scale.is_finite()) {
            Some(index) => {
                let kind = CoreErrorKind::NotFinite { what: "scale", index, value: self.scales[index] };
                Err(CoreError::new(layer, kind))
            }
            None => Ok(()),
        }
    }
}

/// Checks that the integer sums of a layer fit an i32 whatever its weights and its input: the weights
/// of a filter times 127 · 255, the largest product of a weight code and an activation byte, stay
/// below 2^31.
///
/// # Errors
/// [`CoreErrorKind::Overflow`]; names `layer`.
pub fn check_sums(layer: &str, geometry: &ConvGeometry) -> Result<(), CoreError> {
    let weights = geometry.filter_len();
    if weights.saturating_mul(LARGEST as usize * usize::from(u8::MAX)) >= 1 << 31 {
        return Err(CoreError::new(layer, CoreErrorKind::Overflow { weights }));
    }
    Ok(())
}

/// Float weights to codes: the scale of a filter is max |w| / 127, and a code is
/// sign(w) · ⌊127 · |w| / max |w| + ½⌋, computed in f64: rounded to nearest, halves away from zero, so
/// that w and −w get opposite codes. A filter of zeros has scale 0. Returns the scales.
///
/// # Errors
/// Weights that are empty, of another length or not finite, or `codes` of another length; names
/// `layer`.
pub fn quantize(layer: &str, weights: &[f32], shape: WeightShape, codes: &mut [i8]) -> Result<Vec<f32>, CoreError> {
    if shape.is_empty() {
        return Err(CoreError::new(layer, CoreErrorKind::Empty));
    }
    check_length(layer, "the weight tensor", weights.len(), shape.len())?;
    check_length(layer, "the code buffer", codes.len(), shape.len())?;
    if let Some(index) = weights.iter().position(|w| !w.is_finite()) {
        return Err(CoreError::new(layer, CoreErrorKind::NotFinite { what: "weight", index, value: weights[index] }));
    }
    let filter_len = shape.len() / shape.filters;
    let filters = weights.chunks_exact(filter_len).zip(codes.chunks_exact_mut(filter_len));
    Ok(filters.map(|(weights, codes)| quantize_filter(weights, codes)).collect())
}

fn quantize_filter(weights: &[f32], codes: &mut [i8]) -> f32 {
    let largest = weights.iter().fold(0.0f32, |max, w| max.max(w.abs()));
    for (code, w) in codes.iter_mut().zip(weights) {
        // At most 127.5 before the floor; the quotient of a filter of zeros is NaN, and `as` makes it 0.
        let magnitude = (f64::from(LARGEST) * f64::from(w.abs()) / f64::from(largest) + 0.5).floor() as i8;
        *code = if *w < 0.0 { -magnitude } else { magnitude };
    }
    largest / f32::from(LARGEST)
}
