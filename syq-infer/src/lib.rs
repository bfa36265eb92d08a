//! The SYQ inference engine: runs packed binary and ternary networks on ordinary CPUs, with the same
//! bits on every instruction set.
//!
//! An [`Engine`] is a model that was compiled into a [`plan`] for the [`kernels`] of one instruction set; it is
//! immutable and shared. A [`Session`] runs it with threads and memory of its own. The logits depend on the model and the input alone:
//! not on the instruction set, the number of threads or how many images are given at once.
//!
#![cfg_attr(all(feature = "fs", feature = "picture"), doc = "```no_run")]
#![cfg_attr(not(all(feature = "fs", feature = "picture")), doc = "```text")]
//! use syq_infer::picture::{self, PictureLimits};
//! use syq_infer::{Session, SessionOptions};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // All cores and the best instruction set; `threads: 1` uses no thread pool at all.
//!     let mut session = Session::load("model.safetensors".as_ref(), SessionOptions::default())?;
//!     let bytes = std::fs::read("cat.jpg")?;
//!     let picture = picture::decode(&bytes, &PictureLimits::default())?;
//!     for candidate in session.classify(picture.view(), 3)? {
//!         println!("{:5.3}  {}", candidate.probability, session.labels()[candidate.index]);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Features
//!
//! | feature | what | on by default |
//! | --- | --- | --- |
//! | `threads` | sessions with more threads than the calling one | yes |
//! | `fs` | model files are read and written | yes |
//! | `picture` | decoding of JPEG and PNG | through `cli` |
//! | `cli` | the `syq` command | yes |
//!
//! Without any of them the library takes a model's bytes, and RGB bytes ([`rgb`]) or float tensors. The built-in network is there
//! in every case: [`builtin()`].
//!
//! # Dependencies
//!
//! `syq-core` and `syq-pack` are this workspace's own. `bytemuck` reinterprets arrays of lanes and words
//! without `unsafe`; `rayon` gives a session its threads (`threads`); `thiserror` derives the error types. With
//! `picture`: `png` and `zune-jpeg` decode, both pure Rust. With `cli`: `clap` reads the arguments,
//! `clap_complete` and `clap_mangen` write completions and manual pages from them, `indicatif` draws the progress bar, `serde` and `serde_json` write JSON.
#![deny(unsafe_code)]

pub mod builtin;
mod exec;
#[cfg(doc)]
pub mod guide;
#[cfg(feature = "cli")]
pub mod inputs;
pub mod isa;
#[allow(unsafe_code, reason = "entering a detected instruction set; nothing else in the crate may")]
pub mod kernels;
#[cfg(feature = "picture")]
pub mod picture;
pub mod plan;
pub mod preprocess;
pub mod rgb;
pub mod session;
pub mod topk;
pub mod verify;

pub use builtin::builtin;
pub use exec::StepTimes;
pub use isa::{ISA_VARIABLE, Isa, IsaError};
pub use session::{Control, Engine, Session, SessionError, SessionOptions};
