//! The layer that docs/import.md defines in PyTorch is the trainer's: values and gradients.

use super::fixture::folder;
use super::generator::uniform;
use serde::Deserialize;
use syq_core::{
    ActivationQuantizer, ActivationRange, BitWidth, Codebook, Granularity, WeightGradients, WeightNormalization,
    WeightQuantizer, WeightShape,
};

#[derive(Deserialize)]
struct Fixture {
    seed: u64,
    weights: Vec<Weights>,
    activations: Vec<Activations>,
    normalized: Vec<Weights>,
}

#[derive(Deserialize)]
struct Weights {
    weights: Codebook,
    granularity: Granularity,
    eta: f32,
    #[serde(default)]
    normalization: WeightNormalization,
    value: Vec<f32>,
    weight_gradient: Vec<f32>,
    scale_gradient: Vec<f32>,
}

#[derive(Deserialize)]
struct Activations {
    bits: u32,
    step: f32,
    value: Vec<f32>,
    input_gradient: Vec<f32>,
    step_gradient: Vec<f32>,
}

fn fixture() -> Fixture {
    serde_json::from_str(&std::fs::read_to_string(folder().join("layer.json")).unwrap()).unwrap()
}

const SHAPE: WeightShape = WeightShape { filters: 2, kernel: [3, 3], channels: 3 };

/// From PyTorch's `[filter][channel][row][column]`.
fn channels_last(values: &[f32]) -> Vec<f32> {
    let index = |i: usize| (i / 27 * 3 + i % 3) * 9 + i / 3 % 9;
    (0..values.len()).map(|i| values[index(i)]).collect()
}

#[test]
fn weights_and_their_gradients() {
    let Fixture { seed, weights: cases, .. } = fixture();
    assert_eq!(cases.len(), 6);
    for case in cases {
        check_weights(seed, &case, 0.0);
    }
}

#[test]
fn normalized_weights_and_their_gradients() {
    let Fixture { seed, normalized: cases, .. } = fixture();
    assert_eq!(cases.len(), 3);
    for case in cases {
        assert!(case.normalization != WeightNormalization::None);
        // Sums over the layer or the filter are in another order there.
        check_weights(seed, &case, 1e-6);
    }
}

fn check_weights(seed: u64, case: &Weights, tolerance: f32) {
    let make = |name| channels_last(&uniform(seed, name, SHAPE.len(), 0.0, 1.0));
    let (weights, gradient) = (make("weight"), make("gradient"));
    let what = format!("{:?} {:?} {:?}", case.weights, case.granularity, case.normalization);
    let quantizer = WeightQuantizer::new("layer", case.weights, case.granularity, case.eta).unwrap();
    let quantizer = quantizer.with_normalization(case.normalization);
    let scales = uniform(seed, "alpha", case.scale_gradient.len(), 0.5, 0.25);
    let mut codes = vec![0; SHAPE.len()];
    quantizer.quantize("layer", &weights, SHAPE, &mut codes).unwrap();
    let run = case.granularity.run(SHAPE.kernel) * SHAPE.channels;
    let scale = |i: usize| scales[i % (SHAPE.len() / SHAPE.filters) / run];
    let value: Vec<f32> = codes.iter().enumerate().map(|(i, code)| f32::from(*code) * scale(i)).collect();
    assert_eq!(value, case.value, "{what}");
    let (mut by_weight, mut by_scale) = (vec![0.0; SHAPE.len()], vec![0.0; scales.len()]);
    let into = WeightGradients { weights: &mut by_weight, scales: &mut by_scale };
    quantizer.backward("layer", &weights, SHAPE, &scales, &gradient, into).unwrap();
    for (found, expected) in by_weight.iter().zip(&case.weight_gradient) {
        assert!((found - expected).abs() <= tolerance, "{what}: {found}, PyTorch has {expected}");
    }
    assert_eq!(by_weight.len(), case.weight_gradient.len());
    // The order of the sum differs.
    let close = by_scale.iter().zip(&case.scale_gradient).all(|(a, b)| (a - b).abs() < 1e-4);
    assert!(close, "{what}: {by_scale:?}, PyTorch has {:?}", case.scale_gradient);
}

#[test]
fn activations_and_their_gradients() {
    let Fixture { seed, activations: cases, .. } = fixture();
    assert_eq!(cases.len(), 4);
    let x = uniform(seed, "x", 64, 0.3, 1.0);
    for case in cases {
        let bits = BitWidth::try_from(case.bits).unwrap();
        let quantizer = ActivationQuantizer { bits, range: ActivationRange::Learned };
        let levels = quantizer.levels("layer", Some(case.step)).unwrap();
        let value: Vec<f32> = x.iter().map(|x| levels.value(levels.code(*x))).collect();
        assert_eq!(value, case.value, "{bits:?}");
        let input: Vec<f32> = x.iter().map(|x| levels.input_gradient(*x, 1.0)).collect();
        assert_eq!(input, case.input_gradient, "{bits:?}");
        for (x, expected) in x.iter().zip(&case.step_gradient) {
            // t = x/s is up to 255 and has rounding errors of its own.
            assert!((levels.step_gradient(*x) - expected).abs() < 1e-4, "{bits:?} at {x}");
        }
    }
}
