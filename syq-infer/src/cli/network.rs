//! The flags that describe a known network with random weights.

use super::Failure;
use super::model::Source;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use syq_core::{ActivationQuantizer, ActivationRange, BitWidth, Codebook, Granularity};
use syq_pack::zoo::{self, Architecture, Scheme};
use syq_pack::{Model, Origin};

/// A known network with seeded random weights: the speed does not depend on them.
#[derive(Debug, Args)]
#[command(next_help_heading = "A known network with random weights")]
pub(super) struct NetworkArguments {
    /// resnet18, resnet34, resnet50, alexnet, alexnet-torchvision, vgg16, vgg16-bn, vgg-small or resnet20
    #[arg(long, value_name = "NAME", value_parser = architecture, conflicts_with = "model")]
    net: Option<Architecture>,
    /// Bits of a weight, 1 or 2; float for the float twin
    #[arg(long, value_name = "BITS", default_value = "2", requires = "net")]
    weights: Weights,
    /// Bits of an activation: 1, 2, 3, 4 or 8
    #[arg(long, value_name = "BITS", default_value = "2", requires = "net", value_parser = acts)]
    acts: BitWidth,
    /// What shares a scale: layer, row or pixel
    #[arg(long, value_name = "NAME", default_value = "pixel", requires = "net", value_parser = granularity)]
    granularity: Granularity,
    /// Format of the first and the last layer and of the shortcuts
    #[arg(long, value_name = "FORMAT", default_value = "float", requires = "net")]
    first_last: FirstLast,
    /// Height and width of the pictures [default: the literature's, 224 or 32]
    #[arg(long, value_name = "PIXELS", requires = "net", value_parser = clap::value_parser!(u32).range(1..=2048))]
    image: Option<u32>,
    /// Seed of the weights
    #[arg(long, value_name = "N", default_value = "1", requires = "net")]
    seed: u64,
    /// Writes the model file too
    #[arg(long, value_name = "FILE", requires = "net")]
    save: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Weights {
    #[value(name = "1")]
    One,
    #[value(name = "2")]
    Two,
    Float,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FirstLast {
    Float,
    #[value(name = "8bit")]
    EightBit,
}

fn architecture(name: &str) -> Result<Architecture, String> {
    let names = || Architecture::ALL.map(Architecture::name).join(", ");
    Architecture::from_name(name).ok_or_else(|| format!("there is no such network; there are {}", names()))
}

fn acts(bits: &str) -> Result<BitWidth, String> {
    let widths = || BitWidth::ALL.map(|width| width.bits().to_string()).join(", ");
    let width = bits.parse::<u32>().ok().and_then(|bits| BitWidth::try_from(bits).ok());
    width.ok_or_else(|| format!("must be one of {}", widths()))
}

fn granularity(name: &str) -> Result<Granularity, String> {
    let names = || Granularity::ALL.map(Granularity::name).join(", ");
    let found = Granularity::ALL.into_iter().find(|granularity| granularity.name() == name);
    found.ok_or_else(|| format!("must be one of {}", names()))
}

impl NetworkArguments {
    /// The model file of the network that was asked for, which is written if that was asked for too; `None` without
    /// `--net`.
    pub(super) fn source(&self) -> Result<Option<Source>, Failure> {
        let Some(model) = self.model()? else { return Ok(None) };
        if let Some(path) = &self.save {
            model.write(path).map_err(|error| Failure::Usage(error.to_string()))?;
        }
        let file = format!("random weights, seed {}", self.seed);
        match model.to_bytes() {
            Ok(bytes) => Ok(Some(Source { file, bytes: bytes.into() })),
            Err(error) => Err(Failure::Model { file, reason: error.to_string() }),
        }
    }

    fn model(&self) -> Result<Option<Model>, Failure> {
        let Some(architecture) = self.net else { return Ok(None) };
        let image = self.image.map_or_else(|| architecture.image(), |image| image as usize);
        let network = architecture.build(self.scheme(), image, architecture.classes());
        let refuse = |error: &dyn std::fmt::Display| {
            Failure::Usage(format!("{} for pictures of {image} pixels: {error}", architecture.name()))
        };
        network.resolve().map_err(|error| refuse(&error))?;
        let mut model = Model::random(network, self.seed).map_err(|error| refuse(&error))?;
        model.origin = Origin {
            recipe: Some("random weights".to_owned()),
            seed: Some(self.seed),
            producer: Some(format!("syq {}", env!("CARGO_PKG_VERSION"))),
            ..Origin::default()
        };
        Ok(Some(model))
    }

    fn scheme(&self) -> Scheme {
        let codebook = match self.weights {
            Weights::Float => return Scheme::Float,
            Weights::One => Codebook::Binary,
            Weights::Two => Codebook::Ternary,
        };
        let activation = ActivationQuantizer { bits: self.acts, range: ActivationRange::Learned };
        let first_last = match self.first_last {
            FirstLast::Float => zoo::FirstLast::Float,
            FirstLast::EightBit => zoo::FirstLast::EIGHT_BIT,
        };
        Scheme::Quantized { codebook, granularity: self.granularity, activation, first_last }
    }
}
