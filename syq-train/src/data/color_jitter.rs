//! Random changes of brightness, contrast, saturation and hue.
//!
//! What torchvision's `ColorJitter` does to Pillow's 8-bit RGB pictures, byte for byte for the same factors and order:
//! `transforms/_functional_pil.py` with Pillow's `ImageEnhance`, `Blend.c` and `Convert.c`. A factor f is uniform:
//!
//! | change | f | what a value x becomes, clipped to 0..=255 |
//! | --- | --- | --- |
//! | brightness b | [max(0, 1 − b), 1 + b] | ⌊f·x⌋ |
//! | contrast c | [max(0, 1 − c), 1 + c] | ⌊m + f·(x − m)⌋, m the mean grey of the picture, rounded |
//! | saturation s | [max(0, 1 − s), 1 + s] | ⌊g + f·(x − g)⌋, g the grey of the pixel |
//! | hue h | [−h, h] | the same in HSV of one byte each, its hue turned by trunc(255·f) modulo 256 |
//!
//! Grey is ⌊(19595·R + 38470·G + 7471·B + 2¹⁵) / 2¹⁶⌋. The four changes come in a random order.

use crate::rng::Random;
use serde::{Deserialize, Serialize};

/// How far the colours of a training image may be changed; 0 leaves one as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ColorJitter {
    /// Of the brightness, at least 0.
    pub brightness: f32,
    /// Of the contrast, at least 0.
    pub contrast: f32,
    /// Of the saturation, at least 0.
    pub saturation: f32,
    /// Of the hue, in turns: [0, 0.5].
    pub hue: f32,
}

/// One change of all pixels, with its factor.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    Brightness(f32),
    Contrast(f32),
    Saturation(f32),
    /// In 255ths of a turn, modulo 256.
    Hue(u8),
}

impl ColorJitter {
    /// Changes an image, `[pixel][RGB]`. A permutation of four and four numbers of `random` decide, whatever is
    /// switched off.
    pub(super) fn apply(&self, pixels: &mut [u8], random: &mut Random) {
        let pixels = pixels.as_chunks_mut::<3>().0;
        for change in self.changes(random).into_iter().flatten() {
            change.apply(pixels);
        }
    }

    /// The changes, in the order in which they are made.
    fn changes(&self, random: &mut Random) -> [Option<Change>; 4] {
        let mut order = [0, 1, 2, 3];
        random.shuffle(&mut order);
        let mut between = |low: f64, high: f64| low + (high - low) * f64::from(random.uniform());
        let mut factor = |strength: f32| {
            let factor = between((1.0 - f64::from(strength)).max(0.0), 1.0 + f64::from(strength)) as f32;
            (strength > 0.0).then_some(factor)
        };
        let brightness = factor(self.brightness).map(Change::Brightness);
        let contrast = factor(self.contrast).map(Change::Contrast);
        let saturation = factor(self.saturation).map(Change::Saturation);
        let turn = between(-f64::from(self.hue), self.hue.into());
        let hue = (self.hue > 0.0).then(|| Change::hue(turn));
        let changes = [brightness, contrast, saturation, hue];
        order.map(|index: usize| changes.get(index).copied().flatten())
    }
}

impl Change {
    /// A hue turned by so many turns, [−0.5, 0.5].
    fn hue(turn: f64) -> Self {
        Self::Hue((turn * 255.0) as i32 as u8)
    }

    fn apply(self, pixels: &mut [[u8; 3]]) {
        match self {
            Self::Brightness(factor) => blend_all(0, pixels, factor),
            Self::Contrast(factor) => {
                let sum: u64 = pixels.iter().map(|pixel| u64::from(grey(*pixel))).sum();
                let mean = (sum as f64 / pixels.len().max(1) as f64 + 0.5) as u8;
                blend_all(mean, pixels, factor);
            }
            Self::Saturation(factor) => {
                for pixel in pixels {
                    let grey = grey(*pixel);
                    *pixel = pixel.map(|x| blend(grey, x, factor));
                }
            }
            Self::Hue(turn) => {
                for pixel in pixels {
                    let [hue, saturation, value] = to_hsv(*pixel);
                    *pixel = to_rgb([hue.wrapping_add(turn), saturation, value]);
                }
            }
        }
    }
}

