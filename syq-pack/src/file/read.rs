//! Bytes to model: everything around the tensors is checked before they are copied, and their digest
//! before anything is made of them.

use super::data::Data;
use super::error::FormatError;
use super::header::{self, Header, TensorInfo};
use super::metadata::{self, Contents, ContentsDigest, TensorDigests, tensor_digest};
use super::tensors::{self, needed, suffix};
use crate::limits::ModelLimits;
use crate::model::{LayerParameters, Model, ModelError, Parameters};
use crate::network::{Layer, Resolved, WeightFormat};
use crate::packed::PackedCodes;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

pub(super) fn from_bytes(bytes: &[u8], limits: &ModelLimits) -> Result<Model, FormatError> {
    let (found, limit) = (bytes.len() as u64, limits.file);
    if found > limit {
        return Err(FormatError::Length { found, limit });
    }
    let (header, data) = header::split(bytes, limits.header)?;
    contents(&header::parse(header, data.len() as u64)?, data, limits)
}

/// The model of a header and the data behind it.
pub(super) fn contents<D: Data>(header: &Header, mut data: D, limits: &ModelLimits) -> Result<Model, D::Error> {
    let Contents { mut model, digest: expected, tensors: digests } = metadata::read(&header.metadata, limits)?;
    let resolved = model.network.resolve_within(limits).map_err(|error| FormatError::from(ModelError::from(error)))?;
    check_tensors(header, &model.network.layers, &resolved)?;
    let mut digest = ContentsDigest::new(&header.metadata)?;
    let mut tensors = BTreeMap::new();
    for (name, info) in &header.tensors {
        digest.tensor(name);
        tensors.insert(name.as_str(), Tensor::read(info, &mut data, &mut digest)?);
    }
    let found = digest.finish();
    if found != expected {
        let damaged = damaged_tensor(header, &mut data, &digests)?;
        return Err(damaged.unwrap_or(FormatError::Digest { found, expected }).into());
    }
    model.parameters = parameters(tensors, &model.network.layers, &resolved)?;
    model.check().map_err(FormatError::from)?;
    Ok(model)
}

/// Which tensor of a damaged file is damaged, the first of them; `None` if all are as the file says, or it does not.
fn damaged_tensor<D: Data>(
    header: &Header,
    data: &mut D,
    digests: &TensorDigests,
) -> Result<Option<FormatError>, D::Error> {
    for (name, info) in &header.tensors {
        let Some(expected) = digests.get(name) else { continue };
        let mut hash = Sha256::new();
        data.pieces(info.data_offsets, |piece| hash.update(piece))?;
        let found = tensor_digest(hash);
        if found != *expected {
            let (name, expected) = (name.clone(), expected.clone());
            return Ok(Some(FormatError::TensorDigest { name, found, expected }));
        }
    }
    Ok(None)
}

/// The elements of a tensor.
enum Tensor {
    Words(Vec<u32>),
    Floats(Vec<f32>),
    Bytes(Vec<i8>),
}

impl Tensor {
    /// Copies a tensor whose type was checked, piece by piece, and hashes the pieces.
    fn read<D: Data>(info: &TensorInfo, data: &mut D, digest: &mut ContentsDigest) -> Result<Self, D::Error> {
        let range = info.data_offsets;
        let bytes = range[1].saturating_sub(range[0]) as usize;
        // Pieces are whole words: their length is a multiple of four, and so is the tensor's.
        Ok(match info.dtype.as_str() {
            tensors::I8 => {
                let mut codes = Vec::with_capacity(bytes);
                data.pieces(range, |piece| {
                    digest.bytes(piece);
                    codes.extend(piece.iter().map(|byte| byte.cast_signed()));
                })?;
                Self::Bytes(codes)
            }
            tensors::U32 => {
                let mut words = Vec::with_capacity(bytes / 4);
                data.pieces(range, |piece| {
                    digest.bytes(piece);
                    words.extend(piece.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)));
                })?;
                Self::Words(words)
            }
            _ => {
                let mut floats = Vec::with_capacity(bytes / 4);
                data.pieces(range, |piece| {
                    digest.bytes(piece);
                    floats.extend(piece.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)));
                })?;
                Self::Floats(floats)
            }
        })
    }
}

/// Every tensor that a layer needs is there with its type and shape, and there is no other.
fn check_tensors(header: &Header, layers: &[Layer], resolved: &Resolved) -> Result<(), FormatError> {
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

/// The parameters of the layers, which take the tensors.
fn parameters(
    mut tensors: BTreeMap<&str, Tensor>,
    layers: &[Layer],
    resolved: &Resolved,
) -> Result<Parameters, FormatError> {
    let mut parameters = Parameters::new();
    for (layer, place) in layers.iter().zip(&resolved.layers) {
        let mut take = |suffix| tensors.remove(tensors::name(&layer.name, suffix).as_str());
        let mut floats = |suffix| match take(suffix) {
            Some(Tensor::Floats(floats)) => Some(floats),
            _ => None,
        };
        let bias = floats(suffix::BIAS);
        let of_layer = match (layer.op.weights(), place.geometry) {
            (Some(WeightFormat::Codebook { codebook, .. }), Some(geometry)) => {
                let scales = floats(suffix::SCALES).unwrap_or_default();
                let words = match take(suffix::CODES) {
                    Some(Tensor::Words(words)) => words,
                    _ => Vec::new(),
                };
                let codes = PackedCodes::from_words(codebook, geometry.weights(), words)
                    .map_err(|error| FormatError::Codes { name: tensors::name(&layer.name, suffix::CODES), error })?;
                Some(LayerParameters::Coded { codes, scales, bias })
            }
            (Some(WeightFormat::EightBit), _) => {
                let scales = floats(suffix::SCALES).unwrap_or_default();
                let codes = match take(suffix::CODES) {
                    Some(Tensor::Bytes(codes)) => codes,
                    _ => Vec::new(),
                };
                Some(LayerParameters::EightBit { codes, scales, bias })
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
