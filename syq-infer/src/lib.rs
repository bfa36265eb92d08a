//! The SYQ inference engine: runs packed binary and ternary networks on ordinary CPUs, with the same
//! bits on every instruction set.

pub mod isa;
pub mod kernels;
pub mod preprocess;
pub mod rgb;

pub use isa::{ISA_VARIABLE, Isa, IsaError};
