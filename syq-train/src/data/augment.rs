//! From bytes to a normalised f32 image, with or without a random crop and flip.
//!
//! The usual recipe for small images (Lee et al., 2015; He et al., CVPR 2016): zero padding on all
//! sides, a random crop of the original size, a horizontal flip half of the time. Zero padding is
//! made after the normalisation in the original; ours is too: a padded value is the channel's mean.

use super::DataError;
use super::resized_crop::{Part, RandomResizedCrop, resize};
use crate::rng::Random;
use syq_pack::preprocess::normalization_table;

/// Mean and standard deviation a channel (R, G, B), pixels in [0, 1]: y = (x / 255 − mean) / deviation.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalization {
    mean: [f32; 3],
    deviation: [f32; 3],
    /// The normalised value of every byte, a channel.
    table: Box<[[f32; 256]; 3]>,
}

impl Normalization {
    /// Normalisation with these means and standard deviations.
    ///
    /// # Errors
    /// A mean that is not finite, a deviation that is not positive and finite.
    pub fn new(mean: [f32; 3], deviation: [f32; 3]) -> Result<Self, DataError> {
        let mut table = Box::new([[0.0; 256]; 3]);
        for (channel, ((row, mean), deviation)) in table.iter_mut().zip(mean).zip(deviation).enumerate() {
            if !(mean.is_finite() && deviation > 0.0 && deviation.is_normal()) {
                return Err(DataError::Normalization { channel, mean, deviation });
            }
            // The engine's own table, so that both see the same inputs.
            *row = normalization_table(mean, deviation);
        }
        Ok(Self { mean, deviation, table })
    }

    /// The means.
    pub fn mean(&self) -> [f32; 3] {
        self.mean
    }

    /// The standard deviations.
    pub fn deviation(&self) -> [f32; 3] {
        self.deviation
    }

    /// The largest magnitude that a byte of any channel can become.
    pub fn bound(&self) -> f32 {
        self.table.as_flattened().iter().fold(0.0, |bound: f32, value| bound.max(value.abs()))
    }

    /// Normalises `[…][RGB]` bytes into `target`, which must be as long; the evaluation's path.
    ///
    /// # Errors
    /// Two lengths that differ.
    pub fn apply(&self, image: &[u8], target: &mut [f32]) -> Result<(), DataError> {
        if image.len() != target.len() {
            return Err(DataError::Buffer { what: "the target", found: target.len(), expected: image.len() });
        }
        self.row(image, target);
        Ok(())
    }

    /// As many pixels as both have.
    fn row(&self, source: &[u8], target: &mut [f32]) {
        for (target, source) in target.as_chunks_mut::<3>().0.iter_mut().zip(source.as_chunks::<3>().0) {
            for ((target, &value), table) in target.iter_mut().zip(source).zip(self.table.iter()) {
                *target = table[usize::from(value)];
            }
        }
    }
}

/// Whether images are mirrored at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flip {
    /// Never.
    None,
    /// Left and right exchanged for half of the images.
    Horizontal,
}

/// Random changes of a training image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Augmentation {
    /// Pixels of zero padding on every side before the random crop; 0 for none.
    pub padding: u32,
    /// Random mirroring.
    pub flip: Flip,
    /// A random part, resized, instead of the crop.
    pub resized_crop: Option<RandomResizedCrop>,
}

impl Augmentation {
    /// Crops, flips and normalises `image` (`[row][column][RGB]`, `own` = [height, width]) into
    /// `target`, of `size`. Without a resized crop an image of another size is first resized to the short
    /// side that covers `size`, and three numbers of `random` decide, whatever is switched off.
    ///
    /// # Errors
    /// Lengths that do not fit `own` and `size`.
    pub fn apply(
        &self,
        image: &[u8],
        own: [usize; 2],
        size: [usize; 2],
        normalization: &Normalization,
        random: &mut Random,
        target: &mut [f32],
    ) -> Result<(), DataError> {
        let lengths = [("the image", image.len(), own), ("the target", target.len(), size)];
        for (what, found, size) in lengths {
            let expected = super::bytes(1, size)?;
            if found != expected {
                return Err(DataError::Buffer { what, found, expected });
            }
        }
        if image.is_empty() || target.is_empty() {
            return Ok(());
        }
        if let Some(crop) = self.resized_crop {
            let bytes = resize(image, own[1], crop.part(own, random), size);
            normalization.row(&bytes, target);
            if random.below(2) == 1 && self.flip == Flip::Horizontal {
                for row in target.chunks_exact_mut(size[1] * 3) {
                    row.as_chunks_mut::<3>().0.reverse();
                }
            }
            return Ok(());
        }
        if own == size {
            self.crop(image, own, size, normalization, random, target);
        } else {
            let whole = Part { top: 0, left: 0, height: own[0], width: own[1] };
            let covering = covering(own, size);
            let bytes = resize(image, own[1], whole, covering);
            self.crop(&bytes, covering, size, normalization, random, target);
        }
        Ok(())
    }

