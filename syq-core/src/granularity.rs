//! Granularity: how a layer's weights are divided into the subgroups that share a scale.

use serde::{Deserialize, Serialize};

/// Which weights of a layer share one scale α (SYQ, section 3). All input channels, all filters and
/// both halves of a grouped convolution share it in every case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// One scale for the layer; the only one that a fully connected layer has.
    Layer,
    /// One scale for each kernel row: K.
    Row,
    /// One scale for each kernel position: K².
    Pixel,
}

impl Granularity {
    /// Every granularity, coarsest first.
    pub const ALL: [Self; 3] = [Self::Layer, Self::Row, Self::Pixel];

    /// Number of subgroups (scales) of a layer with this kernel `[rows, columns]`.
    pub const fn subgroups(self, kernel: [usize; 2]) -> usize {
        match self {
            Self::Layer => 1,
            Self::Row => kernel[0],
            Self::Pixel => kernel[0] * kernel[1],
        }
    }

    /// Kernel positions, in row-major order, that follow each other in one subgroup.
    pub const fn run(self, kernel: [usize; 2]) -> usize {
        match self {
            Self::Layer => kernel[0] * kernel[1],
            Self::Row => kernel[1],
            Self::Pixel => 1,
        }
    }

    /// The name, lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Layer => "layer",
            Self::Row => "row",
            Self::Pixel => "pixel",
        }
    }
}
