//! What can be wrong with a data set; every variant names the file, folder or class.

use std::path::PathBuf;
use thiserror::Error;

/// A data set that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file or folder that cannot be read.
    #[error("{path}: {source}", path = path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A picture that does not decode.
    #[error("{path}: not a readable picture: {source}", path = path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// Why.
        source: image::ImageError,
    },
    /// A picture of another size than the data set has.
    #[error(
        "{path}: {found_width} x {found_height} pixels, expected {expected_width} x {expected_height}",
        path = path.display(), found_width = found[1], found_height = found[0],
        expected_width = expected[1], expected_height = expected[0]
    )]
    Size {
        /// The file.
        path: PathBuf,
        /// Its height and width.
        found: [usize; 2],
        /// The data set's height and width.
        expected: [usize; 2],
    },
    /// A folder without class folders, or a file without images.
    #[error("{path}: no images", path = path.display())]
    NoImages {
        /// The folder or file.
        path: PathBuf,
    },
    /// A class without images.
    #[error("{place}: class {class:?} has no images")]
    EmptyClass {
        /// The folder, or what was done to the data set.
        place: String,
        /// Name of the class.
        class: String,
    },
    /// A file name that is not Unicode (class names go into the model file).
    #[error("{path}: the name is not valid Unicode", path = path.display())]
    Name {
        /// The file or folder.
        path: PathBuf,
    },
    /// A binary file whose length is not a whole number of records.
    #[error("{path}: {bytes} bytes, not a multiple of the record's {record}", path = path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
        /// Bytes of a record.
        record: u64,
    },
    /// A label that no class has.
    #[error("{place}: image {index} has label {label}, there are {classes} classes")]
    Label {
        /// The file, or the data set.
        place: String,
        /// Index of the image in it.
        index: usize,
        /// The label.
        label: usize,
        /// Number of classes.
        classes: usize,
    },
    /// Two data sets that should have the same classes.
    #[error("classes {found:?} where {expected:?} were expected")]
    Classes {
        /// Classes found.
        found: Vec<String>,
        /// Classes expected.
        expected: Vec<String>,
    },
    /// A held-out fraction outside [0, 1).
    #[error("the held-out fraction is {fraction}, outside [0, 1)")]
    Fraction {
        /// The fraction.
        fraction: f64,
    },
    /// More images to hold out than there are.
    #[error("{asked} images cannot be held out of {available}")]
    HeldOut {
        /// Images asked for.
        asked: usize,
        /// Images there are.
        available: usize,
    },
    /// Pixels, or a buffer, of another length than the images ask for.
    #[error("{what} has {found} elements, expected {expected}")]
    Buffer {
        /// Which buffer.
        what: &'static str,
        /// Elements found.
        found: usize,
        /// Elements expected.
        expected: usize,
    },
    /// Images too many or too large to hold.
    #[error("{images} images of {height} x {width} pixels are too many to hold in memory")]
    TooLarge {
        /// Number of images.
        images: usize,
        /// Height.
        height: usize,
        /// Width.
        width: usize,
    },
    /// A mean that is not finite or a standard deviation that is not positive.
    #[error("channel {channel}: mean {mean} and standard deviation {deviation} cannot normalise")]
    Normalization {
        /// Index of the channel, R = 0.
        channel: usize,
        /// The mean.
        mean: f32,
        /// The standard deviation.
        deviation: f32,
    },
    /// Pixels that make no picture.
    #[error(transparent)]
    Pixels(#[from] syq_infer::rgb::RgbSizeError),
    /// A picture that cannot be resized as asked.
    #[error(transparent)]
    Resize(#[from] syq_infer::preprocess::PreprocessError),
    /// A batch of no images.
    #[error("a batch of 0 images")]
    EmptyBatch,
    /// Threads or the prefetch thread could not be started.
    #[error("cannot start a thread: {reason}")]
    Thread {
        /// Why.
        reason: String,
    },
}
