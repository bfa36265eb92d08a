//! Our own models: the known networks with seeded random weights in every scheme of the comparison,
//! and the float twins that the peers' models are made from.

use super::error::PeerError;
use crate::problem::Quantization;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use syq_core::{ActivationQuantizer, ActivationRange, BitWidth, Codebook, Granularity};
use syq_pack::Model;
use syq_pack::network::Network;
use syq_pack::zoo::{self, Architecture, Scheme};

/// Seed of the weights.
const SEED: u64 = 1;

/// How the first and the last layer and the shortcuts are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FirstLast {
    /// As in the paper.
    #[serde(rename = "float")]
    Float,
    /// In 8-bit integers.
    #[serde(rename = "8bit")]
    EightBit,
}

impl FirstLast {
    /// Every format, the one that has marks first.
    pub const ALL: [Self; 2] = [Self::EightBit, Self::Float];

    /// The name, as on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::EightBit => "8bit",
        }
    }

    const fn layers(self) -> zoo::FirstLast {
        match self {
            Self::Float => zoo::FirstLast::Float,
            Self::EightBit => zoo::FirstLast::EIGHT_BIT,
        }
    }
}

/// The schemes of the comparison, in the order of its tables; pixel-wise scales.
pub const SCHEMES: [Quantization; 7] = [
    scheme(Codebook::Binary, BitWidth::One),
    scheme(Codebook::Binary, BitWidth::Two),
    scheme(Codebook::Ternary, BitWidth::Two),
    scheme(Codebook::Binary, BitWidth::Four),
    scheme(Codebook::Ternary, BitWidth::Four),
    scheme(Codebook::Binary, BitWidth::Eight),
    scheme(Codebook::Ternary, BitWidth::Eight),
];

const fn scheme(codebook: Codebook, bits: BitWidth) -> Quantization {
    Quantization { codebook, granularity: Granularity::Pixel, bits }
}

/// The networks of the comparison, in the order of its tables.
pub const NETWORKS: [Architecture; 6] = [
    Architecture::ResNet18,
    Architecture::ResNet34,
    Architecture::ResNet50,
    Architecture::VggSmall,
    Architecture::AlexNet,
    Architecture::ResNet20,
];

/// The network in a scheme, for pictures of the literature's size.
pub fn network(architecture: Architecture, quantization: Quantization, first_last: FirstLast) -> Network {
    let Quantization { codebook, granularity, bits } = quantization;
    let activation = ActivationQuantizer { bits, range: ActivationRange::Learned };
    let scheme = Scheme::Quantized { codebook, granularity, activation, first_last: first_last.layers() };
    architecture.build(scheme, architecture.image(), architecture.classes())
}

/// The float twin, which the peers run.
pub fn float_twin(architecture: Architecture) -> Network {
    architecture.build(Scheme::Float, architecture.image(), architecture.classes())
}

/// Where the model file of a scheme lies.
pub fn model_path(
    models: &Path,
    architecture: Architecture,
    quantization: Quantization,
    first_last: FirstLast,
) -> PathBuf {
    let name = format!("{}-{}-{}", architecture.name(), quantization.name().to_lowercase(), first_last.name());
    models.join(name).with_extension("safetensors")
}

/// Writes the model file of a scheme, unless there is one of the same network already.
///
/// # Errors
/// A network that does not fit together, or a file that cannot be written.
pub fn write_model(
    models: &Path,
    architecture: Architecture,
    quantization: Quantization,
    first_last: FirstLast,
) -> Result<(), PeerError> {
    let path = model_path(models, architecture, quantization, first_last);
    let network = network(architecture, quantization, first_last);
    // A file of an older format or of another network is made anew.
    if Model::read(&path).is_ok_and(|model| model.network == network && model.origin.seed == Some(SEED)) {
        return Ok(());
    }
    let mut model = Model::random(network, SEED)?;
    model.origin.seed = Some(SEED);
    Ok(model.write(&path)?)
}

/// Writes the float twin as JSON, for the programs that make the peers' models.
///
/// # Errors
/// A file that cannot be written.
pub fn write_float_twin(models: &Path, architecture: Architecture) -> Result<(), PeerError> {
    let path = models.join(architecture.name()).with_extension("json");
    let json = serde_json::to_string_pretty(&float_twin(architecture));
    let json = json.map_err(|source| PeerError::Json { path: path.clone(), source })?;
    // The exports are older than the file only if the network changed.
    if std::fs::read_to_string(&path).is_ok_and(|old| old == json) {
        return Ok(());
    }
    std::fs::write(&path, json).map_err(|source| PeerError::Io { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_made_once_and_made_again_when_the_network_changes() {
        let folder = tempfile::tempdir().unwrap();
        let make = || write_model(folder.path(), Architecture::ResNet20, SCHEMES[2], FirstLast::Float).unwrap();
        make();
        let path = model_path(folder.path(), Architecture::ResNet20, SCHEMES[2], FirstLast::Float);
        assert!(path.ends_with("resnet20-w2a2-float.safetensors"), "{}", path.display());
        let first = std::fs::read(&path).unwrap();
        let time = || std::fs::metadata(&path).unwrap().modified().unwrap();
        let written = time();
        make();
        assert_eq!(time(), written);
        std::fs::write(&path, b"something else").unwrap();
        make();
        assert_eq!(std::fs::read(&path).unwrap(), first);
    }

    #[test]
    fn float_twins_are_written_as_networks() {
        let folder = tempfile::tempdir().unwrap();
        write_float_twin(folder.path(), Architecture::AlexNet).unwrap();
        let json = std::fs::read_to_string(folder.path().join("alexnet.json")).unwrap();
        assert_eq!(serde_json::from_str::<Network>(&json).unwrap(), float_twin(Architecture::AlexNet));
    }

    #[test]
    fn schemes_are_named_like_the_columns() {
        assert_eq!(SCHEMES.map(|scheme| scheme.name()), ["W1A1", "W1A2", "W2A2", "W1A4", "W2A4", "W1A8", "W2A8"]);
    }
}
