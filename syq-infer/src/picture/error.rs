//! Why a file is not a picture; every message is one line.

use super::PictureLimits;
use crate::rgb::RgbSizeError;
use thiserror::Error;

/// A picture format that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureFormat {
    /// JPEG, baseline and progressive.
    Jpeg,
    /// PNG.
    Png,
}

impl std::fmt::Display for PictureFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
        })
    }
}

/// Why bytes cannot be decoded to a picture.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PictureError {
    /// No bytes at all.
    #[error("the file is empty")]
    Empty,
    /// Neither a JPEG nor a PNG.
    #[error("neither a JPEG nor a PNG{}", looks_like.map(|name| format!(", but {name} file")).unwrap_or_default())]
    NotAPicture {
        /// What it seems to be.
        looks_like: Option<&'static str>,
    },
    /// A file that ends before its picture does.
    #[error("the {format} is truncated")]
    Truncated {
        /// The format.
        format: PictureFormat,
    },
    /// A file whose content contradicts the format.
    #[error("the {format} is damaged: {reason}")]
    Damaged {
        /// The format.
        format: PictureFormat,
        /// What the decoder says, on one line.
        reason: String,
    },
    /// More rows, columns or pixels than allowed.
    #[error(
        "{height}×{width} pixels are too many: at most {} a side and {} in all",
        limits.side, limits.pixels
    )]
    TooLarge {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// What is allowed.
        limits: PictureLimits,
    },
    /// More bytes than allowed.
    #[error("{bytes} bytes are too many: at most {limit}")]
    TooManyBytes {
        /// Bytes.
        bytes: usize,
        /// Most bytes.
        limit: usize,
    },
}

impl PictureError {
    /// Damage as a decoder words it, brought to one line of printable characters.
    pub(super) fn damaged(format: PictureFormat, reason: impl std::fmt::Display) -> Self {
        let reason = reason.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        Self::Damaged { format, reason: reason.chars().filter(|c| !c.is_control()).take(200).collect() }
    }

    /// A decoder that returned another number of bytes than the size asks for.
    pub(super) fn size(format: PictureFormat) -> impl FnOnce(RgbSizeError) -> Self {
        move |error| Self::damaged(format, error)
    }
}
