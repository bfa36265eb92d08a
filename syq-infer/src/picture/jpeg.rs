//! JPEG, decoded by zune-jpeg in its strict mode.
//!
//! Without the strict mode it returns the lower part of a damaged picture as grey. Even with it a
//! picture that ends within the last row of blocks passes: that the file goes on to its end-of-image
//! marker is therefore checked first.

use super::{PictureError, PictureFormat, PictureLimits};
use crate::rgb::RgbImage;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

const FORMAT: PictureFormat = PictureFormat::Jpeg;

/// Decodes a JPEG of any colour space to RGB.
pub(super) fn decode(bytes: &[u8], limits: &PictureLimits) -> Result<RgbImage, PictureError> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        // JPEG's own largest; ours are checked below, in one error with PNG's.
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let complete = is_complete(bytes);
    let explain = |error: DecodeErrors| {
        if complete { PictureError::damaged(FORMAT, error) } else { PictureError::Truncated { format: FORMAT } }
    };
    decoder.decode_headers().map_err(explain)?;
    let (width, height) = decoder.dimensions().ok_or_else(|| PictureError::damaged(FORMAT, "it has no size"))?;
    limits.check(height, width)?;
    if !complete {
        return Err(PictureError::Truncated { format: FORMAT });
    }
    let pixels = decoder.decode().map_err(explain)?;
    RgbImage::new(height, width, pixels).map_err(PictureError::size(FORMAT))
}

/// Whether the chain of segments reaches a scan and then the end-of-image marker.
///
/// The marker's two bytes alone prove nothing: the thumbnail within an EXIF segment has them too.
fn is_complete(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut scanned = false;
    loop {
        // To the next marker: a 0xFF that is not followed by a stuffed zero, another fill byte or, in
        // a scan, a restart marker.
        let Some(at) = rest.iter().position(|&byte| byte == 0xFF) else { return false };
        rest = &rest[at + 1..];
        match rest.first() {
            None => return false,
            // Stuffed zero, fill byte, TEM, RST0 to RST7, start of image: no length follows.
            Some(0x00 | 0x01 | 0xFF | 0xD0..=0xD8) => {}
            Some(0xD9) => return scanned,
            Some(marker) => {
                scanned |= *marker == 0xDA;
                let Some(&[high, low]) = rest.get(1..).and_then(|rest| rest.first_chunk()) else { return false };
                let length = usize::from(u16::from_be_bytes([high, low]));
                let Some(after) = rest.get(1 + length.max(2)..) else { return false };
                rest = after;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_complete;

    #[test]
    fn completeness_follows_the_segments() {
        let whole = [0xFF, 0xD8, 0xFF, 0xDA, 0, 2, 5, 0xFF, 0, 0xFF, 0xD0, 7, 0xFF, 0xD9];
        assert!(is_complete(&whole));
        for end in 0..whole.len() {
            assert!(!is_complete(&whole[..end]), "{end}");
        }
        // An end-of-image marker within an APP1 segment is not the picture's.
        assert!(!is_complete(&[0xFF, 0xD8, 0xFF, 0xE1, 0, 4, 0xFF, 0xD9, 0xFF, 0xDA, 0, 2, 5]));
        // Nor one before any scan.
        assert!(!is_complete(&[0xFF, 0xD8, 0xFF, 0xD9]));
        assert!(!is_complete(&[0xFF, 0xD8, 0xFF, 0xE1, 0xFF, 0xFF]));
        assert!(!is_complete(&[0xFF, 0xD8, 0xFF, 0xE1, 0xFF]));
    }
}
