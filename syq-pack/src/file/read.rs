//! Bytes to model: everything is checked before a tensor is copied.

use super::error::{FileErrorKind, FormatError};
use super::header::{self, Header};
use super::tensors::{needed, suffix};
use super::{MAX_FILE, metadata, tensors};
use crate::model::{LayerParameters, Model, ModelError, Parameters};
use crate::network::{Layer, Resolved, WeightFormat};
use crate::packed::PackedCodes;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The bytes of a file that is not too large.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, FileErrorKind> {
    let file = File::open(path)?;
    let check = |found| {
        if found > MAX_FILE { Err(FileErrorKind::TooLarge { found, limit: MAX_FILE }) } else { Ok(()) }
    };
    let len = file.metadata()?.len();
    check(len)?;
    // A pipe has no length, and a file may grow. One byte more lets the end be seen without growing.
    let mut bytes = Vec::with_capacity(len as usize + 1);
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    check(bytes.len() as u64)?;
    Ok(bytes)
}

pub(super) fn from_bytes(bytes: &[u8]) -> Result<Model, FormatError> {
    let header = header::read(bytes)?;
    let (mut model, expected) = metadata::read(&header.metadata)?;
    let resolved = model.network.resolve().map_err(ModelError::from)?;
    check_tensors(&header, &model.network.layers, &resolved)?;
    let slices: BTreeMap<&str, &[u8]> =
        header.tensors.iter().map(|(name, info)| (name.as_str(), slice(header.data, info.data_offsets))).collect();
    let found = metadata::contents_digest(&header.metadata, slices.iter().map(|(name, data)| (*name, *data)))?;
    if found != expected {
        return Err(FormatError::Digest { found, expected });
    }
    model.parameters = parameters(&slices, &model.network.layers, &resolved)?;
    model.check()?;
    Ok(model)
}

/// Every tensor that a layer needs is there with its type and shape, and there is no other.
fn check_tensors(header: &Header<'_>, layers: &[Layer], resolved: &Resolved) -> Result<(), FormatError> {
    let mut unknown: BTreeMap<&str, _> = header.tensors.iter().map(|(name, info)| (name.as_str(), info)).collect();
    for (layer, place) in layers.iter().zip(&resolved.layers) {
        for needed in needed(layer, place) {
            let name = tensors::name(&layer.name, needed.suffix);
            let Some(info) = unknown.remove(name.as_str()) else {
                return Err(FormatError::MissingTensor { name });
            };
            if info.dtype != needed.dtype {
                return Err(FormatError::Type { name, found: info.dtype.clone(), expected: needed.dtype });
            }
            if info.shape != needed.shape {
                return Err(FormatError::Shape { name, found: info.shape.clone(), expected: needed.shape });
            }
        }
    }
    match unknown.keys().next() {
        Some(name) => Err(FormatError::UnknownTensor { name: (*name).to_owned() }),
        None => Ok(()),
    }
}

/// The bytes between two offsets that lie inside `data` by the header's check.
fn slice(data: &[u8], [start, end]: [u64; 2]) -> &[u8] {
    data.get(start as usize..end as usize).unwrap_or_default()
}

fn parameters(
    slices: &BTreeMap<&str, &[u8]>,
    layers: &[Layer],
    resolved: &Resolved,
) -> Result<Parameters, FormatError> {
    let mut parameters = Parameters::new();
    for (layer, place) in layers.iter().zip(&resolved.layers) {
        let bytes = |suffix| slices.get(tensors::name(&layer.name, suffix).as_str()).copied();
        let floats = |suffix| bytes(suffix).map(|bytes| words(bytes).map(f32::from_bits).collect::<Vec<f32>>());
        let bias = floats(suffix::BIAS);
        let of_layer = match (layer.op.weights(), place.geometry) {
            (Some(WeightFormat::Codebook { codebook, .. }), Some(geometry)) => {
                let packed = words(bytes(suffix::CODES).unwrap_or_default()).collect();
                let codes = PackedCodes::from_words(codebook, geometry.weights(), packed)
                    .map_err(|error| FormatError::Codes { name: tensors::name(&layer.name, suffix::CODES), error })?;
                Some(LayerParameters::Coded { codes, scales: floats(suffix::SCALES).unwrap_or_default(), bias })
            }
            (Some(WeightFormat::EightBit), _) => {
                let codes = bytes(suffix::CODES).unwrap_or_default().iter().map(|byte| byte.cast_signed()).collect();
                Some(LayerParameters::EightBit { codes, scales: floats(suffix::SCALES).unwrap_or_default(), bias })
            }
            (Some(WeightFormat::Float), _) => {
                floats(suffix::WEIGHT).map(|weights| LayerParameters::Float { weights, bias })
            }
            _ => match (floats(suffix::SCALE), floats(suffix::OFFSET), floats(suffix::STEP)) {
                (Some(scale), Some(offset), _) => Some(LayerParameters::BatchNorm { scale, offset }),
                (.., Some(step)) => step.first().map(|step| LayerParameters::Step(*step)),
                _ => None,
            },
        };
        parameters.extend(of_layer.map(|of_layer| (layer.name.clone(), of_layer)));
    }
    Ok(parameters)
}

/// Little-endian words of any alignment.
fn words(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    let (words, _) = bytes.as_chunks::<4>();
    words.iter().map(|word| u32::from_le_bytes(*word))
}
