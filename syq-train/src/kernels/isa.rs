//! Instruction sets of the training kernels, and the precision of their operands.

use thiserror::Error;

/// An instruction set; which one runs is decided at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isa {
    /// AVX-512 F, BW, VNNI and BF16.
    Avx512Bf16,
    /// AVX-512 F and BW.
    Avx512,
    /// AVX2 with FMA.
    Avx2,
    /// Plain Rust.
    Portable,
}

/// Precision of a convolution's operands; sums are always f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32-bit floats.
    F32,
    /// bfloat16, two channels in a lane. Activation codes are exact in it; needs AVX-512 BF16.
    Bf16,
}

impl Precision {
    /// Products of which an operand element consists.
    pub(crate) const fn products(self) -> usize {
        match self {
            Self::F32 => 1,
            Self::Bf16 => 2,
        }
    }

    /// The name, as in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }
}

/// A precision that an instruction set does not have.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("bf16 operands need AVX-512 BF16, this run uses {isa}")]
pub struct PrecisionError {
    /// Name of the instruction set.
    pub isa: &'static str,
}

impl Isa {
    /// Every instruction set, best first.
    pub const ALL: [Self; 4] = [Self::Avx512Bf16, Self::Avx512, Self::Avx2, Self::Portable];

    /// Whether this machine has it.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        match self {
            Self::Avx512Bf16 => {
                std::arch::is_x86_feature_detected!("avx512f")
                    && std::arch::is_x86_feature_detected!("avx512bw")
                    && std::arch::is_x86_feature_detected!("avx512vnni")
                    && std::arch::is_x86_feature_detected!("avx512bf16")
            }
            Self::Avx512 => {
                std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("avx512bw")
            }
            Self::Avx2 => std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma"),
            Self::Portable => true,
        }
        #[cfg(not(target_arch = "x86_64"))]
        matches!(self, Self::Portable)
    }

    /// The best that this machine has.
    pub fn detect() -> Self {
        Self::ALL.into_iter().find(|isa| isa.is_available()).unwrap_or(Self::Portable)
    }

    /// The name, as in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avx512Bf16 => "avx512-bf16",
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }

    /// The available instruction set of that [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|isa| isa.name() == name && isa.is_available())
    }

    /// Checks that the instruction set has the precision.
    ///
    /// # Errors
    /// bf16 without AVX-512 BF16.
    pub fn check(self, precision: Precision) -> Result<(), PrecisionError> {
        match (precision, self) {
            // So that the loops of two products are tested on every machine.
            (Precision::Bf16, Self::Portable) if cfg!(test) => Ok(()),
            (Precision::Bf16, Self::Avx512 | Self::Avx2 | Self::Portable) => Err(PrecisionError { isa: self.name() }),
            _ => Ok(()),
        }
    }
}
