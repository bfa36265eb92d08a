//! The documented container of a model file, written a second time, beside the library's own writer: for these tests, for
//! the fuzz targets and for `cargo xtask hostile`, which take it from here.

use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Digits of a digest that is not known yet.
pub(crate) const UNKNOWN: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A metadata text with the digest of it and of the tensors in place of its [`UNKNOWN`] one. Each tensor is its name and its
/// bytes, by ascending names.
pub(crate) fn signed<'a>(text: &str, tensors: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hash = Sha256::new_with_prefix(text);
    for (name, bytes) in tensors {
        hash.update(name);
        hash.update("\n");
        hash.update(bytes);
    }
    let digest = hash.finalize().iter().fold(String::new(), |mut digest, byte| {
        // Writing to a string cannot fail.
        let _ = write!(digest, "{byte:02x}");
        digest
    });
    text.replacen(UNKNOWN, &digest, 1)
}

/// Header length, header, data.
pub(crate) fn file(header: &[u8], data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header, data].concat()
}
