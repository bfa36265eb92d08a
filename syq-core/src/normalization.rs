//! Weight statistics normalised before quantizing: W̃ = (W − mean) / deviation, of a layer or of each filter.
//!
//! Not in the SYQ paper. A code then says how a weight stands among its neighbours: as many weights of a
//! filter are positive as negative, and the ternary threshold keeps its meaning however the weights grow or
//! shrink in training (Qin et al., IR-Net, CVPR 2020; Qiao et al., Weight Standardization, 2019). Inference
//! sees codes and scales only, so it costs nothing there.

use crate::error::CoreError;
use crate::weights::{WeightShape, check_length};
use serde::{Deserialize, Serialize};

/// Added to the variance, so that constant weights have no infinite slope.
const EPSILON: f64 = 1e-10;

/// What the statistics are taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightNormalization {
    /// Nothing is normalised: the paper's.
    #[default]
    None,
    /// The whole layer.
    Layer,
    /// Each filter.
    Filter,
}

impl WeightNormalization {
    /// Weights that share their statistics; 0 if nothing is normalised.
    fn run(self, shape: WeightShape) -> usize {
        match self {
            Self::None => 0,
            Self::Layer => shape.len(),
            Self::Filter => shape.len() / shape.filters.max(1),
        }
    }

    /// W̃ of `weights`, in place.
    ///
    /// # Errors
    /// Weights that have not the shape; names `layer`.
    pub fn apply(self, layer: &str, shape: WeightShape, weights: &mut [f32]) -> Result<(), CoreError> {
        check_length(layer, "the weight tensor", weights.len(), shape.len())?;
        let run = self.run(shape);
        if run > 0 {
            for weights in weights.chunks_exact_mut(run) {
                let (mean, inverse) = statistics(weights);
                weights.iter_mut().for_each(|w| *w = ((f64::from(*w) - mean) * inverse) as f32);
            }
        }
        Ok(())
    }

    /// From ∂L/∂W̃ in `gradient` to ∂L/∂W, in place: (g − mean(g) − W̃·mean(g·W̃)) / deviation. `weights` are
    /// W, before the normalisation.
    ///
    /// # Errors
    /// Lengths that are not the shape's; names `layer`.
    pub fn backward(
        self,
        layer: &str,
        shape: WeightShape,
        weights: &[f32],
        gradient: &mut [f32],
    ) -> Result<(), CoreError> {
        check_length(layer, "the weight tensor", weights.len(), shape.len())?;
        check_length(layer, "the weight gradient", gradient.len(), shape.len())?;
        let run = self.run(shape);
        if run > 0 {
            for (weights, gradient) in weights.chunks_exact(run).zip(gradient.chunks_exact_mut(run)) {
                let (mean, inverse) = statistics(weights);
                let normal = |w: f32| (f64::from(w) - mean) * inverse;
                let (mut sum, mut products) = (0.0, 0.0);
                for (w, g) in weights.iter().zip(gradient.iter()) {
                    sum += f64::from(*g);
                    products += f64::from(*g) * normal(*w);
                }
                let (sum, products) = (sum / run as f64, products / run as f64);
                for (w, g) in weights.iter().zip(gradient) {
                    *g = ((f64::from(*g) - sum - normal(*w) * products) * inverse) as f32;
                }
            }
        }
        Ok(())
    }
}

/// Mean and 1/√(variance + ε).
fn statistics(weights: &[f32]) -> (f64, f64) {
    let count = weights.len() as f64;
    let mean = weights.iter().map(|w| f64::from(*w)).sum::<f64>() / count;
    let variance = weights.iter().map(|w| (f64::from(*w) - mean).powi(2)).sum::<f64>() / count;
    (mean, 1.0 / (variance + EPSILON).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: WeightShape = WeightShape { filters: 3, kernel: [2, 1], channels: 5 };

    fn values(seed: usize) -> Vec<f32> {
        (0..SHAPE.len()).map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 0.7).collect()
    }

    #[test]
    fn statistics_become_zero_and_one() {
        for (normalization, run) in [(WeightNormalization::Layer, 30), (WeightNormalization::Filter, 10)] {
            let mut weights = values(1);
            normalization.apply("l", SHAPE, &mut weights).unwrap();
            for weights in weights.chunks(run) {
                let (mean, inverse) = statistics(weights);
                assert!(mean.abs() < 1e-6 && (inverse - 1.0).abs() < 1e-5, "{mean} {inverse}");
            }
        }
        let mut weights = values(1);
        WeightNormalization::None.apply("l", SHAPE, &mut weights).unwrap();
        assert_eq!(weights, values(1));
        assert!(WeightNormalization::Layer.apply("l", SHAPE, &mut weights[1..]).is_err());
        // Constant weights stay finite.
        let mut constant = vec![0.3; SHAPE.len()];
        WeightNormalization::Filter.apply("l", SHAPE, &mut constant).unwrap();
        assert!(constant.iter().all(|w| w.is_finite()));
    }

    /// L = Σ c·W̃ + Σ W̃³/3 against central differences.
    #[test]
    fn gradient_is_that_of_differences() {
        let factors = values(2);
        for normalization in [WeightNormalization::None, WeightNormalization::Layer, WeightNormalization::Filter] {
            let loss = |weights: &[f32]| {
                let mut weights = weights.to_vec();
                normalization.apply("l", SHAPE, &mut weights).unwrap();
                weights.iter().zip(&factors).map(|(w, c)| f64::from(*c * *w) + f64::from(*w).powi(3) / 3.0).sum::<f64>()
            };
            let weights = values(1);
            let mut normal = weights.clone();
            normalization.apply("l", SHAPE, &mut normal).unwrap();
            let mut gradient: Vec<f32> = normal.iter().zip(&factors).map(|(w, c)| c + w * w).collect();
            normalization.backward("l", SHAPE, &weights, &mut gradient).unwrap();
            for (i, gradient) in gradient.iter().enumerate() {
                let at = |delta: f32| {
                    let mut moved = weights.clone();
                    moved[i] += delta;
                    loss(&moved)
                };
                let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
                assert!((slope - f64::from(*gradient)).abs() < 2e-2, "{normalization:?} {i}: {gradient}, {slope}");
            }
        }
    }
}
