//! Which tensors a network has in the file, with their types and shapes.

use crate::network::{Bias, Layer, Op, ResolvedLayer, WeightFormat};
use crate::packed::PackedCodes;
use syq_core::ActivationRange;

/// Packed codes.
pub(super) const U32: &str = "U32";
/// Everything else.
pub(super) const F32: &str = "F32";

/// Suffixes of tensor names behind `<layer>.`.
pub(super) mod suffix {
    pub(in crate::file) const CODES: &str = "codes";
    pub(in crate::file) const SCALES: &str = "scales";
    pub(in crate::file) const WEIGHT: &str = "weight";
    pub(in crate::file) const BIAS: &str = "bias";
    pub(in crate::file) const SCALE: &str = "scale";
    pub(in crate::file) const OFFSET: &str = "offset";
    pub(in crate::file) const STEP: &str = "step";
}

/// One tensor that a layer needs.
#[derive(Clone, Debug)]
pub(super) struct Needed {
    pub(super) suffix: &'static str,
    pub(super) dtype: &'static str,
    pub(super) shape: Vec<u64>,
}

/// The name of a layer's tensor. No suffix has a dot, so names cannot clash.
pub(super) fn name(layer: &str, suffix: &str) -> String {
    format!("{layer}.{suffix}")
}

/// The tensors of one layer.
pub(super) fn needed(layer: &Layer, place: &ResolvedLayer) -> Vec<Needed> {
    let tensor = |suffix, dtype, shape: &[usize]| {
        let shape = shape.iter().map(|extent| *extent as u64).collect();
        Needed { suffix, dtype, shape }
    };
    let channels = place.output.channels;
    let mut tensors = Vec::new();
    if let (Some(format), Some(geometry)) = (layer.op.weights(), place.geometry) {
        let [rows, columns] = geometry.window.kernel;
        match (format, &layer.op) {
            (WeightFormat::Codebook { codebook, granularity }, _) => {
                let words = PackedCodes::words_for(codebook, geometry.weights());
                tensors.push(tensor(suffix::CODES, U32, &[words]));
                tensors.push(tensor(suffix::SCALES, F32, &[granularity.subgroups([rows, columns])]));
            }
            (WeightFormat::Float, Op::Linear(_)) => {
                tensors.push(tensor(suffix::WEIGHT, F32, &[channels, geometry.group_channels()]));
            }
            (WeightFormat::Float, _) => {
                tensors.push(tensor(suffix::WEIGHT, F32, &[channels, rows, columns, geometry.group_channels()]));
            }
        }
    }
    match &layer.op {
        Op::Conv(conv) if conv.bias == Bias::PerFilter => tensors.push(tensor(suffix::BIAS, F32, &[channels])),
        Op::Linear(linear) if linear.bias == Bias::PerFilter => tensors.push(tensor(suffix::BIAS, F32, &[channels])),
        Op::BatchNorm => {
            tensors.push(tensor(suffix::SCALE, F32, &[channels]));
            tensors.push(tensor(suffix::OFFSET, F32, &[channels]));
        }
        Op::Quantize(quantizer) if quantizer.range == ActivationRange::Learned => {
            tensors.push(tensor(suffix::STEP, F32, &[1]));
        }
        _ => {}
    }
    tensors
}
