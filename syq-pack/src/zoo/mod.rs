//! Constructors of the known networks: ResNet-20 (CIFAR), VGG-small, the paper's AlexNet and
//! ResNet-18, 34 and 50. Each builds a [`Network`] value; nothing else in the workspace knows them.

mod alexnet;
mod builder;
mod resnet;
mod vgg;

use crate::network::{Network, WeightFormat};
use serde::{Deserialize, Serialize};
use syq_core::{ActivationQuantizer, Codebook, Granularity};

/// How the inner layers of a network are quantized. The first convolution and the last fully
/// connected layer stay float, as in the paper; so do the 1×1 shortcut convolutions of a residual
/// network (a deliberate difference, worth up to 2 points elsewhere at under 1 % of the MACs).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scheme {
    /// The float twin: float weights, ReLU in place of the activation quantizers.
    Float,
    /// Codebook weights and quantized activations.
    Quantized {
        /// Binary or ternary.
        codebook: Codebook,
        /// Subgroups of the convolutions; a fully connected layer has one scale.
        granularity: Granularity,
        /// What stands before each quantized layer.
        activation: ActivationQuantizer,
    },
}

impl Scheme {
    fn conv(self) -> WeightFormat {
        match self {
            Self::Float => WeightFormat::Float,
            Self::Quantized { codebook, granularity, .. } => WeightFormat::Codebook { codebook, granularity },
        }
    }

    fn linear(self) -> WeightFormat {
        match self {
            Self::Float => WeightFormat::Float,
            Self::Quantized { codebook, .. } => WeightFormat::Codebook { codebook, granularity: Granularity::Layer },
        }
    }
}

/// The networks that have a constructor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// ResNet-20 of He et al., CVPR 2016, section 4.2, with 1×1 convolution shortcuts.
    ResNet20,
    /// The VGG-like network of BinaryConnect's successors: 2×128, 2×256, 2×512, one fully connected layer.
    #[serde(rename = "vgg-small")]
    VggSmall,
    /// AlexNet as the SYQ authors released it.
    AlexNet,
    /// ResNet-18.
    ResNet18,
    /// ResNet-34.
    ResNet34,
    /// ResNet-50 with the stride in the 3×3 convolution.
    ResNet50,
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Self; 6] =
        [Self::ResNet20, Self::VggSmall, Self::AlexNet, Self::ResNet18, Self::ResNet34, Self::ResNet50];

    /// The name, as in configurations and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ResNet20 => "resnet20",
            Self::VggSmall => "vgg-small",
            Self::AlexNet => "alexnet",
            Self::ResNet18 => "resnet18",
            Self::ResNet34 => "resnet34",
            Self::ResNet50 => "resnet50",
        }
    }

    /// The architecture of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|architecture| architecture.name() == name)
    }

    /// Height and width of the pictures in the literature: 32 for CIFAR's networks, else 224.
    pub const fn image(self) -> usize {
        match self {
            Self::ResNet20 | Self::VggSmall => 32,
            _ => 224,
        }
    }

    /// Classes in the literature: CIFAR-10's or ImageNet's.
    pub const fn classes(self) -> usize {
        match self {
            Self::ResNet20 | Self::VggSmall => 10,
            _ => 1000,
        }
    }

    /// Builds the network for square pictures of `image` pixels and `classes` logits. The result is
    /// checked by [`Network::resolve`] alone: a picture that is too small is its error.
    pub fn build(self, scheme: Scheme, image: usize, classes: usize) -> Network {
        match self {
            Self::ResNet20 => resnet::resnet20(scheme, image, classes),
            Self::VggSmall => vgg::vgg_small(scheme, image, classes),
            Self::AlexNet => alexnet::alexnet(scheme, image, classes),
            Self::ResNet18 => resnet::resnet(self, scheme, image, classes, resnet::Block::Basic, [2, 2, 2, 2]),
            Self::ResNet34 => resnet::resnet(self, scheme, image, classes, resnet::Block::Basic, [3, 4, 6, 3]),
            Self::ResNet50 => resnet::resnet(self, scheme, image, classes, resnet::Block::Bottleneck, [3, 4, 6, 3]),
        }
    }
}
