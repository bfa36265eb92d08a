//! Where the tensors' bytes come from: memory, or (see `disk`) a file that is read piece by piece.
//!
//! A piece is small enough to stay in the cache between its reading, its hashing and its copying to the
//! tensor, and a file never lies in memory as a whole beside its tensors.

use super::error::FormatError;

/// Bytes of a piece.
pub(super) const PIECE: usize = 64 << 10;

/// The bytes behind a header.
pub(super) trait Data {
    type Error: From<FormatError>;

    /// Hands the bytes between two offsets, which lie inside by the header's check, to `sink`, in order.
    fn pieces(&mut self, range: [u64; 2], sink: impl FnMut(&[u8])) -> Result<(), Self::Error>;
}

impl Data for &[u8] {
    type Error = FormatError;

    fn pieces(&mut self, [start, end]: [u64; 2], sink: impl FnMut(&[u8])) -> Result<(), FormatError> {
        self.get(start as usize..end as usize).unwrap_or_default().chunks(PIECE).for_each(sink);
        Ok(())
    }
}
