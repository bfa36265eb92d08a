//! The two symmetric codebooks, and the integer codes that stand for their entries.

use serde::{Deserialize, Serialize};

/// A symmetric codebook of a layer's weights: one scale α serves both signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codebook {
    /// {−α, +α}: codes −1 and +1.
    Binary,
    /// {−α, 0, +α}: codes −1, 0 and +1.
    Ternary,
}

impl Codebook {
    /// Both codebooks.
    pub const ALL: [Self; 2] = [Self::Binary, Self::Ternary];

    /// Bits of a packed weight: 1 or 2.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Binary => 1,
            Self::Ternary => 2,
        }
    }

    /// Whether the codebook has an entry for `code`.
    pub const fn contains(self, code: i8) -> bool {
        match self {
            Self::Binary => code == 1 || code == -1,
            Self::Ternary => code >= -1 && code <= 1,
        }
    }

    /// The name, lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Ternary => "ternary",
        }
    }
}