/// Pillow's `Image.blend`: from `a` at factor 0 to `b` at factor 1 and beyond.
fn blend(a: u8, b: u8, factor: f32) -> u8 {
    let (a, b) = (f32::from(a), f32::from(b));
    // `as` truncates and clips.
    (a + factor * (b - a)) as u8
}

/// Every value blended with the same `a`.
fn blend_all(a: u8, pixels: &mut [[u8; 3]], factor: f32) {
    let table: [u8; 256] = std::array::from_fn(|x| blend(a, x as u8, factor));
    pixels.as_flattened_mut().iter_mut().for_each(|x| *x = table[usize::from(*x)]);
}

/// Pillow's conversion to "L".
fn grey([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 0x8000) >> 16) as u8
}

/// Pillow's conversion to "HSV": f32 where its C has `float`, f64 where it has `double`.
fn to_hsv([r, g, b]: [u8; 3]) -> [u8; 3] {
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    if most == least {
        return [0, 0, most];
    }
    let range = f32::from(most - least);
    let [rc, gc, bc] = [r, g, b].map(|value| f32::from(most - value) / range);
    let sector = if r == most {
        bc - gc
    } else if g == most {
        (2.0 + f64::from(rc) - f64::from(bc)) as f32
    } else {
        (4.0 + f64::from(gc) - f64::from(rc)) as f32
    };
    // From 5/6 to below 2: the C's fmod(…, 1.0).
    let turned = f64::from(sector) / 6.0 + 1.0;
    let hue = (if turned < 1.0 { turned } else { turned - 1.0 }) as f32;
    let saturation = range / f32::from(most);
    [(f64::from(hue) * 255.0) as u8, (f64::from(saturation) * 255.0) as u8, most]
}

