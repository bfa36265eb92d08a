//! JPEG and PNG files to RGB pictures, within limits that are checked before anything is decoded.
//!
//! What a file is follows from its content, never from its name. As in Pillow's `convert("RGB")`, grey
//! becomes three equal channels, a palette is looked up, alpha is dropped (not composited), of 16 bits
//! the upper 8 are kept, and the EXIF orientation is not applied (`torchvision` does not either).
//! A picture that ends early, or whose bits are damaged, is an error and never half a picture.
//!
//! JPEG decoders differ by a grey level or two: what this one (zune-jpeg) gives is not byte-equal to
//! libjpeg-turbo's. PNG is exact.

mod error;
mod jpeg;
mod png;

pub use error::{PictureError, PictureFormat};

use crate::rgb::RgbImage;

/// What a picture may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureLimits {
    /// Most bytes of a file.
    pub bytes: usize,
    /// Most rows, and most columns.
    pub side: usize,
    /// Most pixels.
    pub pixels: usize,
}

impl Default for PictureLimits {
    /// 256 MiB, 20,000 a side, 64 million pixels.
    fn default() -> Self {
        Self { bytes: 256 << 20, side: 20_000, pixels: 64_000_000 }
    }
}

impl PictureLimits {
    /// Whether a picture of this size may be decoded.
    fn check(&self, height: usize, width: usize) -> Result<(), PictureError> {
        let pixels = height.checked_mul(width).filter(|&pixels| pixels <= self.pixels);
        if height > self.side || width > self.side || pixels.is_none() {
            return Err(PictureError::TooLarge { height, width, limits: *self });
        }
        Ok(())
    }
}

/// The picture in the bytes of a JPEG or PNG file.
///
/// # Errors
/// Bytes that are neither, a picture that is damaged, ends early, uses a part of the formats that is
/// not supported (arithmetic coding, 12 bits, lossless JPEG), or goes beyond `limits`.
pub fn decode(bytes: &[u8], limits: &PictureLimits) -> Result<RgbImage, PictureError> {
    if bytes.is_empty() {
        return Err(PictureError::Empty);
    }
    if bytes.len() > limits.bytes {
        return Err(PictureError::TooManyBytes { bytes: bytes.len(), limit: limits.bytes });
    }
    match bytes {
        [0xFF, 0xD8, 0xFF, ..] => jpeg::decode(bytes, limits),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => png::decode(bytes, limits),
        _ => Err(PictureError::NotAPicture { looks_like: known(bytes) }),
    }
}

/// The name of a format that is recognised but not read.
fn known(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [b'G', b'I', b'F', b'8', ..] => Some("a GIF"),
        [b'B', b'M', ..] => Some("a BMP"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("a WebP"),
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => Some("a TIFF"),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some("a HEIC, AVIF or video"),
        _ => None,
    }
}
