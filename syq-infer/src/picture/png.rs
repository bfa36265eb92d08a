//! PNG of every colour type and bit depth, decoded by the `png` crate.

use super::{PictureError, PictureFormat, PictureLimits};
use crate::rgb::RgbImage;
use png::{BitDepth, ColorType, Decoder, DecodingError, Info, Limits, Transformations};
use std::io::{Cursor, ErrorKind};

const FORMAT: PictureFormat = PictureFormat::Png;

/// Most bytes that the decoder may allocate beside the picture itself.
const DECODER_BYTES: usize = 64 << 20;

/// Decodes a PNG to RGB; of an animation, the default image.
pub(super) fn decode(bytes: &[u8], limits: &PictureLimits) -> Result<RgbImage, PictureError> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: DECODER_BYTES });
    // Compressed text and profiles could expand to anything, and nobody asks for them.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    // Palettes and low bit depths to bytes, 16 bits to their upper 8.
    decoder.set_transformations(Transformations::normalize_to_color8());
    let header = decoder.read_header_info().map_err(explain)?;
    let (height, width) = (header.height as usize, header.width as usize);
    limits.check(height, width)?;

    let mut reader = decoder.read_info().map_err(explain)?;
    check_palette(reader.info())?;
    let bytes = reader.output_buffer_size().ok_or(PictureError::TooLarge { height, width, limits: *limits })?;
    let mut pixels = vec![0; bytes];
    let frame = reader.next_frame(&mut pixels).map_err(explain)?;
    if frame.bit_depth != BitDepth::Eight || (frame.height as usize, frame.width as usize) != (height, width) {
        return Err(PictureError::damaged(FORMAT, "its first frame is not its picture"));
    }
    let pixels = match frame.color_type {
        ColorType::Rgb => pixels,
        ColorType::Rgba => pixels.as_chunks::<4>().0.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect(),
        ColorType::Grayscale => pixels.iter().flat_map(|&grey| [grey; 3]).collect(),
        ColorType::GrayscaleAlpha => pixels.as_chunks::<2>().0.iter().flat_map(|&[grey, _]| [grey; 3]).collect(),
        ColorType::Indexed => return Err(PictureError::damaged(FORMAT, "its palette is missing")),
    };
    RgbImage::new(height, width, pixels).map_err(PictureError::size(FORMAT))
}

/// The decoder takes these lengths on trust: it panics where they are wrong.
fn check_palette(info: &Info<'_>) -> Result<(), PictureError> {
    let colors = info.palette.as_ref().map_or(0, |palette| palette.len() / 3);
    let whole = info.palette.as_ref().is_none_or(|palette| palette.len().is_multiple_of(3));
    let alphas = info.trns.as_ref().map_or(0, |alphas| alphas.len());
    if info.color_type == ColorType::Indexed && !(whole && (1..=256).contains(&colors) && alphas <= colors) {
        return Err(PictureError::damaged(
            FORMAT,
            format_args!("its palette has {colors} colors, {alphas} with alpha"),
        ));
    }
    Ok(())
}

fn explain(error: DecodingError) -> PictureError {
    match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            PictureError::Truncated { format: FORMAT }
        }
        error => PictureError::damaged(FORMAT, error),
    }
}
