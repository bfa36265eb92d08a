//! A small good model file taken apart, so that it can be spoilt; by hand and by the documentation of the format, not
//! by the library's own writer, which refuses to write what is wrong.

/// The one of syq-pack's tests.
#[path = "../../../syq-pack/tests/support/container.rs"]
mod container;

pub(super) use container::file;
use serde_json::{Value, json};
use std::ops::Range;
use syq_pack::{Model, Network, Preprocess};

/// A file in parts.
#[derive(Clone)]
pub(super) struct Parts {
    /// The JSON under the key `syq`.
    pub(super) metadata: Value,
    /// By a tensor's name its type, shape and offsets.
    pub(super) tensors: Value,
    pub(super) data: Vec<u8>,
}

/// Quantize → 3×3 convolution, ternary → batch norm → quantize (learned) → flatten → linear, on 4×4 RGB pictures.
pub(super) fn ternary() -> anyhow::Result<Parts> {
    let weights = json!({"codebook": {"codebook": "ternary", "granularity": "row"}});
    small(&json!("unit"), 2, &weights)
}

/// The same with signed codes and 8-bit weights.
pub(super) fn eight_bit() -> anyhow::Result<Parts> {
    small(&json!({"symmetric": 2.7}), 8, &json!("eight_bit"))
}

fn small(range: &Value, bits: u8, weights: &Value) -> anyhow::Result<Parts> {
    let network: Network = serde_json::from_value(json!({
        "name": "small", "input": {"height": 4, "width": 4, "channels": 3},
        "layers": [
            {"name": "a", "inputs": ["input"], "op": "quantize", "bits": bits, "range": range},
            {"name": "c", "inputs": ["a"], "op": "conv", "filters": 2, "kernel": [3, 3], "stride": [1, 1],
             "padding": padding(1), "groups": 1, "weights": weights, "bias": "per_filter"},
            {"name": "n", "inputs": ["c"], "op": "batch_norm"},
            {"name": "b", "inputs": ["n"], "op": "quantize", "bits": 2, "range": "learned"},
            {"name": "f", "inputs": ["b"], "op": "flatten"},
            {"name": "fc", "inputs": ["f"], "op": "linear", "outputs": 2, "weights": "float", "bias": "per_filter"},
        ],
    }))?;
    let mut model = Model::random(network, 5)?;
    model.labels = vec!["cat".to_owned(), "dog".to_owned()];
    model.preprocess = Some(Preprocess::exact(4, 4, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]));
    Parts::of(&model.to_bytes()?)
}

/// The same padding on all sides.
pub(super) fn padding(pixels: u64) -> Value {
    json!({"top": pixels, "bottom": pixels, "left": pixels, "right": pixels})
}

impl Parts {
    fn of(bytes: &[u8]) -> anyhow::Result<Self> {
        let length = bytes.first_chunk().map_or(0, |length| u64::from_le_bytes(*length) as usize);
        let mut tensors: Value = serde_json::from_slice(&bytes[8..8 + length])?;
        let metadata = tensors["__metadata__"].take();
        let metadata = serde_json::from_str(metadata["syq"].as_str().unwrap_or_default())?;
        let mut parts = Self { metadata, tensors, data: bytes[8 + length..].to_vec() };
        parts.tensors.as_object_mut().map(|tensors| tensors.remove("__metadata__"));
        Ok(parts)
    }

    /// A network without parameters: no tensors, no labels, no recipe.
    pub(super) fn bare(network: Value) -> Self {
        let metadata = json!({"digest": "", "labels": [], "network": network, "schema": "syq.model/1.0"});
        Self { metadata, tensors: json!({}), data: Vec::new() }
    }

    /// The parts after a change.
    pub(super) fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut parts = self.clone();
        change(&mut parts);
        parts
    }

    /// Where a tensor's bytes are.
    pub(super) fn range(&self, name: &str) -> Range<usize> {
        let offset = |index: usize| self.tensors[name]["data_offsets"][index].as_u64().unwrap_or(0) as usize;
        offset(0)..offset(1)
    }

    /// Overwrites an element of four bytes.
    pub(super) fn set(&mut self, name: &str, index: usize, word: u32) {
        let start = self.range(name).start + 4 * index;
        self.data[start..start + 4].copy_from_slice(&word.to_le_bytes());
    }

    /// Changes one of the network's layers.
    pub(super) fn layer(&mut self, name: &str) -> &mut Value {
        let layers = &mut self.metadata["network"]["layers"];
        let index = layers.as_array().and_then(|layers| layers.iter().position(|layer| layer["name"] == name));
        &mut layers[index.unwrap_or(0)]
    }

    /// The metadata with the right digest in it.
    pub(super) fn signed(&self) -> String {
        let mut metadata = self.metadata.clone();
        metadata["digest"] = json!(container::UNKNOWN);
        // `serde_json` keeps the names in ascending order.
        let names = self.tensors.as_object().into_iter().flat_map(|tensors| tensors.keys());
        let bytes = |name| self.data.get(self.range(name)).unwrap_or_default();
        container::signed(&metadata.to_string(), names.map(|name| (name.as_str(), bytes(name))))
    }

    /// The file, its digest renewed.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.with_metadata(&self.signed())
    }

    /// The file with the digests that stand in its metadata.
    pub(super) fn bytes_undigested(&self) -> Vec<u8> {
        self.with_metadata(&self.metadata.to_string())
    }

    /// The file with this text as its metadata.
    pub(super) fn with_metadata(&self, text: &str) -> Vec<u8> {
        let mut header = self.tensors.clone();
        header["__metadata__"] = json!({ "syq": text });
        file(header.to_string().as_bytes(), &self.data)
    }

    /// The file with more entries, as they are written here, at the end of its header.
    pub(super) fn with_entries(&self, entries: &str) -> Vec<u8> {
        let mut header = self.tensors.clone();
        header["__metadata__"] = json!({ "syq": self.signed() });
        let header = header.to_string();
        let open = header.strip_suffix('}').unwrap_or(&header);
        file(format!("{open},{entries}}}").as_bytes(), &self.data)
    }
}