/// Pillow's conversion from "HSV".
fn to_rgb([hue, saturation, value]: [u8; 3]) -> [u8; 3] {
    if saturation == 0 {
        return [value; 3];
    }
    let turned = f64::from(hue) * 6.0 / 255.0;
    let sector = turned as u8;
    let f = (turned - f64::from(sector)) as f32;
    let s = (f64::from(saturation) / 255.0) as f32;
    // `as` truncates: with a half added it rounds as the C does, without a call of the mathematics library.
    let part = |fraction: f64| (f64::from(value) * fraction + 0.5) as u8;
    let p = part(1.0 - f64::from(s));
    let q = part(1.0 - f64::from(s * f));
    let t = part(1.0 - f64::from(s) * (1.0 - f64::from(f)));
    match sector % 6 {
        0 => [value, t, p],
        1 => [q, value, p],
        2 => [p, value, t],
        3 => [p, q, value],
        4 => [t, p, value],
        _ => [value, p, q],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;

    const PIXELS: [[u8; 3]; 6] =
        [[0, 0, 0], [255, 255, 255], [200, 30, 90], [17, 180, 44], [64, 64, 70], [9, 120, 250]];

    fn changed(changes: &[Change]) -> [[u8; 3]; 6] {
        let mut pixels = PIXELS;
        changes.iter().for_each(|change| change.apply(&mut pixels));
        pixels
    }

    /// Pillow 12.3.0 and torchvision 0.29.2: `Image.fromarray(pixels.reshape(2, 3, 3))` through
    /// `F.adjust_brightness(_, 1.3)` and so on, F being `torchvision.transforms.functional`. (Compared once with all 2²⁴
    /// colours, five factors each and six turns: no byte differs.)
    #[test]
    fn every_change_is_torchvision_s() {
        use Change::{Brightness, Contrast, Saturation};
        for (changes, expected) in [
            (
                vec![Brightness(1.3)],
                [[0, 0, 0], [255, 255, 255], [255, 39, 116], [22, 233, 57], [83, 83, 91], [11, 156, 255]],
            ),
            (
                vec![Contrast(0.6)],
                [[41, 41, 41], [194, 194, 194], [161, 59, 95], [51, 149, 68], [80, 80, 83], [46, 113, 191]],
            ),
            (vec![Contrast(1.7)], [[0, 0, 0], [255, 255, 255], [255, 0, 80], [0, 233, 2], [36, 36, 46], [0, 131, 255]]),
            (
                vec![Saturation(0.4)],
                [[0, 0, 0], [255, 255, 255], [132, 64, 88], [76, 141, 87], [64, 64, 67], [64, 109, 161]],
            ),
            (
                vec![Saturation(1.8)],
                [[0, 0, 0], [255, 255, 255], [255, 0, 91], [0, 231, 0], [63, 63, 74], [0, 134, 255]],
            ),
            (
                vec![Change::hue(0.1)],
                [[0, 0, 0], [255, 255, 255], [200, 66, 31], [18, 180, 140], [68, 64, 70], [38, 10, 250]],
            ),
            (
                vec![Change::hue(-0.37)],
                [[0, 0, 0], [255, 255, 255], [31, 126, 200], [180, 18, 21], [65, 70, 64], [174, 250, 10]],
            ),
            (
                vec![Contrast(1.7), Brightness(0.8), Change::hue(0.25), Saturation(1.5)],
                [[0, 0, 0], [204, 204, 204], [180, 219, 0], [0, 105, 240], [38, 26, 32], [254, 0, 255]],
            ),
        ] {
            assert_eq!(changed(&changes), expected, "{changes:?}");
        }
    }

    fn draws(jitter: ColorJitter) -> Vec<[Option<Change>; 4]> {
        (0..2000).map(|index| jitter.changes(&mut Random::new(1, Purpose::Augmentation, 0, index))).collect()
    }

    #[test]
    fn factors_are_uniform_in_their_ranges_and_orders_are_random() {
        let jitter = ColorJitter { brightness: 0.4, contrast: 1.5, saturation: 0.2, hue: 0.1 };
        let draws = draws(jitter);
        let (mut ranges, mut orders) = ([[f32::MAX, f32::MIN]; 4], std::collections::HashMap::new());
        for changes in &draws {
            let mut order = [0; 4];
            for (place, change) in order.iter_mut().zip(changes) {
                let (index, value) = match change.unwrap() {
                    Change::Brightness(factor) => (0, factor),
                    Change::Contrast(factor) => (1, factor),
                    Change::Saturation(factor) => (2, factor),
                    Change::Hue(turn) => (3, f32::from(turn as i8) / 255.0),
                };
                *place = index;
                ranges[index] = [ranges[index][0].min(value), ranges[index][1].max(value)];
            }
            *orders.entry(order).or_insert(0) += 1;
        }
        for ([least, greatest], [low, high]) in
            ranges.into_iter().zip([[0.6, 1.4], [0.0, 2.5], [0.8, 1.2], [-0.1, 0.1]])
        {
            let near = 0.01 * (high - low) + 1.0 / 255.0;
            assert!(low <= least && least < low + near, "{least} {low}");
            assert!(greatest <= high && greatest > high - near, "{greatest} {high}");
        }
        assert_eq!(orders.len(), 24);
        assert!(orders.values().all(|count| (40..140).contains(count)), "{orders:?}");
    }

    #[test]
    fn what_is_switched_off_changes_neither_pixels_nor_the_rest() {
        let all = draws(ColorJitter { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 });
        let some = draws(ColorJitter { saturation: 0.4, ..ColorJitter::default() });
        for (all, some) in all.iter().zip(&some) {
            let kept = all.iter().map(|change| change.filter(|change| matches!(change, Change::Saturation(_))));
            assert!(kept.eq(some.iter().copied()));
        }
        let mut pixels = PIXELS;
        ColorJitter::default().apply(pixels.as_flattened_mut(), &mut Random::new(1, Purpose::Test, 0, 0));
        assert_eq!(pixels, PIXELS);
    }
}
