//! Which tensors a network has in the file, with their types and shapes.

use crate::network::{Bias, Layer, Op, ResolvedLayer, WeightFormat};
use crate::packed::PackedCodes;
use syq_core::ActivationRange;

/// Packed codes.
pub(super) const U32: &str = "U32";
/// 8-bit codes.
pub(super) const I8: &str = "I8";
/// Everything else.
pub(super) const F32: &str = "F32";

/// Bytes of an element. What no model file has counts as four bytes, and is refused by its type.
pub(super) fn element_bytes(dtype: &str) -> u64 {
    if dtype == I8 { 1 } else { 4 }
}

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
        let weights = match &layer.op {
            Op::Linear(_) => vec![channels, geometry.group_channels()],
            _ => vec![channels, rows, columns, geometry.group_channels()],
        };
        match format {
            WeightFormat::Codebook { codebook, granularity } => {
                let words = PackedCodes::words_for(codebook, geometry.weights());
                tensors.push(tensor(suffix::CODES, U32, &[words]));
                tensors.push(tensor(suffix::SCALES, F32, &[granularity.subgroups([rows, columns])]));
            }
            WeightFormat::EightBit => {
                tensors.push(tensor(suffix::CODES, I8, &weights));
                tensors.push(tensor(suffix::SCALES, F32, &[channels]));
            }
            WeightFormat::Float => tensors.push(tensor(suffix::WEIGHT, F32, &weights)),
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
