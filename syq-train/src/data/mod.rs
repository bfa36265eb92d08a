//! Image data sets in memory, their split, augmentation and batches.
//!
//! A [`Dataset`] holds RGB bytes; [`augment`] turns them into normalised f32 while a
//! [`loader::Loader`] thread prepares the next batch. Everything random is derived from (seed, epoch,
//! image), so a batch is the same whatever the timing and after any resume.

pub mod augment;
pub mod cifar;
mod color_jitter;
pub mod error;
pub mod folder;
pub mod loader;
mod normalization;
mod resized_crop;
mod scale_jitter;
pub mod split;

pub use augment::{Augmentation, Augmenter, Flip};
pub use color_jitter::ColorJitter;
pub use error::DataError;
pub use loader::{Batch, Loader, Order, Pass};
pub use normalization::Normalization;
pub use resized_crop::RandomResizedCrop;
pub use scale_jitter::ScaleJitter;
pub use split::{HeldOut, Split};

use std::path::PathBuf;

/// A decoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Height and width.
    pub size: [usize; 2],
    /// `[row][column][RGB]`.
    pub pixels: Vec<u8>,
}

/// A file that was left out of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// RGB images in memory, each of its own size, with labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    size: [usize; 2],
    classes: Vec<String>,
    pixels: Vec<u8>,
    /// Of every image.
    sizes: Vec<[usize; 2]>,
    /// Where every image begins in `pixels`.
    starts: Vec<usize>,
    skipped: Vec<Skipped>,
    labels: Vec<u32>,
}

impl Dataset {
    /// A data set of `labels.len()` images of `size` = [height, width]; `pixels` is
    /// `[image][row][column][RGB]`.
    ///
    /// # Errors
    /// Lengths that do not fit together, or a label that `classes` does not have.
    pub fn new(size: [usize; 2], classes: Vec<String>, pixels: Vec<u8>, labels: Vec<u32>) -> Result<Self, DataError> {
        let expected = bytes(labels.len(), size)?;
        if pixels.len() != expected {
            return Err(DataError::Buffer { what: "the pixels of a data set", found: pixels.len(), expected });
        }
        let starts = (0..labels.len()).map(|image| image * size[0] * size[1] * 3).collect();
        let sizes = vec![size; labels.len()];
        Self { size, classes, pixels, sizes, starts, skipped: Vec::new(), labels }.checked()
    }

    /// A data set of pictures of any sizes, for a network whose input is `size` = [height, width].
    ///
    /// # Errors
    /// A picture whose pixels do not fit its size or that has none, labels that do not fit.
    pub fn mixed(
        size: [usize; 2],
        classes: Vec<String>,
        pictures: Vec<Picture>,
        labels: Vec<u32>,
        skipped: Vec<Skipped>,
    ) -> Result<Self, DataError> {
        if pictures.len() != labels.len() {
            let (found, expected) = (labels.len(), pictures.len());
            return Err(DataError::Buffer { what: "the labels of a data set", found, expected });
        }
        bytes(pictures.len(), size)?;
        let mut pixels = Vec::with_capacity(pictures.iter().map(|picture| picture.pixels.len()).sum());
        let (mut sizes, mut starts) = (Vec::new(), Vec::new());
        // Each picture is freed as soon as it is copied.
        for picture in pictures {
            let (found, expected) = (picture.pixels.len(), bytes(1, picture.size)?);
            if found != expected || found == 0 {
                return Err(DataError::Buffer { what: "the pixels of a picture", found, expected });
            }
            sizes.push(picture.size);
            starts.push(pixels.len());
            pixels.extend(picture.pixels);
        }
        Self { size, classes, pixels, sizes, starts, skipped, labels }.checked()
    }

    fn checked(self) -> Result<Self, DataError> {
        let Self { classes, labels, .. } = &self;
        let wrong = labels.iter().position(|&label| label as usize >= classes.len());
        if let Some((index, &label)) = wrong.and_then(|index| Some((index, labels.get(index)?))) {
            let place = "data set".to_owned();
            return Err(DataError::Label { place, index, label: label as usize, classes: classes.len() });
        }
        Ok(self)
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Height and width of the network's input, to which the images are brought.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// Names of the classes, in the order of their labels.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The label of every image.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Height and width of image `index`; `None` past the end.
    pub fn image_size(&self, index: usize) -> Option<[usize; 2]> {
        self.sizes.get(index).copied()
    }

    /// The files that were left out because they do not decode.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// All pixels, `[image][row][column][RGB]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The bytes of image `index`, `[row][column][RGB]`; `None` past the end.
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        let [height, width] = self.image_size(index)?;
        let start = *self.starts.get(index)?;
        self.pixels.get(start..start.checked_add(height * width * 3)?)
    }

