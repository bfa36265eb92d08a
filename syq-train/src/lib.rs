//! Trains binary and ternary networks with learned symmetric scales (SYQ, CVPR 2018).
//!
//! A [`run`] takes a [`config`] and images, compiles the network to a [`graph`] of [`layers`] on a
//! [`tape`], and steps an optimizer ([`optim`]); convolutions are direct, in [`kernels`]. The quantizers are
//! those of `syq-core`, and the accuracy that a run reports is that of the exported model in
//! `syq-infer`. What a run writes down ([`metrics`], [`tensorboard`]) a [`report`] shows. Everything random
//! follows from the seed ([`rng`]), and the result does not depend on the number of threads ([`parallel`]).
//!
//! # Dependencies
//!
//! `syq-core`, `syq-pack` and `syq-infer` are this workspace's own. `rayon` gives a run its threads;
//! `bytemuck` and `half` hold and convert vectors and bf16; `rand_pcg` is a generator whose values do not
//! change from version to version; `image` decodes JPEG and PNG; `safetensors` and `serde_json` are the form of
//! checkpoints, `tempfile` writes them beside their destination and renames them; `serde` and `toml` read
//! the configuration; `thiserror` derives the error types.
//!
//! TensorBoard's event files are records of protobuf messages: `prost` encodes the four messages, `crc` makes the
//! records' sums, and the framing, some twenty lines, is ours. The crates that write whole event files are not kept up:
//! `tensorboard-rs` 0.5.9 stands on `image` 0.23 and `protobuf` 2, `tboard` 0.1.1 on a protobuf compiler at build time,
//! and neither cuts a file for a resumed run. Charts are our own SVG: `plotters` writes fixed colours into every
//! element, and the pages follow a light or dark display.
//!
//! The command adds `clap` (arguments), `indicatif` (progress bar), `signal-hook` (Ctrl-C ends a run
//! after its step) and `anyhow` (errors).
#![deny(unsafe_code)]

mod atomic;
pub mod checkpoint;
pub mod config;
pub mod data;
pub mod error;
pub mod graph;
#[cfg(doc)]
pub mod guide;
pub mod import;
#[allow(unsafe_code, reason = "entering a detected instruction set; nothing else in the crate may")]
pub mod kernels;
pub mod layers;
pub mod metrics;
pub mod optim;
pub mod parallel;
pub mod report;
pub mod rng;
pub mod run;
pub mod tape;
pub mod tensorboard;
