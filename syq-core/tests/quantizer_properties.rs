//! What every quantizer promises of any values: symmetric, idempotent, monotone, and near what it stands for.

use proptest::prelude::*;
use syq_core::eight_bit;
use syq_core::{
    ActivationQuantizer, ActivationRange, BitWidth, Codebook, Granularity, Levels, WeightQuantizer, WeightShape,
};

/// A weight of any magnitude between 2⁻³⁰ and 2³⁰ and either sign, now and then 0.
fn weight() -> impl Strategy<Value = f32> {
    let magnitude = (-30i32..30, 1.0f32..2.0).prop_map(|(exponent, mantissa)| mantissa * 2f32.powi(exponent));
    let signed =
        (magnitude, any::<bool>()).prop_map(|(magnitude, negative)| if negative { -magnitude } else { magnitude });
    // Weights of one magnitude are what a threshold has to separate.
    prop_oneof![1 => Just(0.0f32), 4 => signed, 8 => -1.0f32..1.0]
}

/// Weights of one layer, and their shape.
fn layer() -> impl Strategy<Value = (WeightShape, Vec<f32>)> {
    let shape = (1usize..4, 1usize..4, 1usize..4, 1usize..5);
    shape.prop_flat_map(|(filters, rows, columns, channels)| {
        let shape = WeightShape { filters, kernel: [rows, columns], channels };
        (Just(shape), prop::collection::vec(weight(), shape.len()))
    })
}

fn weight_quantizer() -> impl Strategy<Value = WeightQuantizer> {
    let granularity = prop::sample::select(Granularity::ALL.to_vec());
    let eta = prop_oneof![Just(None), (0.0f32..1.0).prop_map(Some)];
    (granularity, eta).prop_map(|(granularity, eta)| {
        let codebook = if eta.is_some() { Codebook::Ternary } else { Codebook::Binary };
        WeightQuantizer::new("layer", codebook, granularity, eta.unwrap_or(0.0)).unwrap()
    })
}

fn codes(quantizer: &WeightQuantizer, weights: &[f32], shape: WeightShape) -> Vec<i8> {
    let mut codes = vec![99; weights.len()];
    quantizer.quantize("layer", weights, shape, &mut codes).unwrap();
    codes
}

fn levels() -> impl Strategy<Value = Levels> {
    let unsigned = prop_oneof![
        Just(ActivationRange::Unit),
        (-20i8..20).prop_map(ActivationRange::FixedPoint),
        Just(ActivationRange::Learned)
    ];
    let unsigned = (prop::sample::select(BitWidth::ALL.to_vec()), unsigned);
    let signed = (1e-6f32..1e6).prop_map(|bound| (BitWidth::Eight, ActivationRange::Symmetric(bound)));
    (prop_oneof![3 => unsigned, 1 => signed], 1e-6f32..1e6)
        .prop_map(|((bits, range), step)| ActivationQuantizer { bits, range }.levels("layer", Some(step)).unwrap())
}

proptest! {
    #[test]
    fn weight_codes_are_of_the_codebook_and_symmetric((shape, weights) in layer(), quantizer in weight_quantizer()) {
        let plus = codes(&quantizer, &weights, shape);
        let negated: Vec<f32> = weights.iter().map(|w| -w).collect();
        let minus = codes(&quantizer, &negated, shape);
        let allowed: &[i8] = if quantizer.codebook() == Codebook::Binary { &[-1, 1] } else { &[-1, 0, 1] };
        for ((plus, minus), w) in plus.iter().zip(&minus).zip(&weights) {
            prop_assert!(allowed.contains(plus), "{plus}");
            // sign(0) is +1 from either side; every other weight changes its sign.
            prop_assert!(*plus == -minus || *w == 0.0 && plus == minus, "{w}: {plus} and {minus}");
        }
    }

    /// The quantized weights, as floats with any positive scale, have the same codes again.
    #[test]
    fn quantizing_weights_twice_changes_nothing(
        (shape, weights) in layer(),
        quantizer in weight_quantizer(),
        scale in 1e-6f32..1e6,
    ) {
        let once = codes(&quantizer, &weights, shape);
        let values: Vec<f32> = once.iter().map(|code| f32::from(*code) * scale).collect();
        prop_assert_eq!(codes(&quantizer, &values, shape), once);
    }

    /// Codes do not depend on the unit that the weights are measured in, and scales follow it.
    #[test]
    fn weights_may_be_scaled((shape, weights) in layer(), quantizer in weight_quantizer(), exponent in -20i32..20) {
        let scaled: Vec<f32> = weights.iter().map(|w| w * 2f32.powi(exponent)).collect();
        prop_assert_eq!(codes(&quantizer, &scaled, shape), codes(&quantizer, &weights, shape));
        let scales = quantizer.initial_scales("layer", &weights, shape).unwrap();
        let expected: Vec<f32> = scales.iter().map(|scale| scale * 2f32.powi(exponent)).collect();
        prop_assert_eq!(quantizer.initial_scales("layer", &scaled, shape).unwrap(), expected);
    }

    #[test]
    fn eight_bit_weights_are_symmetric_idempotent_and_near((shape, weights) in layer()) {
        let mut plus = vec![99; weights.len()];
        let scales = eight_bit::quantize("layer", &weights, shape, &mut plus).unwrap();
        let negated: Vec<f32> = weights.iter().map(|w| -w).collect();
        let mut minus = vec![99; weights.len()];
        prop_assert_eq!(&eight_bit::quantize("layer", &negated, shape, &mut minus).unwrap(), &scales);
        let filter = weights.len() / shape.filters;
        let mut values = Vec::new();
        for (index, ((plus, minus), w)) in plus.iter().zip(&minus).zip(&weights).enumerate() {
            let scale = scales[index / filter];
            prop_assert!(*plus == -minus && *plus >= -eight_bit::LARGEST, "{w}: {plus} and {minus}");
            let value = f32::from(*plus) * scale;
            prop_assert!((value - w).abs() <= 0.5001 * scale, "{w} is stored as {value} with the scale {scale}");
            values.push(value);
        }
        let mut again = vec![99; weights.len()];
        eight_bit::quantize("layer", &values, shape, &mut again).unwrap();
        prop_assert_eq!(again, plus);
    }

    #[test]
    fn every_activation_code_stands_for_itself(levels in levels()) {
        for code in levels.smallest()..=levels.largest {
            prop_assert_eq!(levels.code(levels.value(code)), code);
        }
        prop_assert_eq!(levels.code(0.0), levels.zero);
    }

    #[test]
    fn activation_codes_are_monotone_and_near(levels in levels(), steps in prop::collection::vec(-300.0f32..300.0, 1..20)) {
        let mut values: Vec<f32> = steps.iter().map(|steps| steps * levels.step).collect();
        values.sort_by(f32::total_cmp);
        let codes: Vec<u8> = values.iter().map(|x| levels.code(*x)).collect();
        prop_assert!(codes.is_sorted(), "{values:?} give {codes:?}");
        let [lowest, highest] = levels.bounds().map(|bound| bound * levels.step);
        for (x, code) in values.iter().zip(&codes) {
            prop_assert!((levels.smallest()..=levels.largest).contains(code));
            let error = (levels.value(*code) - x.clamp(lowest, highest)).abs();
            // Half a step, and what f32 rounds of 300 steps.
            prop_assert!(error <= 0.5001 * levels.step, "{x}: code {code}, {error} away with the step {}", levels.step);
        }
    }
}
