//! The convolution of activation codes with 8-bit weights.

use super::convolution::{for_each_tap, outputs};
use crate::activation::Levels;
use crate::eight_bit::EightBitWeights;
use crate::error::{CoreError, CoreErrorKind};
use crate::geometry::ConvGeometry;
use crate::weights::check_length;

/// A convolution of activation codes with 8-bit weights: S = Σ q·(u − zero) is an exact i32, and
/// z = fma(scale_f · s, S, 0) with S rounded to f32 (to nearest even) and the product of the filter's
/// scale and the step rounded once. Zero padding has the value 0: it contributes nothing.
///
/// # Errors
/// A tensor of the wrong length, the weight code −128, an activation code that the levels do not have,
/// a scale that is not finite, or a filter whose sum could reach 2^31; names `layer`.
pub fn eight_bit_convolution(
    layer: &str,
    geometry: &ConvGeometry,
    input: &[u8],
    levels: Levels,
    weights: EightBitWeights<'_>,
) -> Result<Vec<f32>, CoreError> {
    weights.check(layer, geometry)?;
    check_length(layer, "the input", input.len(), geometry.input.len())?;
    let (smallest, largest) = (levels.smallest(), levels.largest);
    if let Some(index) = input.iter().position(|code| *code > largest) {
        return Err(CoreError::new(layer, CoreErrorKind::ActivationCode { index, code: input[index], largest }));
    }
    if let Some(index) = input.iter().position(|code| *code < smallest) {
        return Err(CoreError::new(layer, CoreErrorKind::ActivationBelow { index, code: input[index], smallest }));
    }
    let zero = i32::from(levels.zero);
    Ok(outputs(geometry, |filter, row, column| {
        let mut sum = 0i32;
        for_each_tap(geometry, filter, row, column, |_, weight, pixel| {
            if let Some(index) = pixel {
                sum += i32::from(weights.codes[weight]) * (i32::from(input[index]) - zero);
            }
        });
        (weights.scales[filter] * levels.step).mul_add(sum as f32, 0.0)
    }))
}
