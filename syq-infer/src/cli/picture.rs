//! From an input to a decoded picture, with the reason alone where there is none.

use syq_infer::inputs::Input;
use syq_infer::picture::{PictureLimits, decode};
use syq_infer::rgb::RgbImage;

/// Reads and decodes a picture. The error is one line without the file's name.
pub(super) fn read(input: &Input) -> Result<RgbImage, String> {
    let limits = PictureLimits::default();
    let bytes = input.read(&limits).map_err(|error| error.reason.to_string())?;
    decode(&bytes, &limits).map_err(|error| error.to_string())
}
