//! Where the tensors' bytes come from: memory, or a file that is read piece by piece.
//!
//! A piece is small enough to stay in the cache between its reading, its hashing and its copying to the
//! tensor, and a file never lies in memory as a whole beside its tensors.

use super::error::{FileErrorKind, FormatError};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// Bytes of a piece.
const PIECE: usize = 64 << 10;

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

/// The part of a file behind its header.
pub(super) struct FileData {
    file: File,
    /// Where the data starts, and where the file stands, both from the file's start.
    start: u64,
    position: u64,
    piece: Vec<u8>,
}

impl FileData {
    /// The data behind byte `start` of a file that stands there.
    pub(super) fn new(file: File, start: u64) -> Self {
        Self { file, start, position: start, piece: vec![0; PIECE] }
    }
}

impl Data for FileData {
    type Error = FileErrorKind;

    fn pieces(&mut self, [start, end]: [u64; 2], mut sink: impl FnMut(&[u8])) -> Result<(), FileErrorKind> {
        let [start, end] = [start, end].map(|offset| self.start + offset);
        if self.position != start {
            self.position = self.file.seek(SeekFrom::Start(start))?;
        }
        while self.position < end {
            let len = PIECE.min((end - self.position) as usize);
            let piece = &mut self.piece[..len];
            // A file that has become shorter meanwhile ends too early.
            self.file.read_exact(piece)?;
            self.position += len as u64;
            sink(piece);
        }
        Ok(())
    }
}
