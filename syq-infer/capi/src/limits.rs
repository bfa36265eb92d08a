//! How much a model, and how much a picture, may ask for.

use syq_infer::picture::PictureLimits;
use syq_pack::ModelLimits;

/// How much a model may ask for. A program that reads models of strangers may lower the defaults; raising them has no
/// effect where it comes to running the model.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SyqLimits {
    /// Bytes of the file.
    pub file: u64,
    /// Bytes of its header.
    pub header: u64,
    /// Layers of the network.
    pub layers: usize,
    /// Elements of the input, of a feature map and of a weight tensor.
    pub elements: usize,
    /// Multiply-accumulates of one picture.
    pub macs: u64,
}

/// How much a picture in the bytes of a file may ask for. Decoding takes up to eight bytes a pixel.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SyqPictureLimits {
    /// Bytes of the file.
    pub bytes: usize,
    /// Rows, and columns.
    pub side: usize,
    /// Pixels.
    pub pixels: usize,
}

/// The default limits, which are larger than any real network: a place to start from.
#[unsafe(no_mangle)]
pub extern "C" fn syq_limits_default() -> SyqLimits {
    let ModelLimits { file, header, layers, elements, macs } = ModelLimits::DEFAULT;
    SyqLimits { file, header, layers, elements, macs }
}

impl SyqLimits {
    /// The library's own; without any the defaults.
    pub(crate) fn or_default(limits: Option<&Self>) -> ModelLimits {
        limits.map_or(ModelLimits::DEFAULT, |&Self { file, header, layers, elements, macs }| ModelLimits {
            file,
            header,
            layers,
            elements,
            macs,
        })
    }
}

/// The default limits of pictures: 256 MiB, 20,000 rows and columns, 64 million pixels. A service that decodes pictures
/// of strangers should have lower ones: with 4 million pixels none takes more than some tens of megabytes.
#[unsafe(no_mangle)]
pub extern "C" fn syq_picture_limits_default() -> SyqPictureLimits {
    let PictureLimits { bytes, side, pixels } = PictureLimits::default();
    SyqPictureLimits { bytes, side, pixels }
}

impl SyqPictureLimits {
    /// The library's own; without any the defaults.
    pub(crate) fn or_default(limits: Option<&Self>) -> PictureLimits {
        limits.map_or_else(PictureLimits::default, |&Self { bytes, side, pixels }| PictureLimits {
            bytes,
            side,
            pixels,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_keeps_its_place() {
        assert_eq!(SyqLimits::or_default(None), ModelLimits::DEFAULT);
        assert_eq!(SyqLimits::or_default(Some(&syq_limits_default())), ModelLimits::DEFAULT);
        let limits = SyqLimits { file: 1, header: 2, layers: 3, elements: 4, macs: 5 };
        let expected = ModelLimits { file: 1, header: 2, layers: 3, elements: 4, macs: 5 };
        assert_eq!(SyqLimits::or_default(Some(&limits)), expected);
    }
    #[test]
    fn each_limit_of_pictures_keeps_its_place() {
        assert_eq!(SyqPictureLimits::or_default(None), PictureLimits::default());
        assert_eq!(SyqPictureLimits::or_default(Some(&syq_picture_limits_default())), PictureLimits::default());
        let limits = SyqPictureLimits { bytes: 1, side: 2, pixels: 3 };
        assert_eq!(SyqPictureLimits::or_default(Some(&limits)), PictureLimits { bytes: 1, side: 2, pixels: 3 });
    }
}
