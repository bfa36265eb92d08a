//! JPEG, decoded by zune-jpeg in its strict mode.
//!
//! Without the strict mode it returns the lower part of a damaged picture as grey. Even with it a
//! picture that ends within the last row of blocks passes, or one whose end-of-image marker comes early: that the file
//! goes on to that marker, and has data enough for its blocks, is therefore checked first.

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
    let walk = Walk::new(bytes);
    let explain = |error: DecodeErrors| {
        if walk.complete { PictureError::damaged(FORMAT, error) } else { PictureError::Truncated { format: FORMAT } }
    };
    decoder.decode_headers().map_err(explain)?;
    let (width, height) = decoder.dimensions().ok_or_else(|| PictureError::damaged(FORMAT, "it has no size"))?;
    limits.check(height, width)?;
    if !walk.complete {
        return Err(PictureError::Truncated { format: FORMAT });
    }
    if walk.scans > MOST_SCANS {
        return Err(PictureError::damaged(FORMAT, format_args!("it has more than {MOST_SCANS} scans")));
    }
    if walk.data_bits < walk.least_bits {
        return Err(PictureError::damaged(FORMAT, "it has too few data for its size"));
    }
    let pixels = decoder.decode().map_err(explain)?;
    RgbImage::new(height, width, pixels).map_err(PictureError::size(FORMAT))
}

/// More scans than any encoder makes of a progressive picture. Each takes time over all of its blocks.
const MOST_SCANS: usize = 100;

/// What the chain of segments tells before anything is decoded.
#[derive(Default)]
struct Walk {
    /// Whether it reaches a scan and then the end-of-image marker.
    ///
    /// The marker's two bytes alone prove nothing: the thumbnail within an EXIF segment has them too.
    complete: bool,
    scans: usize,
    /// Bits behind the first scan's header, other segments included.
    data_bits: u64,
    /// Bits that the blocks of the frame take at least.
    least_bits: u64,
}

impl Walk {
    fn new(bytes: &[u8]) -> Self {
        let mut walk = Self::default();
        let mut rest = bytes;
        loop {
            // To the next marker: a 0xFF that is not followed by a stuffed zero, another fill byte or, in
            // a scan, a restart marker.
            let Some(at) = rest.iter().position(|&byte| byte == 0xFF) else { return walk };
            rest = &rest[at + 1..];
            match rest.first() {
                None => return walk,
                // Stuffed zero, fill byte, TEM, RST0 to RST7, start of image: no length follows.
                Some(0x00 | 0x01 | 0xFF | 0xD0..=0xD8) => {}
                Some(0xD9) => {
                    walk.complete = walk.scans > 0;
                    return walk;
                }
                Some(&marker) => {
                    let Some(&[high, low]) = rest.get(1..).and_then(|rest| rest.first_chunk()) else { return walk };
                    let length = usize::from(u16::from_be_bytes([high, low])).max(2);
                    let Some((segment, after)) = rest.split_at_checked(1 + length) else { return walk };
                    match marker {
                        0xDA => {
                            walk.scans += 1;
                            walk.data_bits = walk.data_bits.max(8 * after.len() as u64);
                        }
                        // A code has a bit or more: a block of a progressive picture takes one for its mean, one of
                        // any other a second for the end of its coefficients.
                        0xC0 | 0xC1 => walk.least_bits = 2 * blocks(&segment[3..]),
                        0xC2 => walk.least_bits = blocks(&segment[3..]),
                        _ => {}
                    }
                    rest = after;
                }
            }
        }
    }
}

/// Blocks of all components together, from the frame header: precision, height, width, and of each component its
/// number, sampling factors and table. 0 if the header is none, which the decoder says.
fn blocks(frame: &[u8]) -> u64 {
    let Some((&[_, h0, h1, w0, w1, _], components)) = frame.split_first_chunk() else { return 0 };
    let factors =
        || components.as_chunks::<3>().0.iter().map(|[_, factors, _]| [factors >> 4, factors & 15].map(u64::from));
    let most = |axis: usize| factors().map(|factors| factors[axis]).max().unwrap_or(0).max(1);
    let side = |pixels: [u8; 2], axis, factor: u64| {
        (u64::from(u16::from_be_bytes(pixels)) * factor).div_ceil(most(axis)).div_ceil(8)
    };
    factors().map(|[across, down]| side([w0, w1], 0, across) * side([h0, h1], 1, down)).sum()
}

#[cfg(test)]
mod tests {
    use super::{Walk, blocks};

    #[test]
    fn completeness_follows_the_segments() {
        let is_complete = |bytes: &[u8]| Walk::new(bytes).complete;
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

    #[test]
    fn blocks_are_those_of_each_components_own_size() {
        // 17×33 pixels, of which two components have half in both directions: 3·5 and 2·3 blocks.
        assert_eq!(blocks(&[8, 0, 33, 0, 17, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]), 15 + 2 * 6);
        assert_eq!(blocks(&[8, 0xFF, 0xFF, 0xFF, 0xFF, 1, 1, 0x00, 0]), 0);
        assert_eq!(blocks(&[8, 0, 33]), 0);
        // The header of a frame in its segment, and a scan with one byte of data before the end marker.
        let picture = [0xFF, 0xC0, 0, 11, 8, 0, 33, 0, 17, 1, 1, 0x11, 0, 0xFF, 0xDA, 0, 2, 0, 0xFF, 0xD9];
        let walk = Walk::new(&picture);
        assert_eq!((walk.complete, walk.scans, walk.data_bits, walk.least_bits), (true, 1, 24, 30));
    }
}
