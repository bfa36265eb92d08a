//! A fixture, and the safetensors file that PyTorch would have written for it.

use super::generator::{tensor, uniform};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, TensorView};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use syq_train::import::Description;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) seed: u64,
    pub(crate) image: usize,
    pub(crate) dtype: String,
    pub(crate) prefix: String,
    pub(crate) description: Description,
    /// Names and shapes of PyTorch's state dict before it was quantized.
    pub(crate) shapes: BTreeMap<String, Vec<usize>>,
    #[allow(dead_code, reason = "for the reader of the fixture")]
    made_with: String,
    /// Shapes and values of scales and steps.
    pub(crate) recorded: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    /// Zeros and the weighted sum of each layer's codes.
    pub(crate) codes: BTreeMap<String, [i64; 2]>,
    pub(crate) logits: Vec<Vec<f32>>,
}

/// The folder of the fixtures.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/import")
}

/// A tensor as a file holds it.
pub(crate) struct Stored {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

impl Stored {
    pub(crate) fn new(dtype: Dtype, shape: &[usize], values: &[f32]) -> Self {
        let bytes = match dtype {
            Dtype::F16 => values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect(),
            Dtype::BF16 => values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect(),
            _ => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        };
        Self { dtype, shape: shape.to_vec(), bytes }
    }
}

/// Tensors by name.
pub(crate) type StateDict = BTreeMap<String, Stored>;

/// The bytes of a safetensors file.
pub(crate) fn serialize(tensors: &StateDict, description: Option<&Description>) -> Vec<u8> {
    let views = tensors.iter().map(|(name, stored)| {
        (name.as_str(), TensorView::new(stored.dtype, stored.shape.clone(), &stored.bytes).unwrap())
    });
    let syq = |description| serde_json::to_string(description).unwrap();
    let metadata = description.map(|description| HashMap::from([("syq".to_owned(), syq(description))]));
    safetensors::serialize(views, metadata).unwrap()
}

impl Fixture {
    pub(crate) fn read(name: &str) -> Self {
        let path = folder().join(format!("{name}.json"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let fixture: Self = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(fixture.name, name);
        fixture
    }

    /// The state dict, with the count of batches that PyTorch keeps for every batch norm.
    pub(crate) fn state_dict(&self) -> StateDict {
        let dtype = match self.dtype.as_str() {
            "f32" => Dtype::F32,
            "f16" => Dtype::F16,
            "bf16" => Dtype::BF16,
            other => panic!("{other}"),
        };
        let mut tensors = StateDict::new();
        for (name, shape) in &self.shapes {
            tensors.insert(self.prefixed(name), Stored::new(dtype, shape, &tensor(self.seed, name, shape)));
            if let Some(norm) = name.strip_suffix("running_var") {
                let count = Stored { dtype: Dtype::I64, shape: vec![], bytes: 7i64.to_le_bytes().to_vec() };
                tensors.insert(self.prefixed(&format!("{norm}num_batches_tracked")), count);
            }
        }
        for (name, (shape, values)) in &self.recorded {
            tensors.insert(self.prefixed(name), Stored::new(Dtype::F32, shape, values));
        }
        tensors
    }

    fn prefixed(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The pictures, `[picture][row][column][channel]`: noise on blocks of 8×8 pixels of one colour.
    pub(crate) fn pictures(&self) -> Vec<f32> {
        let (side, blocks) = (self.image, self.image / 8);
        let mut values = uniform(self.seed, "noise", self.logits.len() * side * side * 3, 0.0, 0.5);
        let colours = uniform(self.seed, "blocks", self.logits.len() * blocks * blocks * 3, 0.0, 2.0);
        for (index, value) in values.iter_mut().enumerate() {
            let [channel, column, row] = [index % 3, index / 3 % side, index / 3 / side % side];
            let picture = index / 3 / side / side;
            *value += colours[((picture * blocks + row / 8) * blocks + column / 8) * 3 + channel];
        }
        values
    }

    /// What the file says of itself: everything but the size of the pictures, which the fixtures make small.
    pub(crate) fn given(&self) -> Description {
        Description { image_size: Some(self.image), short_side: Some(self.image), ..Description::default() }
    }
}