    /// The random crop and flip of an image that covers `size`.
    fn crop(
        &self,
        image: &[u8],
        own: [usize; 2],
        size: [usize; 2],
        normalization: &Normalization,
        random: &mut Random,
        target: &mut [f32],
    ) {
        // A wider padding than this could only give images without a pixel.
        let padding = (self.padding as usize).min(size[0].max(size[1]));
        let [top, left] = [0, 1].map(|axis| {
            let spare = own[axis].saturating_sub(size[axis]);
            random.below((2 * padding + spare) as u32 + 1) as usize
        });
        let mirrored = random.below(2) == 1 && self.flip == Flip::Horizontal;
        let [own_length, row_length] = [own[1] * 3, size[1] * 3];
        for (y, target) in target.chunks_exact_mut(row_length).enumerate() {
            // Row and columns of the source; outside is padding.
            let source = (y + top).checked_sub(padding).and_then(|y| image.chunks_exact(own_length).nth(y));
            target.fill(0.0);
            let Some(source) = source else { continue };
            let (skip, indent) = (left.saturating_sub(padding) * 3, padding.saturating_sub(left) * 3);
            normalization.row(source.get(skip..).unwrap_or(&[]), target.get_mut(indent..).unwrap_or(&mut []));
            if mirrored {
                target.as_chunks_mut::<3>().0.reverse();
            }
        }
    }
}

/// `own` with its aspect ratio, as small as covers `size`.
fn covering(own: [usize; 2], size: [usize; 2]) -> [usize; 2] {
    let factor = (size[0] as f64 / own[0] as f64).max(size[1] as f64 / own[1] as f64);
    [0, 1].map(|axis| ((own[axis] as f64 * factor).round() as usize).max(size[axis]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::tests::random;
    use crate::rng::Purpose;

    fn normalization() -> Normalization {
        Normalization::new([0.5, 0.25, 0.0], [0.5, 0.25, 1.0]).unwrap()
    }

    #[test]
    fn normalises_by_hand() {
        let mut target = [0.0; 6];
        normalization().apply(&[0, 0, 0, 255, 255, 51], &mut target).unwrap();
        assert_eq!(target, [-1.0, -1.0, 0.0, 1.0, 3.0, 0.2]);
        assert_eq!(normalization().bound(), 3.0);
        assert!(normalization().apply(&[0; 3], &mut target).is_err());
        assert!(Normalization::new([0.0; 3], [1.0, 0.0, 1.0]).is_err());
        assert!(Normalization::new([0.0, f32::NAN, 0.0], [1.0; 3]).is_err());
    }

    #[test]
    fn every_result_is_a_shifted_and_maybe_mirrored_image() {
        let size = [5, 4];
        let data = random(1, size, 1);
        let image = data.image(0).unwrap();
        for (padding, flip) in [(0, Flip::None), (0, Flip::Horizontal), (2, Flip::None), (4, Flip::Horizontal)] {
            let augmentation = Augmentation { padding, flip, resized_crop: None };
            let mut seen = std::collections::HashSet::new();
            for index in 0..400 {
                let mut generator = Random::new(1, Purpose::Augmentation, 0, index);
                let mut target = [9.0; 60];
                augmentation.apply(image, size, size, &normalization(), &mut generator.clone(), &mut target).unwrap();
                // The same by the plainest loop.
                let [top, left] = [0, 1].map(|_| i64::from(generator.below(2 * padding + 1)) - i64::from(padding));
                let mirrored = generator.below(2) == 1 && flip == Flip::Horizontal;
                seen.insert((top, left, mirrored));
                for (i, &value) in target.iter().enumerate() {
                    let (y, x, c) = (i / 12, i / 3 % 4, i % 3);
                    let x = if mirrored { 3 - x } else { x };
                    let (y, x) = (y as i64 + top, x as i64 + left);
                    let inside = (0..5).contains(&y) && (0..4).contains(&x);
                    let byte = inside.then(|| image[(y as usize * 4 + x as usize) * 3 + c]);
                    assert_eq!(value, byte.map_or(0.0, |byte| normalization().table[c][usize::from(byte)]));
                }
            }
            let places = (2 * padding + 1).pow(2) as usize * if flip == Flip::None { 1 } else { 2 };
            assert!(seen.len() > places * 3 / 4, "{} of {places}", seen.len());
        }
    }
}
