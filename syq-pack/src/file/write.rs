//! Model to bytes.

use super::error::FormatError;
use super::tensors::{needed, suffix};
use super::{header, metadata, tensors};
use crate::model::{LayerParameters, Model};
use std::collections::BTreeMap;

struct Tensor {
    dtype: &'static str,
    shape: Vec<u64>,
    data: Vec<u8>,
}

pub(super) fn to_bytes(model: &Model) -> Result<Vec<u8>, FormatError> {
    let view = model.view()?;
    let mut file = BTreeMap::new();
    for layer in &view.layers {
        for needed in needed(layer.layer, &layer.resolved) {
            let name = tensors::name(&layer.layer.name, needed.suffix);
            let data = layer.parameters.map(|parameters| data(parameters, needed.suffix)).unwrap_or_default();
            file.insert(name, Tensor { dtype: needed.dtype, shape: needed.shape, data });
        }
    }
    let text = metadata::write(model, file.iter().map(|(name, tensor)| (name.as_str(), tensor.data.as_slice())))?;
    // Single bytes stand behind the words, so that all words are aligned.
    let entries = [4, 1].into_iter().flat_map(|bytes| {
        let of_size = file.iter().filter(move |(_, tensor)| tensors::element_bytes(tensor.dtype) == bytes);
        of_size.map(|(name, tensor)| (name.as_str(), tensor.dtype, tensor.shape.as_slice(), tensor.data.as_slice()))
    });
    Ok(header::write(&text, entries))
}

/// The little-endian bytes of one tensor of a layer; a checked layer has it.
fn data(parameters: &LayerParameters, suffix: &str) -> Vec<u8> {
    let floats = |values: &[f32]| values.iter().flat_map(|x| x.to_le_bytes()).collect();
    let bytes = |codes: &[i8]| codes.iter().map(|code| code.cast_unsigned()).collect();
    match (parameters, suffix) {
        (LayerParameters::Coded { codes, .. }, suffix::CODES) => {
            codes.words().iter().flat_map(|word| word.to_le_bytes()).collect()
        }
        (LayerParameters::EightBit { codes, .. }, suffix::CODES) => bytes(codes),
        (LayerParameters::Coded { scales, .. } | LayerParameters::EightBit { scales, .. }, suffix::SCALES) => {
            floats(scales)
        }
        (LayerParameters::Float { weights, .. }, suffix::WEIGHT) => floats(weights),
        (LayerParameters::BatchNorm { scale, .. }, suffix::SCALE) => floats(scale),
        (LayerParameters::BatchNorm { offset, .. }, suffix::OFFSET) => floats(offset),
        (LayerParameters::Step(step), suffix::STEP) => floats(&[*step]),
        (parameters, _) => floats(parameters.bias().unwrap_or_default()),
    }
}
