//! The page of the repository's `docs` folder that is about this library.

/// The model file, byte by byte.
#[doc = include_str!("../docs/file-format.md")]
pub mod file_format {}
