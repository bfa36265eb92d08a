//! From bytes to a normalised f32 image, randomly cropped and mirrored.
//!
//! The usual recipe for small images (Lee et al., 2015; He et al., CVPR 2016): zero padding on all
//! sides, a random crop of the original size, a horizontal flip half of the time. Zero padding is
//! made after the normalisation in the original; ours is too: a padded value is the channel's mean.
//! Or a random part of the picture, resized ([`RandomResizedCrop`]), or a random crop of the picture in a random
//! size ([`ScaleJitter`]). What is left may change its colours ([`ColorJitter`]); padding keeps its own.

use super::{ColorJitter, DataError, Normalization, RandomResizedCrop, ScaleJitter};
use crate::rng::Random;
use std::sync::Arc;
use syq_infer::preprocess::{Region, Resampling, Resizer};
use syq_infer::rgb::RgbView;
use syq_pack::preprocess::Filter;

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
    /// A random size before the crop.
    pub scale_jitter: Option<ScaleJitter>,
    /// Random changes of the colours.
    pub color_jitter: Option<ColorJitter>,
    /// How images are resized.
    pub filter: Filter,
}

impl Augmentation {
    /// Nothing random.
    pub const NONE: Self = Self {
        padding: 0,
        flip: Flip::None,
        resized_crop: None,
        scale_jitter: None,
        color_jitter: None,
        filter: Filter::PillowBilinear,
    };
}

/// Which pixels of an image an output shows, and where.
#[derive(Clone, Copy, Debug)]
struct Placement {
    /// The part of the image that is resized.
    part: Region,
    /// Rows and columns that it is resized to.
    target: [usize; 2],
    /// What is kept of that: no more than the output has.
    kept: Region,
    /// Row and column of the output where it begins; around it is padding.
    at: [usize; 2],
}

impl Augmentation {
    /// Draws what an output of `size` shows of an image of `own` pixels.
    fn place(&self, own: [usize; 2], size: [usize; 2], random: &mut Random) -> Placement {
        if let Some(crop) = self.resized_crop {
            return Placement { part: crop.part(own, random), target: size, kept: Region::whole(size), at: [0; 2] };
        }
        let part = Region::whole(own);
        let target = match self.scale_jitter {
            Some(jitter) => jitter.resized(own, size, random),
            None if own == size => own,
            None => covering(own, size),
        };
        // A wider padding than this could only give images without a pixel.
        let padding = (self.padding as usize).min(size[0].max(size[1]));
        let [rows, columns] = [0, 1].map(|axis| {
            let spare = target[axis].saturating_sub(size[axis]);
            let offset = random.below((2 * padding + spare) as u32 + 1) as usize;
            let first = offset.saturating_sub(padding);
            let end = (offset + size[axis]).saturating_sub(padding).min(target[axis]);
            (first, end.saturating_sub(first), padding.saturating_sub(offset))
        });
        let kept = Region { top: rows.0, left: columns.0, height: rows.1, width: columns.1 };
        Placement { part, target, kept, at: [rows.2, columns.2] }
    }
}

/// Changes images one after the other, in memory that is kept.
#[derive(Clone, Debug)]
pub struct Augmenter {
    augmentation: Augmentation,
    normalization: Arc<Normalization>,
    size: [usize; 2],
    resizer: Resizer,
}

impl Augmenter {
    /// Makes images of `size` = [height, width].
    pub fn new(augmentation: Augmentation, normalization: Arc<Normalization>, size: [usize; 2]) -> Self {
        Self { augmentation, normalization, size, resizer: Resizer::default() }
    }

