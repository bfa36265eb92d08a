//! Convolutions on integer codes and on floats. A fully connected layer is a 1×1 convolution of one
//! pixel.

use crate::activation::Levels;
use crate::codebook::Codebook;
use crate::error::{CoreError, CoreErrorKind};
use crate::geometry::ConvGeometry;
use crate::granularity::Granularity;
use crate::weights::{WeightShape, check_length};

/// Integer sums below this convert to f32 exactly.
const EXACT: usize = 1 << 24;

/// The weights of one quantized layer, unpacked.
#[derive(Clone, Copy, Debug)]
pub struct CodedWeights<'a> {
    /// The codebook that the codes index.
    pub codebook: Codebook,
    /// How the scales divide the weights.
    pub granularity: Granularity,
    /// Codes −1, 0, +1 as `[filter][kernel row][kernel column][channel]`.
    pub codes: &'a [i8],
    /// One scale α for each subgroup.
    pub scales: &'a [f32],
}

/// α·s of each subgroup: the activation step is folded into the scales before any sum is formed.
pub fn effective_scales(scales: &[f32], step: f32) -> Vec<f32> {
    scales.iter().map(|scale| scale * step).collect()
}

/// A convolution of activation codes with weight codes, shape `[height][width][channels]` in and
/// out: z = Σ_i fma(α_i·s, S_i, z) over the subgroups in ascending order, where S_i is the exact
/// integer sum of the subgroup. Zero padding has code 0.
///
/// # Errors
/// A tensor of the wrong length, a code outside its codebook or levels, signed codes, a scale that is
/// not finite, or a subgroup whose sum could exceed 2^24; names `layer`.
pub fn coded_convolution(
    layer: &str,
    geometry: &ConvGeometry,
    input: &[u8],
    levels: Levels,
    weights: CodedWeights<'_>,
) -> Result<Vec<f32>, CoreError> {
    check_coded(layer, geometry, input, levels, weights)?;
    let scales = effective_scales(weights.scales, levels.step);
    let run = weights.granularity.run(geometry.window.kernel);
    let mut sums = vec![0i64; scales.len()];
    Ok(outputs(geometry, |filter, row, column| {
        sums.fill(0);
        for_each_tap(geometry, filter, row, column, |position, weight, pixel| {
            if let Some(index) = pixel {
                sums[position / run] += i64::from(weights.codes[weight]) * i64::from(input[index]);
            }
        });
        scales.iter().zip(&sums).fold(0.0, |z, (scale, sum)| scale.mul_add(*sum as f32, z))
    }))
}

/// A float convolution: one accumulator an output that starts at 0 and takes the kernel rows, the
/// kernel columns and the channels in ascending order; zero padding takes part as 0.
///
/// # Errors
/// A tensor of the wrong length; names `layer`.
pub fn float_convolution(
    layer: &str,
    geometry: &ConvGeometry,
    input: &[f32],
    weights: &[f32],
) -> Result<Vec<f32>, CoreError> {
    check_length(layer, "the input", input.len(), geometry.input.len())?;
    check_length(layer, "the weight tensor", weights.len(), geometry.weights())?;
    Ok(outputs(geometry, |filter, row, column| {
        let mut z = 0.0f32;
        for_each_tap(geometry, filter, row, column, |_, weight, pixel| {
            z = pixel.map_or(0.0, |index| input[index]).mul_add(weights[weight], z);
        });
        z
    }))
}

fn check_coded(
    layer: &str,
    geometry: &ConvGeometry,
    input: &[u8],
    levels: Levels,
    weights: CodedWeights<'_>,
) -> Result<(), CoreError> {
    let fail = |kind| Err(CoreError::new(layer, kind));
    let shape = WeightShape::from(geometry);
    check_length(layer, "the input", input.len(), geometry.input.len())?;
    check_length(layer, "the weight tensor", weights.codes.len(), shape.len())?;
    let subgroups = weights.granularity.subgroups(shape.kernel);
    check_length(layer, "the scale tensor", weights.scales.len(), subgroups)?;
    let codebook = weights.codebook;
    if let Some(index) = weights.codes.iter().position(|code| !codebook.contains(*code)) {
        let (code, codebook) = (weights.codes[index], codebook.name());
        return fail(CoreErrorKind::Code { index, code, codebook });
    }
    if let Some(index) = weights.scales.iter().position(|scale| !scale.is_finite()) {
        return fail(CoreErrorKind::NotFinite { what: "scale", index, value: weights.scales[index] });
    }
    if let Some(index) = input.iter().position(|code| *code > levels.largest) {
        return fail(CoreErrorKind::ActivationCode { index, code: input[index], largest: levels.largest });
    }
    if levels.zero != 0 {
        return fail(CoreErrorKind::ZeroPoint { zero: levels.zero });
    }
    check_exact(layer, shape, weights.granularity, levels.largest)
}

/// Checks that every subgroup's integer sum stays below 2^24, so that f32 holds it exactly.
///
/// # Errors
/// [`CoreErrorKind::Inexact`] with the weights of a subgroup and the largest code.
pub fn check_exact(layer: &str, shape: WeightShape, granularity: Granularity, largest: u8) -> Result<(), CoreError> {
    let weights = shape.subgroup_len(granularity);
    if weights.saturating_mul(usize::from(largest)) >= EXACT {
        return Err(CoreError::new(layer, CoreErrorKind::Inexact { weights, largest }));
    }
    Ok(())
}

/// Evaluates `output(filter, row, column)` for every output, in memory order.
pub(super) fn outputs(geometry: &ConvGeometry, mut output: impl FnMut(usize, usize, usize) -> f32) -> Vec<f32> {
    let mut values = Vec::with_capacity(geometry.output.len());
    for row in 0..geometry.output.height {
        for column in 0..geometry.output.width {
            for filter in 0..geometry.filters() {
                values.push(output(filter, row, column));
            }
        }
    }
    values
}

/// Visits the weights of one output in ascending order: the kernel position, the weight's index, and
/// the input's index or `None` in the zero padding.
pub(super) fn for_each_tap(
    geometry: &ConvGeometry,
    filter: usize,
    row: usize,
    column: usize,
    mut visit: impl FnMut(usize, usize, Option<usize>),
) {
    let (input, window) = (geometry.input, geometry.window);
    let channels = geometry.group_channels();
    let first_channel = filter / geometry.group_filters() * channels;
    for position in 0..geometry.positions() {
        let y = row * window.stride[0] + position / window.kernel[1];
        let x = column * window.stride[1] + position % window.kernel[1];
        let y = y.checked_sub(window.padding.top).filter(|y| *y < input.height);
        let x = x.checked_sub(window.padding.left).filter(|x| *x < input.width);
        let pixel = y.zip(x).map(|(y, x)| (y * input.width + x) * input.channels + first_channel);
        let first_weight = (filter * geometry.positions() + position) * channels;
        for channel in 0..channels {
            visit(position, first_weight + channel, pixel.map(|index| index + channel));
        }
    }
}
