//! Weights of other trainers: safetensors files with the names of PyTorch's model zoos, float or from a
//! fake-quantizing SYQ layer, become a run's folder, which `export`, `--init` and a teacher take.
//!
//! A network here is the same function as there: convolutions are reordered, the ε of batch norms is
//! folded into γ, a bias in front of a batch norm into its mean. What each network needs, and the
//! definition of the SYQ layer, stand in `docs/import.md`.

mod convert;
mod description;
mod error;
mod file;
mod mismatch;
mod run;
mod slots;

pub use description::Description;
pub use error::{ImportError, ImportErrorKind};
pub use file::{Foreign, description};
pub use mismatch::{Expected, Found, Mismatch};
pub use run::{Imported, Provenance, import, import_bytes};
