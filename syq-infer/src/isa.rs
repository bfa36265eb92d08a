//! The instruction sets that have kernels, which of them this machine has, and how one is chosen.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The environment variable that [`Isa::from_env`] reads.
pub const ISA_VARIABLE: &str = "SYQ_ISA";

/// An instruction set. All of them give the same bits; they differ in speed alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Isa {
    /// x86-64 with AVX-512 F, BW, VL, DQ, VBMI, VNNI and VPOPCNTDQ (Intel Ice Lake, AMD Zen 4 and later).
    Avx512,
    /// x86-64 with AVX2 and FMA (Intel Haswell, AMD Zen and later).
    Avx2,
    /// 64-bit Arm with Advanced SIMD, which every such processor has.
    Neon,
    /// Plain Rust, on every machine.
    Portable,
}

/// An instruction set that does not exist or that this machine does not have.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum IsaError {
    /// No such name.
    #[error("there is no instruction set {name:?}; available here: {}", names(available))]
    Unknown {
        /// The name asked for.
        name: String,
        /// What this machine has.
        available: Vec<Isa>,
    },
    /// A known instruction set that this machine does not have.
    #[error("this machine does not have {isa} ({}); available here: {}", isa.features(), names(available))]
    Unavailable {
        /// The instruction set asked for.
        isa: Isa,
        /// What this machine has.
        available: Vec<Isa>,
    },
}

fn names(list: &[Isa]) -> String {
    list.iter().map(|isa| isa.name()).collect::<Vec<_>>().join(", ")
}

impl Isa {
    /// Every instruction set, the preferred first.
    pub const ALL: [Self; 4] = [Self::Avx512, Self::Avx2, Self::Neon, Self::Portable];

    /// The best instruction set of this machine.
    pub fn detect() -> Self {
        Self::ALL.into_iter().find(|isa| isa.is_available()).unwrap_or(Self::Portable)
    }

    /// All instruction sets of this machine, the preferred first; [`Isa::Portable`] is always the last.
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available()).collect()
    }

    /// Whether this machine has the instruction set.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vbmi")
                    && is_x86_feature_detected!("avx512vnni")
                    && is_x86_feature_detected!("avx512vpopcntdq")
                    && Self::Avx2.is_available()
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("popcnt")
            }
            #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            Self::Portable => true,
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }

    /// The instruction set of that name.
    ///
    /// # Errors
    /// A name that no instruction set has, or one that this machine lacks; both list what is available.
    pub fn from_name(name: &str) -> Result<Self, IsaError> {
        let isa = name.parse::<Self>()?;
        if isa.is_available() { Ok(isa) } else { Err(IsaError::Unavailable { isa, available: Self::available() }) }
    }

    /// The instruction set that [`ISA_VARIABLE`] names, or the best one if it is unset or empty.
    ///
    /// # Errors
    /// As [`Isa::from_name`].
    pub fn from_env() -> Result<Self, IsaError> {
        match std::env::var_os(ISA_VARIABLE) {
            Some(name) if !name.is_empty() => Self::from_name(&name.to_string_lossy()),
            _ => Ok(Self::detect()),
        }
    }

    /// The name, as `SYQ_ISA` takes it and as kernel names end.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Neon => "neon",
            Self::Portable => "portable",
        }
    }

    /// The processor features that the instruction set needs.
    pub const fn features(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512f, avx512bw, avx512vl, avx512dq, avx512vbmi, avx512vnni, avx512vpopcntdq",
            Self::Avx2 => "avx2, fma, popcnt",
            Self::Neon => "neon",
            Self::Portable => "none",
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Isa {
    type Err = IsaError;

    /// Reads a name; whether this machine has the instruction set is not looked at.
    fn from_str(name: &str) -> Result<Self, IsaError> {
        Self::ALL
            .into_iter()
            .find(|isa| isa.name() == name)
            .ok_or_else(|| IsaError::Unknown { name: name.to_owned(), available: Self::available() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_errors_list_what_is_there() {
        for isa in Isa::ALL {
            assert_eq!(isa.name().parse(), Ok(isa));
        }
        let error = Isa::from_name("mmx").unwrap_err().to_string();
        assert!(error.contains("mmx") && error.contains("portable"), "{error}");
        let missing = if cfg!(target_arch = "aarch64") { Isa::Avx2 } else { Isa::Neon };
        let error = Isa::from_name(missing.name()).unwrap_err();
        assert_eq!(error, IsaError::Unavailable { isa: missing, available: Isa::available() });
        assert_eq!(Isa::available().last(), Some(&Isa::Portable));
        assert_eq!(Isa::available().first(), Some(&Isa::detect()));
    }
}
