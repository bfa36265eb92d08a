//! A random part of a picture, resized to the network's input (Szegedy et al., CVPR 2015).
//!
//! The part is chosen as torchvision's `RandomResizedCrop` does: up to ten attempts at an area and an
//! aspect ratio that fit, then the largest part in the centre. The engine's resizer makes of it what
//! torchvision does with Pillow's pictures: the part is cut out, then resized.

use crate::rng::Random;
use serde::{Deserialize, Serialize};
use syq_infer::preprocess::Region;

/// Which parts are taken.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandomResizedCrop {
    /// Least and greatest share of the picture's area, in (0, 1]; default [0.08, 1].
    pub scale: [f32; 2],
    /// Least and greatest width / height, uniform in the logarithm; default [3/4, 4/3].
    pub ratio: [f32; 2],
}

impl Default for RandomResizedCrop {
    fn default() -> Self {
        Self { scale: [0.08, 1.0], ratio: [0.75, 4.0 / 3.0] }
    }
}

impl RandomResizedCrop {
    /// A part of a picture of `height` × `width` pixels, at least one pixel.
    pub(super) fn part(&self, [height, width]: [usize; 2], random: &mut Random) -> Region {
        let area = height as f64 * width as f64;
        let logarithms = self.ratio.map(|ratio| f64::from(ratio).ln());
        for _ in 0..10 {
            let share = between(self.scale.map(f64::from), random);
            let aspect = between(logarithms, random).exp();
            let w = (area * share * aspect).sqrt().round() as usize;
            let h = (area * share / aspect).sqrt().round() as usize;
            if (1..=width).contains(&w) && (1..=height).contains(&h) {
                let top = random.below((height - h) as u32 + 1) as usize;
                let left = random.below((width - w) as u32 + 1) as usize;
                return Region { top, left, height: h, width: w };
            }
        }
        let aspect = width as f64 / height as f64;
        let [least, greatest] = self.ratio.map(f64::from);
        let h = if aspect < least { (width as f64 / least).round() as usize } else { height };
        let w = if aspect > greatest { (height as f64 * greatest).round() as usize } else { width };
        let (h, w) = (h.clamp(1, height.max(1)), w.clamp(1, width.max(1)));
        Region { top: (height - h) / 2, left: (width - w) / 2, height: h, width: w }
    }
}

fn between([low, high]: [f64; 2], random: &mut Random) -> f64 {
    low + (high - low) * f64::from(random.uniform())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;
    use syq_infer::preprocess::{Resampling, Resizer};
    use syq_infer::rgb::RgbView;
    use syq_pack::preprocess::Filter;

    fn resize(image: &[u8], width: usize, part: Region, target: [usize; 2]) -> Vec<u8> {
        let picture = RgbView::new(image.len() / width / 3, width, image).unwrap();
        let how = Resampling { part, target, kept: Region::whole(target), filter: Filter::PillowBilinear };
        Resizer::default().resize(picture, how).unwrap().to_vec()
    }

    #[test]
    fn parts_stay_inside_and_have_the_asked_area_and_ratio() {
        let crop = RandomResizedCrop { scale: [0.35, 1.0], ..RandomResizedCrop::default() };
        let mut areas = Vec::new();
        for index in 0..500 {
            let part = crop.part([90, 120], &mut Random::new(1, Purpose::Augmentation, 0, index));
            assert!(part.top + part.height <= 90 && part.left + part.width <= 120);
            let aspect = part.width as f64 / part.height as f64;
            assert!((0.72..1.37).contains(&aspect), "{part:?}");
            areas.push(part.width as f64 * part.height as f64 / 10_800.0);
        }
        assert!(areas.iter().all(|area| (0.34..=1.0).contains(area)));
        assert!(areas.iter().any(|&area| area < 0.45) && areas.iter().any(|&area| area > 0.9));
        // Nothing fits: the centre, as wide as the ratio allows.
        let part = crop.part([10, 400], &mut Random::new(1, Purpose::Augmentation, 0, 0));
        assert_eq!(part, Region { top: 0, left: 193, height: 10, width: 13 });
    }

    #[test]
    fn resizing_by_hand() {
        let whole = |height, width| Region::whole([height, width]);
        let image: Vec<u8> = (0..48).collect();
        assert_eq!(resize(&image, 4, whole(4, 4), [4, 4]), image);
        let inner = Region { top: 1, left: 2, height: 2, width: 1 };
        assert_eq!(resize(&image, 4, inner, [2, 1]), [18, 19, 20, 30, 31, 32]);
        // Two pixels, doubled: weights 1, 3/4 and 1/4 (Pillow gives the same).
        assert_eq!(
            resize(&[0, 0, 0, 100, 100, 100], 2, whole(1, 2), [1, 4]).as_chunks::<3>().0.map_first(),
            [0, 25, 75, 100]
        );
        // Four, halved: a triangle over two pixels on either side, cut at the border: weights 3, 3 and 1 of 7.
        let row: Vec<u8> = [0u8, 70, 140, 210].iter().flat_map(|&v| [v; 3]).collect();
        assert_eq!(resize(&row, 4, whole(1, 4), [1, 2]).as_chunks::<3>().0.map_first(), [50, 160]);
    }

    trait First {
        fn map_first(&self) -> Vec<u8>;
    }

    impl First for [[u8; 3]] {
        fn map_first(&self) -> Vec<u8> {
            self.iter().map(|pixel| pixel[0]).collect()
        }
    }
}
