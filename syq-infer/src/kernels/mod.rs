//! The kernels: quantized and float convolutions, fully connected layers and the steps between them,
//! for each instruction set.
//!
//! The loops live in `generic`, once; a folder for each instruction set holds its arithmetic and one
//! `#[target_feature]` entry for the convolutions and one for the row functions. A [`Kernels`] value
//! exists only for an instruction set that the machine has: that is the proof behind the few `unsafe`
//! calls. All kernels equal [`syq_core::reference`] bit for bit.

mod choose;
mod codes;
mod cost;
mod error;
mod finish_into;
mod generic;
mod layout;
mod pack;
mod packed;
mod pool;
mod portable;
mod row_functions;
mod run;
mod soon;
mod windows;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod neon;

#[cfg(test)]
mod tests;

use crate::isa::{Isa, IsaError};

pub use choose::{QuantizedKernel, eight_bit_format};
pub use error::KernelError;
pub(crate) use finish_into::{Destination, Keep, Placed, Residual};
pub use layout::{BLOCK, InputFormat, InputLayout, Lanes};
pub use packed::{CodedWeights, PackedConv, QuantizedWeights};
pub use pool::PooledRow;
pub use row_functions::{Activation, Affine, Finish};
pub use run::{Input, InputData, OutputRange};
pub(crate) use soon::Soon;
pub use windows::Windows;

/// The convolution kernels that every instruction set has; a full name ends in that of the
/// instruction set, as in `popcount_w2_avx512`.
pub const CONVOLUTIONS: [&str; 10] = [
    "popcount_w1",
    "popcount_w2",
    "lookup_w1",
    "lookup_w2",
    "permute_w1",
    "permute_w2",
    "int8",
    "int8_w8",
    "int16_w8",
    "float",
];

/// The kernels of one instruction set that this machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernels {
    isa: Isa,
}

impl Kernels {
    /// The kernels of `isa`.
    ///
    /// # Errors
    /// This machine does not have the instruction set.
    pub fn new(isa: Isa) -> Result<Self, IsaError> {
        if isa.is_available() {
            Ok(Self { isa })
        } else {
            Err(IsaError::Unavailable { isa, available: Isa::available() })
        }
    }

    /// The kernels of the best instruction set of this machine.
    pub fn detect() -> Self {
        Self { isa: Isa::detect() }
    }

    /// The instruction set.
    pub const fn isa(self) -> Isa {
        self.isa
    }

    /// The full names of the convolution kernels.
    pub fn names(self) -> [String; CONVOLUTIONS.len()] {
        CONVOLUTIONS.map(|name| format!("{name}_{}", self.isa))
    }
}
