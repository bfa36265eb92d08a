//! Constructors of the known networks: ResNet-20 (CIFAR), VGG-small, the paper's AlexNet, ResNet-18, 34
//! and 50, and torchvision's AlexNet and VGG-16. Each builds a [`Network`] value; nothing else in the workspace knows them.

mod alexnet;
mod builder;
mod resnet;
mod torchvision;
mod vgg;

use crate::network::{Network, WeightFormat};
use serde::{Deserialize, Serialize};
use syq_core::{ActivationQuantizer, Codebook, Granularity};

/// How the layers of a network are quantized.
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
        /// The first, the last and the shortcut layers.
        first_last: FirstLast,
    },
}

/// How the first convolution, the last fully connected layer and the 1×1 shortcut convolutions of a
/// residual network (under 1 % of its multiply-accumulates) are stored and computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstLast {
    /// Float, as in the paper; for the shortcuts a deliberate difference, worth up to 2 points elsewhere.
    #[default]
    Float,
    /// Integer: 8-bit weights with a scale a filter. The picture is quantized to signed 8-bit codes, a
    /// shortcut's and the last layer's input by an 8-bit quantizer with a learned step, except where
    /// the last layer's input consists of codes already.
    EightBit {
        /// The largest magnitude of a picture's normalised values that is not clipped.
        bound: f32,
    },
}

impl FirstLast {
    /// Integer layers for pictures normalised as usual: with the means and deviations of ImageNet
    /// values reach from −2.12 to 2.64, with those of CIFAR-10 from −1.99 to 2.13 (or to 2.75 with the
    /// smaller deviations, near 0.2, that some recipes take).
    pub const EIGHT_BIT: Self = Self::EightBit { bound: 2.75 };
}

impl Scheme {
    fn conv(self) -> WeightFormat {
        match self {
            Self::Float => WeightFormat::Float,
            Self::Quantized { codebook, granularity, .. } => WeightFormat::Codebook { codebook, granularity },
        }
    }

    fn first_last(self) -> FirstLast {
        match self {
            Self::Float => FirstLast::Float,
            Self::Quantized { first_last, .. } => first_last,
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
    /// AlexNet as torchvision has it, another network than [`Self::AlexNet`]: 11×11 first, biases, no batch norm.
    #[serde(rename = "alexnet-torchvision")]
    AlexNetTorchvision,
    /// VGG-16, torchvision's `vgg16`: biases, no batch norm.
    Vgg16,
    /// VGG-16 with a batch norm behind each convolution, torchvision's `vgg16_bn`.
    #[serde(rename = "vgg16-bn")]
    Vgg16Bn,
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Self; 9] = [
        Self::ResNet20,
        Self::VggSmall,
        Self::AlexNet,
        Self::ResNet18,
        Self::ResNet34,
        Self::ResNet50,
        Self::AlexNetTorchvision,
        Self::Vgg16,
        Self::Vgg16Bn,
    ];

    /// The name, as in configurations and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ResNet20 => "resnet20",
            Self::VggSmall => "vgg-small",
            Self::AlexNet => "alexnet",
            Self::ResNet18 => "resnet18",
            Self::ResNet34 => "resnet34",
            Self::ResNet50 => "resnet50",
            Self::AlexNetTorchvision => "alexnet-torchvision",
            Self::Vgg16 => "vgg16",
            Self::Vgg16Bn => "vgg16-bn",
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
            Self::AlexNetTorchvision => torchvision::alexnet(scheme, image, classes),
            Self::Vgg16 => torchvision::vgg16(scheme, image, classes, torchvision::Norm::None),
            Self::Vgg16Bn => torchvision::vgg16(scheme, image, classes, torchvision::Norm::Batch),
        }
    }
}