    /// Refuses a second data set (say, the test images) with other classes.
    ///
    /// # Errors
    /// Names both lists of classes if they differ.
    pub fn check_classes(&self, other: &Self) -> Result<(), DataError> {
        if self.classes == other.classes {
            return Ok(());
        }
        Err(DataError::Classes { found: other.classes.clone(), expected: self.classes.clone() })
    }

    /// Mean and standard deviation of every channel, pixels scaled to [0, 1].
    ///
    /// # Errors
    /// A channel that is constant (as in a data set without images) cannot normalise.
    pub fn normalization(&self) -> Result<Normalization, DataError> {
        let mut sums = [[0u64; 2]; 3];
        for pixel in self.pixels.as_chunks::<3>().0 {
            for (sum, &value) in sums.iter_mut().zip(pixel) {
                sum[0] += u64::from(value);
                sum[1] += u64::from(value) * u64::from(value);
            }
        }
        let count = (self.pixels.len() / 3) as f64;
        let mean = sums.map(|[sum, _]| sum as f64 / count / 255.0);
        let mut deviation = [0.0; 3];
        for ((deviation, [_, squares]), mean) in deviation.iter_mut().zip(sums).zip(mean) {
            *deviation = (squares as f64 / count / 65_025.0 - mean * mean).max(0.0).sqrt() as f32;
        }
        Normalization::new(mean.map(|mean| mean as f32), deviation)
    }
}

/// Bytes of `images` RGB images.
fn bytes(images: usize, [height, width]: [usize; 2]) -> Result<usize, DataError> {
    let bytes = height.checked_mul(width).and_then(|pixels| pixels.checked_mul(3)?.checked_mul(images));
    // A slice may not be larger than this, and an index of an image must fit u32.
    bytes.filter(|&bytes| isize::try_from(bytes).is_ok() && u32::try_from(images).is_ok()).ok_or(DataError::TooLarge {
        images,
        height,
        width,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::rng::{Purpose, Random};

    /// Random images, labels 0, 1, 2 … in turn.
    pub(crate) fn random(images: usize, size: [usize; 2], classes: u32) -> Dataset {
        let mut random = Random::new(9, Purpose::Test, 0, 0);
        let pixels = (0..images * size[0] * size[1] * 3).map(|_| random.below(256) as u8).collect();
        let names = (0..classes).map(|class| format!("class {class}")).collect();
        Dataset::new(size, names, pixels, (0..images as u32).map(|image| image % classes).collect()).unwrap()
    }

    #[test]
    fn images_are_found_and_bounds_respected() {
        let data = random(3, [2, 4], 2);
        assert_eq!(data.image(1), Some(&data.pixels()[24..48]));
        assert_eq!((data.image(3), data.image(usize::MAX)), (None, None));
        assert_eq!(Dataset::new([0, 4], vec!["a".into()], vec![], vec![0]).unwrap().image(1), None);
    }

    #[test]
    fn lengths_and_labels_are_checked() {
        let class = || vec!["a".to_owned()];
        assert!(matches!(
            Dataset::new([1, 1], class(), vec![0; 4], vec![0]),
            Err(DataError::Buffer { found: 4, expected: 3, .. })
        ));
        assert!(matches!(
            Dataset::new([1, 1], class(), vec![0; 6], vec![0, 1]),
            Err(DataError::Label { index: 1, label: 1, classes: 1, .. })
        ));
        assert!(matches!(Dataset::new([usize::MAX, 2], class(), vec![], vec![0]), Err(DataError::TooLarge { .. })));
        assert!(random(2, [1, 1], 2).check_classes(&random(2, [1, 1], 1)).is_err());
    }

    #[test]
    fn normalization_by_hand() {
        let data = Dataset::new([1, 2], vec!["a".into()], vec![0, 255, 51, 255, 0, 102], vec![0]).unwrap();
        let normalization = data.normalization().unwrap();
        for (found, expected) in normalization.mean().into_iter().zip([0.5, 0.5, 0.3]) {
            assert!((found - expected).abs() < 1e-6);
        }
        for (found, expected) in normalization.deviation().into_iter().zip([0.5, 0.5, 0.1]) {
            assert!((found - expected).abs() < 1e-6);
        }
        assert!(Dataset::new([1, 1], vec![], vec![], vec![]).unwrap().normalization().is_err());
    }
}
