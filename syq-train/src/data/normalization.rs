//! From bytes to normalised values, by the engine's own table.

use super::DataError;
use syq_pack::preprocess::normalization_table;

/// Mean and standard deviation a channel (R, G, B), pixels in [0, 1]: y = (x / 255 − mean) / deviation.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalization {
    mean: [f32; 3],
    deviation: [f32; 3],
    /// The normalised value of every byte, a channel.
    pub(super) table: Box<[[f32; 256]; 3]>,
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
    pub(super) fn row(&self, source: &[u8], target: &mut [f32]) {
        for (target, source) in target.as_chunks_mut::<3>().0.iter_mut().zip(source.as_chunks::<3>().0) {
            for ((target, &value), table) in target.iter_mut().zip(source).zip(self.table.iter()) {
                *target = table[usize::from(value)];
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::data) fn normalization() -> Normalization {
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
}
