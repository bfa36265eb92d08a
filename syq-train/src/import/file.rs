//! A safetensors file as another trainer wrote it: its tensors under the names of our zoo, and its
//! description.

use super::description::Description;
use super::error::ImportErrorKind;
use super::mismatch::Found;
use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::BTreeMap;
use syq_pack::zoo::Architecture;

/// The metadata key of a [`Description`].
const KEY: &str = "syq";
/// What wrappers put in front of every name: DataParallel, a Lightning or timm module, a checkpoint's
/// dictionary, `torch.compile`.
const PREFIXES: [&str; 4] = ["module.", "model.", "state_dict.", "_orig_mod."];
/// PyTorch's count of batches, which nothing here needs.
const IGNORED: &str = "num_batches_tracked";
/// Types whose values are read.
const FLOATS: [Dtype; 3] = [Dtype::F32, Dtype::F16, Dtype::BF16];

/// The tensors of a file.
#[derive(Debug)]
pub struct Foreign<'a> {
    architecture: Architecture,
    tensors: BTreeMap<String, (String, TensorView<'a>)>,
}

/// The description in the file's metadata; an empty one if there is none.
///
/// # Errors
/// Not a safetensors file, or a description with unknown keys or values.
pub fn description(content: &[u8]) -> Result<Description, ImportErrorKind> {
    let (_, header) = SafeTensors::read_metadata(content)?;
    match header.metadata().as_ref().and_then(|metadata| metadata.get(KEY)) {
        Some(text) => serde_json::from_str(text).map_err(ImportErrorKind::Metadata),
        None => Ok(Description::default()),
    }
}

impl<'a> Foreign<'a> {
    /// The tensors of a file's content, without prefixes and batch counts, under the names that
    /// `architecture` has here.
    ///
    /// # Errors
    /// Not a safetensors file, or two tensors of one name.
    pub fn parse(content: &'a [u8], architecture: Architecture) -> Result<Self, ImportErrorKind> {
        let mut tensors: BTreeMap<String, (String, TensorView<'a>)> = BTreeMap::new();
        let mut stored = SafeTensors::deserialize(content)?.tensors();
        stored.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, view) in stored {
            if name.rsplit('.').next() == Some(IGNORED) {
                continue;
            }
            let ours = canonical(&name, architecture);
            if let Some((first, _)) = tensors.get(&ours) {
                return Err(ImportErrorKind::Ambiguous { first: first.clone(), second: name, name: ours });
            }
            tensors.insert(ours, (name, view));
        }
        Ok(Self { architecture, tensors })
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|(_, view)| view.shape())
    }

    /// Whose names the tensors have.
    pub(super) fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// How the file calls the tensor, with its type and shape.
    pub(super) fn found(&self, name: &str) -> Option<Found> {
        self.tensors.get(name).map(|(original, view)| Found {
            name: original.clone(),
            dtype: format!("{:?}", view.dtype()),
            shape: view.shape().to_vec(),
        })
    }

    /// The names of all tensors.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The values of a tensor as f32, in the order of the file; nothing of an unknown name.
    ///
    /// # Errors
    /// A value that is not finite.
    pub(super) fn values(&self, name: &str) -> Result<Vec<f32>, ImportErrorKind> {
        let Some((original, view)) = self.tensors.get(name) else { return Ok(Vec::new()) };
        let halves = view.data().as_chunks::<2>().0.iter();
        let values: Vec<f32> = match view.dtype() {
            Dtype::F16 => halves.map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect(),
            Dtype::BF16 => halves.map(|&bytes| bf16::from_le_bytes(bytes).to_f32()).collect(),
            _ => view.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
        };
        match values.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(ImportErrorKind::NotFinite { name: original.clone(), index, value: values[index] }),
            None => Ok(values),
        }
    }
}

/// Whether values of this type are read.
pub(super) fn is_float(dtype: &str) -> bool {
    FLOATS.iter().any(|float| format!("{float:?}") == dtype)
}

/// The name without prefixes, and as our zoo has it.
fn canonical(name: &str, architecture: Architecture) -> String {
    let mut rest = name;
    while let Some(shorter) = PREFIXES.iter().find_map(|prefix| rest.strip_prefix(prefix)) {
        rest = shorter;
    }
    match architecture {
        // Repositories of CIFAR networks call the classifier `linear` and the shortcut `shortcut`.
        Architecture::ResNet20 => {
            let rest = rest.strip_prefix("linear.").map_or_else(|| rest.to_owned(), |tensor| format!("fc.{tensor}"));
            rest.replace(".shortcut.", ".downsample.")
        }
        // timm's VGG has the first two fully connected layers as convolutions, and a head.
        Architecture::Vgg16 | Architecture::Vgg16Bn => {
            let layers = [("pre_logits.fc1.", "0"), ("pre_logits.fc2.", "3"), ("head.fc.", "6")];
            let found = layers.iter().find_map(|(theirs, place)| Some((rest.strip_prefix(theirs)?, place)));
            found.map_or_else(|| rest.to_owned(), |(tensor, place)| format!("classifier.{place}.{tensor}"))
        }
        _ => rest.to_owned(),
    }
}
