//! A class-balanced validation set, held out of the training images.

use super::{DataError, Dataset};
use crate::rng::{Purpose, Random};

/// How much to hold out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HeldOut {
    /// This fraction of every class, rounded half up: [0, 1).
    Fraction(f64),
    /// This many images altogether, spread evenly over the classes (the first classes take one more
    /// if it does not divide).
    Count(usize),
}

/// Indices of the images of both parts, each ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Images to train on.
    pub train: Vec<u32>,
    /// Images held out.
    pub validation: Vec<u32>,
}

/// Splits `data`; the same seed always holds out the same images.
///
/// # Errors
/// A fraction outside [0, 1), a class with too few images, or one that would have none left to train on.
pub fn split(data: &Dataset, held_out: HeldOut, seed: u64) -> Result<Split, DataError> {
    let mut by_class = vec![Vec::new(); data.classes().len()];
    for (image, &label) in (0u32..).zip(data.labels()) {
        if let Some(members) = by_class.get_mut(label as usize) {
            members.push(image);
        }
    }
    let mut parts = Split { train: Vec::new(), validation: Vec::new() };
    for (class, mut members) in by_class.into_iter().enumerate() {
        let asked = match held_out {
            HeldOut::Fraction(fraction) if (0.0..1.0).contains(&fraction) => {
                (members.len() as f64 * fraction + 0.5).floor() as usize
            }
            HeldOut::Fraction(fraction) => return Err(DataError::Fraction { fraction }),
            HeldOut::Count(count) => {
                let classes = data.classes().len();
                count / classes + usize::from(class < count % classes)
            }
        };
        if asked > members.len() {
            return Err(DataError::HeldOut { asked, available: members.len() });
        }
        if asked == members.len() {
            let class = data.classes().get(class).cloned().unwrap_or_default();
            return Err(DataError::EmptyClass { place: format!("training part, {asked} held out"), class });
        }
        Random::new(seed, Purpose::Split, 0, class as u64).shuffle(&mut members);
        let (validation, train) = members.split_at(asked);
        parts.validation.extend(validation);
        parts.train.extend(train);
    }
    parts.train.sort_unstable();
    parts.validation.sort_unstable();
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::tests::random;

    #[test]
    fn parts_are_balanced_disjoint_and_whole() {
        let data = random(100, [1, 1], 4);
        for held_out in [HeldOut::Fraction(0.2), HeldOut::Count(20)] {
            let parts = split(&data, held_out, 7).unwrap();
            for class in 0..4 {
                assert_eq!(parts.validation.iter().filter(|&&i| i % 4 == class).count(), 5);
            }
            let mut all = [parts.train.clone(), parts.validation.clone()].concat();
            all.sort_unstable();
            assert_eq!(all, (0..100).collect::<Vec<_>>());
            assert_eq!(split(&data, held_out, 7).unwrap(), parts);
            assert_ne!(split(&data, held_out, 8).unwrap(), parts);
        }
        assert_eq!(split(&data, HeldOut::Count(6), 7).unwrap().validation.len(), 6);
        assert!(split(&data, HeldOut::Fraction(0.0), 7).unwrap().validation.is_empty());
    }

    #[test]
    fn what_cannot_be_held_out_is_refused() {
        let data = random(10, [1, 1], 2);
        for fraction in [-0.1, 1.0, f64::NAN] {
            assert!(matches!(split(&data, HeldOut::Fraction(fraction), 0), Err(DataError::Fraction { .. })));
        }
        assert!(matches!(split(&data, HeldOut::Count(12), 0), Err(DataError::HeldOut { asked: 6, available: 5 })));
        assert!(matches!(split(&data, HeldOut::Fraction(0.95), 0), Err(DataError::EmptyClass { .. })));
    }
}
