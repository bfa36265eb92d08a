//! The parameters of a network, by layer name.

use crate::packed::PackedCodes;
use std::collections::BTreeMap;

/// Parameters by layer name; layers without parameters have no entry.
pub type Parameters = BTreeMap<String, LayerParameters>;

/// The parameters of one layer.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerParameters {
    /// A convolution or fully connected layer with float weights.
    Float {
        /// `[filter][kernel row][kernel column][channel]`, or `[output][input]`.
        weights: Vec<f32>,
        /// One for each filter or output.
        bias: Option<Vec<f32>>,
    },
    /// A convolution or fully connected layer with codebook weights.
    Coded {
        /// The codes, in the order of float weights.
        codes: PackedCodes,
        /// One scale α for each subgroup.
        scales: Vec<f32>,
        /// One for each filter or output.
        bias: Option<Vec<f32>>,
    },
    /// A convolution or fully connected layer with 8-bit weights.
    EightBit {
        /// Codes in [−127, 127], in the order of float weights.
        codes: Vec<i8>,
        /// One scale for each filter or output.
        scales: Vec<f32>,
        /// One for each filter or output.
        bias: Option<Vec<f32>>,
    },
    /// Batch norm folded for inference: y = fma(x, scale, offset).
    BatchNorm {
        /// One for each channel.
        scale: Vec<f32>,
        /// One for each channel.
        offset: Vec<f32>,
    },
    /// The learned step of an activation quantizer.
    Step(f32),
}

impl LayerParameters {
    /// The name of the kind, for messages.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Float { .. } => "float weights",
            Self::Coded { .. } => "coded weights",
            Self::EightBit { .. } => "8-bit weights",
            Self::BatchNorm { .. } => "batch norm",
            Self::Step(_) => "step",
        }
    }

    /// The bias of a layer that has one.
    pub fn bias(&self) -> Option<&[f32]> {
        match self {
            Self::Float { bias, .. } | Self::Coded { bias, .. } | Self::EightBit { bias, .. } => bias.as_deref(),
            Self::BatchNorm { .. } | Self::Step(_) => None,
        }
    }
}
