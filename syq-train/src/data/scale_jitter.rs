//! The augmentation of the paper's released code: a random size, a random stretch, a random crop.
//!
//! `Resize` and `RandomCrop` in `examples/SYQ-AlexNet/syq-alexnet.py` of the release, there for 224 × 224: the short side is
//! brought to a random whole number of pixels, then each axis is stretched by a factor of its own, but never beyond the
//! picture's own length or below the crop's; the crop is taken anywhere. (The release resizes with OpenCV's cubic filter and
//! flips half of the pictures: `filter` and `flip` of the configuration.)

use crate::rng::Random;
use serde::{Deserialize, Serialize};

/// Which sizes a picture takes before the random crop.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScaleJitter {
    /// The short side as multiples of the network's input, from the first, at least 1, to below the second; default [1, 1.375]:
    /// 224 to 307 pixels for 224.
    pub scale: [f32; 2],
    /// How much longer or shorter each axis becomes, as a fraction in [0, 1); default 0.15.
    pub stretch: f32,
}

impl Default for ScaleJitter {
    fn default() -> Self {
        Self { scale: [1.0, 1.375], stretch: 0.15 }
    }
}

impl ScaleJitter {
    /// Height and width of a picture of `own` pixels before a crop of `size`: at least that.
    pub(super) fn resized(&self, own: [usize; 2], size: [usize; 2], random: &mut Random) -> [usize; 2] {
        let crop = size[0].max(size[1]) as f64;
        let [least, end] = self.scale.map(|scale| (f64::from(scale) * crop).ceil() as u32);
        let short = least + random.below(end.saturating_sub(least).max(1));
        let scale = f64::from(short) / own[0].min(own[1]).max(1) as f64;
        let mut stretched = || scale * (1.0 + f64::from(self.stretch) * (2.0 * f64::from(random.uniform()) - 1.0));
        // The release draws the horizontal factor first.
        let [horizontal, vertical] = [stretched(), stretched()];
        let length = |factor: f64, axis: usize| ((factor * own[axis] as f64) as usize).min(own[axis]).max(size[axis]);
        [length(vertical, 0), length(horizontal, 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;

    fn sizes(jitter: ScaleJitter, own: [usize; 2]) -> Vec<[usize; 2]> {
        let draw = |index| jitter.resized(own, [224; 2], &mut Random::new(3, Purpose::Augmentation, 0, index));
        (0..2000).map(draw).collect()
    }

    #[test]
    fn sizes_are_the_release_s() {
        let release = ScaleJitter::default();
        // A large picture: nothing is capped but what would be smaller than the crop.
        let sizes = sizes(release, [1000, 2000]);
        let heights = sizes.iter().map(|size| size[0]);
        assert_eq!(heights.clone().min(), Some(224));
        assert!((340..=353).contains(&heights.max().unwrap()));
        let widths = sizes.iter().map(|size| size[1]);
        assert!((380..=400).contains(&widths.clone().min().unwrap()));
        assert!((680..=706).contains(&widths.max().unwrap()));
        // The axes are stretched apart: width / height is twice (0.85 to 1.15) / (0.85 to 1.15).
        let ratios: Vec<f64> = sizes.iter().filter(|s| s[0] > 224).map(|s| s[1] as f64 / s[0] as f64 / 2.0).collect();
        assert!(ratios.iter().all(|ratio| (0.73..1.36).contains(ratio)));
        assert!(ratios.iter().any(|&ratio| ratio < 0.85) && ratios.iter().any(|&ratio| ratio > 1.2));
    }

    #[test]
    fn pictures_never_grow_beyond_their_own_size_or_shrink_below_the_crop() {
        let jitter = ScaleJitter::default();
        assert!(sizes(jitter, [230, 240]).iter().all(|&[h, w]| (224..=230).contains(&h) && (224..=240).contains(&w)));
        assert!(sizes(jitter, [100, 150]).iter().all(|&size| size == [224, 224]));
        let fixed = ScaleJitter { scale: [1.0, 1.0], stretch: 0.0 };
        assert!(sizes(fixed, [448, 896]).iter().all(|&size| size == [224, 448]));
    }
}
