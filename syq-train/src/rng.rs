//! Randomness without state: every generator is derived from (seed, purpose, epoch, index).
//!
//! A run that is resumed in the middle therefore needs no generator state, and what one image gets
//! does not depend on the order in which threads ask. PCG (O'Neill, 2014; `rand_pcg`) is value-stable;
//! the mixing in front of it is SplitMix64's finalizer (Steele, Lea, Flood, OOPSLA 2014).

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng as _;

/// What a generator is for: two purposes never share random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Initial weights; index = parameter.
    Initialization,
    /// The order of the training images in an epoch.
    Shuffle,
    /// Crop and flip; index = image.
    Augmentation,
    /// Which images are held out for validation; index = class.
    Split,
    /// Random data in tests and benchmarks.
    Test,
}

impl Purpose {
    /// A constant of the file format, as it were: changing one changes every run.
    const fn tag(self) -> u64 {
        match self {
            Self::Initialization => 1,
            Self::Shuffle => 2,
            Self::Augmentation => 3,
            Self::Split => 4,
            Self::Test => 5,
        }
    }
}

/// SplitMix64's finalizer: a bijection of 64 bits in which every input bit reaches every output bit.
const fn mix(z: u64) -> u64 {
    let z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A generator for one purpose, epoch and index.
#[derive(Clone, Debug)]
pub struct Random {
    generator: Pcg32,
}

impl Random {
    /// The generator of (seed, purpose, epoch, index); the same four always give the same numbers.
    pub fn new(seed: u64, purpose: Purpose, epoch: u64, index: u64) -> Self {
        let state = mix(mix(mix(mix(seed) ^ purpose.tag()) ^ epoch) ^ index);
        Self { generator: Pcg32::new(state, mix(state)) }
    }

    /// 32 random bits.
    pub fn bits(&mut self) -> u32 {
        self.generator.next_u32()
    }

    /// A uniform integer in `0..n`, without modulo bias (Lemire, 2019); 0 for `n` = 0.
    pub fn below(&mut self, n: u32) -> u32 {
        if n == 0 {
            return 0;
        }
        let reject_below = n.wrapping_neg() % n;
        loop {
            let product = u64::from(self.bits()) * u64::from(n);
            if product as u32 >= reject_below {
                return (product >> 32) as u32;
            }
        }
    }

    /// A uniform number in [0, 1), a multiple of 2^−24.
    pub fn uniform(&mut self) -> f32 {
        (self.bits() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// A standard normal number (Box and Muller, 1958).
    ///
    /// `ln` and `cos` come from the platform: the last bit may differ between operating systems.
    pub fn normal(&mut self) -> f32 {
        // In (0, 1], so that the logarithm is finite.
        let radius = (-2.0 * ((f64::from(self.bits()) + 1.0) / 4_294_967_296.0).ln()).sqrt();
        let angle = std::f64::consts::TAU * f64::from(self.bits()) / 4_294_967_296.0;
        (radius * angle.cos()) as f32
    }

    /// Shuffles uniformly (Fisher and Yates, Durstenfeld's form). At most 2^32 − 1 elements take part.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        let n = u32::try_from(items.len()).unwrap_or(u32::MAX);
        for last in (1..n).rev() {
            items.swap(last as usize, self.below(last + 1) as usize);
        }
    }

    /// A uniform permutation of `0..n`.
    pub fn permutation(&mut self, n: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n).collect();
        self.shuffle(&mut order);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generators_are_stable_and_distinct() {
        let first = |seed, purpose, epoch, index| Random::new(seed, purpose, epoch, index).bits();
        let all = [
            first(1, Purpose::Shuffle, 0, 0),
            first(2, Purpose::Shuffle, 0, 0),
            first(1, Purpose::Augmentation, 0, 0),
            first(1, Purpose::Shuffle, 1, 0),
            first(1, Purpose::Shuffle, 0, 1),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b), "{all:?}");
        }
        // Pinned: a change here changes every recorded run.
        assert_eq!(all, PINNED);
    }
    const PINNED: [u32; 5] = [3_185_496_218, 2_267_217_892, 1_498_464_496, 3_162_019_119, 2_030_487_659];

    #[test]
    fn integers_are_uniform() {
        let mut random = Random::new(3, Purpose::Test, 0, 0);
        let mut counts = [0u32; 9];
        for _ in 0..90_000 {
            counts[random.below(9) as usize] += 1;
        }
        assert!(counts.iter().all(|&count| (9_600..10_400).contains(&count)), "{counts:?}");
        assert_eq!([random.below(0), random.below(1)], [0, 0]);
    }

    #[test]
    fn uniform_and_normal_have_their_moments() {
        let mut random = Random::new(4, Purpose::Test, 0, 0);
        let n = 100_000;
        let (mut mean, mut normal_mean, mut normal_square) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            let u = random.uniform();
            assert!((0.0..1.0).contains(&u));
            mean += f64::from(u) / f64::from(n);
            let z = f64::from(random.normal());
            normal_mean += z / f64::from(n);
            normal_square += z * z / f64::from(n);
        }
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
        assert!(normal_mean.abs() < 0.02 && (normal_square - 1.0).abs() < 0.03, "{normal_mean} {normal_square}");
    }

    #[test]
    fn a_permutation_has_every_element_and_every_order() {
        let mut orders = std::collections::HashMap::new();
        for index in 0..6_000 {
            let order = Random::new(5, Purpose::Shuffle, 0, index).permutation(3);
            *orders.entry(order).or_insert(0u32) += 1;
        }
        assert_eq!(orders.len(), 6);
        assert!(orders.values().all(|count| (850..1_150).contains(count)), "{orders:?}");
        assert!(Random::new(5, Purpose::Shuffle, 0, 0).permutation(0).is_empty());
    }
}
