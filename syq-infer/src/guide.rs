//! The pages of the repository's `docs` folder that are about this library. Files that they name are in the
//! [repository](https://github.com/syq-rs/syq).
//!
//! The first definition of a link counts, so that these stand before the pages' own, which are for readers of the files.

/// What holds for a program that embeds the library, what it costs, and how C reaches it.
///
/// [SECURITY.md]: https://github.com/syq-rs/syq/blob/main/SECURITY.md
/// [exactness.md]: super::guide::exactness
/// [its sources]: https://github.com/syq-rs/syq/blob/main/syq-bench/footprint
/// [all figures]: https://github.com/syq-rs/syq/blob/main/docs/bench/2026-11-27-footprint.json
/// [The smallest program]: https://github.com/syq-rs/syq/blob/main/syq-infer/examples/minimal.rs
/// [a service on several threads]: https://github.com/syq-rs/syq/blob/main/syq-infer/examples/service.rs
/// [a folder in batches]: https://github.com/syq-rs/syq/blob/main/syq-infer/examples/folder.rs
/// [preprocessing of one's own]: https://github.com/syq-rs/syq/blob/main/syq-infer/examples/preprocessing.rs
/// [a program in C]: https://github.com/syq-rs/syq/blob/main/syq-infer/capi/examples/classify.c
/// [`syq-infer/capi/include/syq.h`]: https://github.com/syq-rs/syq/blob/main/syq-infer/capi/include/syq.h
/// [`syq-infer/capi/README.md`]: https://github.com/syq-rs/syq/blob/main/syq-infer/capi/README.md
/// [`xtask/musl.sh`]: https://github.com/syq-rs/syq/blob/main/xtask/musl.sh
/// [deny.toml]: https://github.com/syq-rs/syq/blob/main/deny.toml
#[doc = include_str!("../docs/embedding.md")]
pub mod embedding {}

/// Where the logits are the same bits, and how anybody can check it.
///
/// [results]: https://github.com/syq-rs/syq/blob/main/docs/bench/2026-11-27-targets.json
/// [numeric contract]: https://github.com/syq-rs/syq/blob/main/ARCHITECTURE.md#the-numeric-contract
/// [`xtask/targets.sh`]: https://github.com/syq-rs/syq/blob/main/xtask/targets.sh
/// [SECURITY.md]: https://github.com/syq-rs/syq/blob/main/SECURITY.md
#[doc = include_str!("../docs/exactness.md")]
pub mod exactness {}

/// How the kernels compute.
///
/// [ARCHITECTURE.md]: https://github.com/syq-rs/syq/blob/main/ARCHITECTURE.md#the-numeric-contract
/// [exactness.md]: super::guide::exactness
#[doc = include_str!("../docs/kernels.md")]
pub mod kernels {}
