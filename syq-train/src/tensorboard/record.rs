//! TFRecord, the framing of an event file: length (8 bytes, little-endian), masked CRC32C of these bytes,
//! data, masked CRC32C of the data.

use crc::{CRC_32_ISCSI, Crc};
use thiserror::Error;

/// CRC32C (Castagnoli), which the catalogue lists under iSCSI.
const CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
/// Bytes around the data: length and two sums.
const FRAME: usize = 16;

/// What is wrong with a record.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// A sum that is not that of the bytes.
    #[error("the checksum is {found:#010x}, the bytes give {expected:#010x}")]
    Checksum {
        /// The sum in the file.
        found: u32,
        /// The sum of the bytes.
        expected: u32,
    },
    /// Data that is no event.
    #[error("no event: {0}")]
    Event(#[from] prost::DecodeError),
    /// The version missing at the beginning, or found elsewhere.
    #[error("an event file begins with its version, and has one")]
    Version,
}

/// One record in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// What it holds.
    pub(super) data: &'a [u8],
    /// Bytes that it takes.
    pub(super) len: usize,
}

/// The checksum as the format has it: a CRC of data that holds CRCs would be weak, so it is masked.
fn masked(bytes: &[u8]) -> u32 {
    CRC32C.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// A record with this content.
pub(super) fn encode(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(data.len() + FRAME);
    record.extend_from_slice(&length);
    record.extend_from_slice(&masked(&length).to_le_bytes());
    record.extend_from_slice(data);
    record.extend_from_slice(&masked(data).to_le_bytes());
    record
}

/// The first record of `bytes`; `None` where they end before it does.
pub(super) fn decode(bytes: &[u8]) -> Result<Option<Record<'_>>, RecordError> {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else { return Ok(None) };
    let Some((sum, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
    check(length, *sum)?;
    let Ok(len) = usize::try_from(u64::from_le_bytes(*length)) else { return Ok(None) };
    let Some((data, rest)) = rest.split_at_checked(len) else { return Ok(None) };
    let Some((sum, _)) = rest.split_first_chunk::<4>() else { return Ok(None) };
    check(data, *sum)?;
    Ok(Some(Record { data, len: len + FRAME }))
}

fn check(bytes: &[u8], sum: [u8; 4]) -> Result<(), RecordError> {
    let (found, expected) = (u32::from_le_bytes(sum), masked(bytes));
    if found == expected { Ok(()) } else { Err(RecordError::Checksum { found, expected }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sum of a record that TensorFlow wrote (the length 24 of a version event).
    #[test]
    fn the_sum_is_tensorflows() {
        assert_eq!(CRC32C.checksum(b"123456789"), 0xe306_9283);
        assert_eq!(masked(&24u64.to_le_bytes()).to_le_bytes(), [0xa3, 0x7f, 0x4b, 0x22]);
    }

    #[test]
    fn what_is_written_is_read() {
        let two = [encode(b"one"), encode(b"")].concat();
        let first = decode(&two).unwrap().unwrap();
        assert_eq!((first.data, first.len), (&b"one"[..], 19));
        assert_eq!(decode(&two[19..]).unwrap().unwrap(), Record { data: b"", len: 16 });
        for length in 0..19 {
            assert_eq!(decode(&two[..length]).unwrap(), None, "{length}");
        }
        for index in 0..19 {
            let mut bad = two.clone();
            bad[index] ^= 4;
            assert!(matches!(decode(&bad), Err(RecordError::Checksum { .. })), "{index}");
        }
    }
}
