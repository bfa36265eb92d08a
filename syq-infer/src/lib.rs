//! The SYQ inference engine: runs packed binary and ternary networks on ordinary CPUs, with the same
//! bits on every instruction set.

mod exec;
#[cfg(feature = "cli")]
pub mod inputs;
pub mod isa;
pub mod kernels;
#[cfg(feature = "picture")]
pub mod picture;
pub mod plan;
pub mod preprocess;
pub mod rgb;
pub mod session;
pub mod topk;

pub use isa::{ISA_VARIABLE, Isa, IsaError};
pub use session::{Session, SessionError, SessionOptions};