    /// Crops, flips and normalises `image` (`[row][column][RGB]`, `own` = [height, width]) into
    /// `target`. Without a resized crop or a scale jitter an image of another size is first resized to the short
    /// side that covers the output, and three numbers of `random` decide, whatever is switched off. What a colour
    /// jitter draws comes after all else: crops and flips are the same with and without it.
    ///
    /// # Errors
    /// Lengths that do not fit `own` and the size of the output.
    pub fn apply(
        &mut self,
        image: &[u8],
        own: [usize; 2],
        random: &mut Random,
        target: &mut [f32],
    ) -> Result<(), DataError> {
        let lengths = [("the image", image.len(), own), ("the target", target.len(), self.size)];
        for (what, found, size) in lengths {
            let expected = super::bytes(1, size)?;
            if found != expected {
                return Err(DataError::Buffer { what, found, expected });
            }
        }
        if image.is_empty() || target.is_empty() {
            return Ok(());
        }
        let Placement { part, target: resized, kept, at } = self.augmentation.place(own, self.size, random);
        let mirrored = random.below(2) == 1 && self.augmentation.flip == Flip::Horizontal;
        if [kept.height, kept.width] != self.size {
            target.fill(0.0);
        }
        if kept.height > 0 && kept.width > 0 {
            let picture = RgbView::new(own[0], own[1], image)?;
            let how = Resampling { part, target: resized, kept, filter: self.augmentation.filter };
            let bytes = self.resizer.resize(picture, how)?;
            if let Some(jitter) = self.augmentation.color_jitter {
                jitter.apply(bytes, random);
            }
            let rows = target.chunks_exact_mut(self.size[1] * 3).skip(at[0]);
            for (row, source) in rows.zip(bytes.chunks_exact(kept.width * 3)) {
                self.normalization.row(source, row.get_mut(at[1] * 3..).unwrap_or_default());
            }
        }
        if mirrored {
            for row in target.chunks_exact_mut(self.size[1] * 3) {
                row.as_chunks_mut::<3>().0.reverse();
            }
        }
        Ok(())
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
    use crate::data::normalization::tests::normalization;
    use crate::data::tests::random;
    use crate::rng::Purpose;

    #[test]
    fn every_result_is_a_shifted_and_maybe_mirrored_image() {
        let size = [5, 4];
        let data = random(1, size, 1);
        let image = data.image(0).unwrap();
        for (padding, flip) in [(0, Flip::None), (0, Flip::Horizontal), (2, Flip::None), (4, Flip::Horizontal)] {
            let augmentation = Augmentation { padding, flip, ..Augmentation::NONE };
            let mut augmenter = Augmenter::new(augmentation, Arc::new(normalization()), size);
            let mut seen = std::collections::HashSet::new();
            for index in 0..400 {
                let mut generator = Random::new(1, Purpose::Augmentation, 0, index);
                let mut target = [9.0; 60];
                augmenter.apply(image, size, &mut generator.clone(), &mut target).unwrap();
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

    /// An image of `own` pixels through `augmentation`, without normalisation but for the division by 255.
    fn applied(augmentation: Augmentation, own: [usize; 2], size: [usize; 2], index: u64) -> Vec<f32> {
        let data = random(1, own, 1);
        let identity = Arc::new(Normalization::new([0.0; 3], [1.0; 3]).unwrap());
        let mut target = vec![9.0; size[0] * size[1] * 3];
        let mut generator = Random::new(1, Purpose::Augmentation, 0, index);
        let mut augmenter = Augmenter::new(augmentation, identity, size);
        augmenter.apply(data.image(0).unwrap(), own, &mut generator, &mut target).unwrap();
        target
    }

    #[test]
    fn a_colour_jitter_leaves_crops_flips_and_padding_alone() {
        let plain = Augmentation { padding: 3, flip: Flip::Horizontal, ..Augmentation::NONE };
        let jitter = ColorJitter { brightness: 0.8, ..ColorJitter::default() };
        let jittered = Augmentation { color_jitter: Some(jitter), ..plain };
        for index in 0..50 {
            let (plain, jittered) = (applied(plain, [8, 8], [8, 8], index), applied(jittered, [8, 8], [8, 8], index));
            assert_ne!(plain, jittered);
            // Brightness makes of a value the same everywhere, brighter of the brighter, and 0 of the padding's 0.
            let mut table = std::collections::BTreeMap::new();
            for (before, after) in plain.iter().zip(&jittered) {
                assert_eq!(table.entry(before.to_bits()).or_insert(after.to_bits()), &after.to_bits());
            }
            assert!(table.values().is_sorted() && table.get(&0).is_none_or(|&after| after == 0));
        }
    }

    #[test]
    fn a_scale_jitter_shows_a_crop_of_the_resized_picture() {
        let jitter = ScaleJitter::default();
        let filter = Filter::OpenCvCubic;
        let augmentation = Augmentation { scale_jitter: Some(jitter), filter, ..Augmentation::NONE };
        let (own, size) = ([40, 60], [16, 16]);
        let data = random(1, own, 1);
        let mut sizes = std::collections::HashSet::new();
        for index in 0..60 {
            let mut generator = Random::new(1, Purpose::Augmentation, 0, index);
            let target = jitter.resized(own, size, &mut generator);
            let [top, left] = [0, 1].map(|axis| generator.below((target[axis] - 16) as u32 + 1) as usize);
            let picture = RgbView::new(own[0], own[1], data.image(0).unwrap()).unwrap();
            let (part, kept) = (Region::whole(own), Region::whole(target));
            let mut resizer = Resizer::default();
            let whole = resizer.resize(picture, Resampling { part, target, kept, filter }).unwrap();
            let expected = (0..16).flat_map(|y| &whole[((top + y) * target[1] + left) * 3..][..48]);
            let expected: Vec<f32> = expected.map(|&byte| f32::from(byte) / 255.0).collect();
            assert_eq!(applied(augmentation, own, size, index), expected);
            sizes.insert(target);
        }
        assert!(sizes.len() > 30);
    }

    /// `Image.fromarray(a).crop(box).resize(size, Image.BILINEAR)` of Pillow 12.3.0, the pixels of `a` being
    /// [y * 37 + x * 11, x * y * 13, x * x * 5 + y * 101] modulo 256.
    #[test]
    fn a_part_is_cut_out_and_resized_as_torchvision_does() {
        let pixel = |y: usize, x: usize| [y * 37 + x * 11, x * y * 13, x * x * 5 + y * 101].map(|value| value as u8);
        let image: Vec<u8> = (0..7).flat_map(|y| (0..9).flat_map(move |x| pixel(y, x))).collect();
        let picture = RgbView::new(7, 9, &image).unwrap();
        let resize = |part, target| {
            let how = Resampling { part, target, kept: Region::whole(target), filter: Filter::PillowBilinear };
            Resizer::default().resize(picture, how).unwrap().to_vec()
        };
        let part = Region { top: 1, left: 2, height: 5, width: 6 };
        let expected = [
            79, 44, 173, 95, 70, 144, 110, 97, 124, 126, 123, 109, 137, 93, 133, 153, 141, 133, 168, 153, 135, 184,
            112, 122, 195, 141, 88, 211, 115, 120, 226, 66, 100, 151, 138, 171,
        ];
        assert_eq!(resize(part, [3, 4]), expected);
        let part = Region { top: 2, left: 1, height: 5, width: 3 };
        let expected = [
            94, 29, 168, 98, 41, 174, 105, 59, 183, 112, 76, 198, 116, 88, 208, 137, 44, 94, 141, 63, 100, 148, 89,
            109, 155, 115, 124, 159, 133, 134, 181, 60, 212, 185, 83, 158, 192, 119, 78, 199, 155, 93, 203, 179, 103,
            224, 75, 138, 228, 105, 118, 235, 150, 89, 242, 195, 104, 246, 224, 114,
        ];
        assert_eq!(resize(part, [4, 5]), expected);
    }
}
