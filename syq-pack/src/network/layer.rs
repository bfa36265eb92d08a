//! The layers that a network is made of.

use serde::{Deserialize, Serialize};
use syq_core::{ActivationQuantizer, Codebook, Granularity, Window};

/// One layer: a name, the names of its inputs and what it does with them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// Name, unique in the network.
    pub name: String,
    /// Names of earlier layers, or [`INPUT`](super::INPUT).
    pub inputs: Vec<String>,
    /// What the layer does.
    #[serde(flatten)]
    pub op: Op,
}

/// What a layer does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// Two-dimensional convolution.
    Conv(Conv),
    /// Fully connected layer on a vector.
    Linear(Linear),
    /// Batch norm over the channels; at inference one scale and one offset for each.
    BatchNorm,
    /// ReLU.
    Relu,
    /// Max pooling; the padding never wins.
    MaxPool(Window),
    /// Average pooling; the padding does not count.
    AveragePool(Window),
    /// The mean of each channel over the whole feature map.
    GlobalAveragePool,
    /// Sum of two feature maps of one shape (the residual add).
    Add,
    /// Activation quantizer: floats to codes. It contains the ReLU where codes are unsigned.
    Quantize(ActivationQuantizer),
    /// Feature map to vector, in `[height][width][channel]` order.
    Flatten,
}

/// A convolution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conv {
    /// Output channels.
    pub filters: usize,
    /// Kernel, stride and zero padding.
    #[serde(flatten)]
    pub window: Window,
    /// Groups that channels and filters are split into.
    pub groups: usize,
    /// How the weights are stored.
    pub weights: WeightFormat,
    /// Whether there is a bias.
    pub bias: Bias,
}

/// A fully connected layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// Outputs.
    pub outputs: usize,
    /// How the weights are stored; the granularity of a codebook is `Layer`.
    pub weights: WeightFormat,
    /// Whether there is a bias.
    pub bias: Bias,
}

/// How the weights of a layer are stored and computed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightFormat {
    /// 32-bit floats.
    Float,
    /// Codes of a symmetric codebook, with a learned scale for each subgroup.
    Codebook {
        /// Binary or ternary.
        codebook: Codebook,
        /// The subgroups.
        granularity: Granularity,
    },
    /// Symmetric 8-bit codes, with a scale for each filter or output.
    EightBit,
}

/// Whether a layer adds a bias to each output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bias {
    /// No bias.
    None,
    /// One float a filter or output.
    PerFilter,
}

impl Op {
    /// The weight format of a layer that has weights.
    pub const fn weights(&self) -> Option<WeightFormat> {
        match self {
            Self::Conv(conv) => Some(conv.weights),
            Self::Linear(linear) => Some(linear.weights),
            _ => None,
        }
    }

    /// The name of the operation, as in the JSON form.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Conv(_) => "conv",
            Self::Linear(_) => "linear",
            Self::BatchNorm => "batch_norm",
            Self::Relu => "relu",
            Self::MaxPool(_) => "max_pool",
            Self::AveragePool(_) => "average_pool",
            Self::GlobalAveragePool => "global_average_pool",
            Self::Add => "add",
            Self::Quantize(_) => "quantize",
            Self::Flatten => "flatten",
        }
    }

    /// Number of inputs.
    pub const fn arity(&self) -> usize {
        match self {
            Self::Add => 2,
            _ => 1,
        }
    }
}
