//! The pages of the repository's `docs` folder that are about this library. Files that they name are in the
//! [repository](https://github.com/syq-rs/syq).
//!
//! The first definition of a link counts, so that these stand before the pages' own, which are for readers of the files.

/// Training, from a folder of pictures to a packed model.
///
/// [`syq-train/configs`]: https://github.com/syq-rs/syq/blob/main/syq-train/configs
/// [paper's released code]: https://github.com/syq-rs/syq/blob/main/syq-train/recipes/syq-2018.toml
/// [float networks from random weights]: https://github.com/syq-rs/syq/blob/main/syq-train/recipes/float.toml
/// [learned activation steps, gradients straight through, Adam at 1e−3 with a cosine (scales at 3 % of it), batches of 128, batch norm measured anew]: https://github.com/syq-rs/syq/blob/main/syq-train/recipes/syq-extended.toml
/// [trials on held-out images]: https://github.com/syq-rs/syq/blob/main/docs/reproduce.md#gradients
/// [`syq-bench/peers/train_torch.py`]: https://github.com/syq-rs/syq/blob/main/syq-bench/peers/train_torch.py
/// [ours is meant to reach]: https://github.com/syq-rs/syq/blob/main/syq-bench/src/train/marks.rs
/// [earlier run]: https://github.com/syq-rs/syq/blob/main/docs/bench/2026-11-27-zen3-training.json
/// [docs/bench/2026-11-27-zen3-training-tiles.json]: https://github.com/syq-rs/syq/blob/main/docs/bench/2026-11-27-zen3-training-tiles.json
/// [docs/bench/2026-11-28-zen4-training.json]: https://github.com/syq-rs/syq/blob/main/docs/bench/2026-11-28-zen4-training.json
/// [docs/bench/2026-11-28-zen4-training-bf16-tiles.json]: https://github.com/syq-rs/syq/blob/main/docs/bench/2026-11-28-zen4-training-bf16-tiles.json
/// [docs/bench/2026-11-29-icelake-training-aligned.json]: https://github.com/syq-rs/syq/blob/main/docs/bench/2026-11-29-icelake-training-aligned.json
/// [docs/bench/2026-11-29-icelake-training-quiet.json]: https://github.com/syq-rs/syq/blob/main/docs/bench/2026-11-29-icelake-training-quiet.json
/// [docs/bench/2026-11-29-icelake-training.json]: https://github.com/syq-rs/syq/blob/main/docs/bench/2026-11-29-icelake-training.json
/// [file-format.md]: https://github.com/syq-rs/syq/blob/main/docs/file-format.md
#[doc = include_str!("../docs/training.md")]
pub mod training {}

/// Weights from elsewhere, and back.
///
/// [`syq-train/python/syq.py`]: https://github.com/syq-rs/syq/blob/main/syq-train/python/syq.py
/// [ARCHITECTURE.md]: https://github.com/syq-rs/syq/blob/main/ARCHITECTURE.md
/// [configuration]: super::guide::training
/// [`generator.py`]: https://github.com/syq-rs/syq/blob/main/syq-train/python/generator.py
#[doc = include_str!("../docs/import.md")]
pub mod import {}
