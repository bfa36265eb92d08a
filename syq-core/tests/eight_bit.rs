//! 8-bit weights: the reference convolution on sums that can be worked out by hand, the quantizer of
//! float weights, and the errors of both.

use syq_core::eight_bit::quantize;
use syq_core::reference::{eight_bit_convolution, float_convolution};
use syq_core::{ConvGeometry, CoreErrorKind, EightBitWeights, Levels, Padding, Shape, WeightShape, Window};

const SIGNED: Levels = Levels { step: 0.5, inverse_step: 2.0, largest: 255, zero: 128 };
const UNSIGNED: Levels = Levels { step: 0.5, inverse_step: 2.0, largest: 3, zero: 0 };

fn geometry(groups: usize) -> ConvGeometry {
    let window = Window { kernel: [2, 2], stride: [1, 2], padding: Padding { top: 1, bottom: 0, left: 0, right: 1 } };
    ConvGeometry::new(Shape::new(2, 3, 2), 2, window, groups).unwrap()
}

#[test]
fn padding_has_the_value_zero_and_each_filter_its_scale() {
    let g = geometry(1);
    // Values −2, 0, 1 … in steps around the zero point.
    let input = [-2i16, 0, 1, 3, -127, 127, 5, -6, 7, 8, 9, 10].map(|v| (v + 128) as u8);
    let codes: Vec<i8> = [[100i8; 8], [-127, 0, 0, 0, 0, 0, 0, 1]].concat();
    let weights = EightBitWeights { codes: &codes, scales: &[2.0, 4.0] };
    let z = eight_bit_convolution("c", &g, &input, SIGNED, weights).unwrap();
    // Output (0, 0) sees the padding above, then pixels (0, 0) and (0, 1) below it.
    assert_eq!(z[..2], [100.0 * (-2.0 + 0.0 + 1.0 + 3.0), 2.0 * 3.0]);
    // Output (0, 1): pixel (0, 2) and the padding to its right.
    assert_eq!(z[2..4], [0.0, 0.0]);
    // Output (1, 0): all four pixels.
    assert_eq!(z[4..6], [100.0 * (2.0 + 5.0 - 6.0 + 7.0 + 8.0), 2.0 * (127.0 * 2.0 + 8.0)]);
}

#[test]
fn it_is_the_float_convolution_where_nothing_is_rounded() {
    for levels in [SIGNED, UNSIGNED] {
        for groups in [1, 2] {
            let g = geometry(groups);
            let codes_in: Vec<u8> = match levels.zero {
                0 => (0..g.input.len()).map(|i| (i * 7 % 4) as u8).collect(),
                _ => (0..g.input.len()).map(|i| (i * 73 % 255) as u8 + 1).collect(),
            };
            let codes: Vec<i8> = (0..g.weights()).map(|i| ((i * 51 % 255) as i16 - 127) as i8).collect();
            let scales = [0.25, 0.125];
            let weights = EightBitWeights { codes: &codes, scales: &scales };
            let z = eight_bit_convolution("c", &g, &codes_in, levels, weights).unwrap();
            let values: Vec<f32> = codes_in.iter().map(|u| levels.value(*u)).collect();
            let filter_len = g.filter_len();
            let floats: Vec<f32> =
                codes.iter().enumerate().map(|(i, q)| scales[i / filter_len] * f32::from(*q)).collect();
            assert_eq!(z, float_convolution("c", &g, &values, &floats).unwrap());
        }
    }
}

#[test]
fn a_sum_above_the_24_bits_of_a_float_is_rounded_to_nearest_even() {
    let window = Window::square(1, 1, Padding::NONE);
    let g = ConvGeometry::new(Shape::vector(1100), 2, window, 1).unwrap();
    let levels = Levels { step: 1.0, inverse_step: 1.0, largest: 255, zero: 0 };
    let mut input = vec![255u8; 1100];
    input[1099] = 1;
    // 1099 · 127 · 255 + q is above 2^25: its neighbours in f32 are 4 apart.
    // 35,591,115 is next to a multiple of 4, and 35,591,242 half way between two.
    let mut codes = vec![127i8; 2200];
    codes[1099] = 0;
    let weights = EightBitWeights { codes: &codes, scales: &[1.0, -1.0] };
    let z = eight_bit_convolution("fc", &g, &input, levels, weights).unwrap();
    assert_eq!(z, [35_591_116.0, -35_591_240.0]);
}

#[test]
fn what_does_not_fit_is_named() {
    let g = geometry(1);
    let input = vec![128u8; g.input.len()];
    let codes = vec![1i8; g.weights()];
    let good = EightBitWeights { codes: &codes, scales: &[1.0, 1.0] };
    let kind = |input: &[u8], levels, weights| eight_bit_convolution("c", &g, input, levels, weights).unwrap_err().kind;
    assert!(matches!(kind(&input[1..], SIGNED, good), CoreErrorKind::Length { what: "the input", .. }));
    let one = EightBitWeights { scales: &[1.0], ..good };
    assert!(matches!(kind(&input, SIGNED, one), CoreErrorKind::Length { what: "the scale tensor", .. }));
    let nan = EightBitWeights { scales: &[1.0, f32::NAN], ..good };
    assert!(matches!(kind(&input, SIGNED, nan), CoreErrorKind::NotFinite { index: 1, .. }));
    let short = EightBitWeights { codes: &codes[1..], ..good };
    assert!(matches!(kind(&input, SIGNED, short), CoreErrorKind::Length { what: "the weight tensor", .. }));
    let mut lowest = codes.clone();
    lowest[5] = -128;
    let bad = EightBitWeights { codes: &lowest, ..good };
    assert_eq!(kind(&input, SIGNED, bad), CoreErrorKind::EightBitCode { index: 5, code: -128 });
    let mut below = input.clone();
    below[4] = 0;
    let expected = CoreErrorKind::ActivationBelow { index: 4, code: 0, smallest: 1 };
    assert_eq!(kind(&below, SIGNED, good), expected);
    let expected = CoreErrorKind::ActivationCode { index: 0, code: 128, largest: 3 };
    assert_eq!(kind(&input, UNSIGNED, good), expected);
    // 66,312 · 127 · 255 is just above 2^31.
    let window = Window::square(1, 1, Padding::NONE);
    for (features, fits) in [(66_311, true), (66_312, false)] {
        let wide = ConvGeometry::new(Shape::vector(features), 1, window, 1).unwrap();
        let codes = vec![127i8; features];
        let weights = EightBitWeights { codes: &codes, scales: &[1.0] };
        let levels = Levels { step: 1.0, inverse_step: 1.0, largest: 255, zero: 0 };
        match eight_bit_convolution("wide", &wide, &vec![255; features], levels, weights) {
            Ok(z) => assert!(fits && z == [(127.0 * 255.0 * features as f64) as f32]),
            Err(error) => {
                assert_eq!((error.kind, fits), (CoreErrorKind::Overflow { weights: features }, false));
            }
        }
    }
}

const SHAPE: WeightShape = WeightShape { filters: 3, kernel: [1, 2], channels: 2 };

#[test]
fn each_filter_fills_its_range() {
    let weights = [1.0, -1.0, 0.5, 0.0, /**/ 0.127, 0.0015, -0.0015, 0.0004, /**/ 0.0, -0.0, 0.0, 0.0];
    let mut codes = [9i8; 12];
    let scales = quantize("c", &weights, SHAPE, &mut codes).unwrap();
    assert_eq!(scales, [1.0 / 127.0, 0.127 / 127.0, 0.0]);
    // 63.5 is rounded away from zero; so is 1.5 on both sides, as far as f32 has it.
    assert_eq!(codes[..4], [127, -127, 64, 0]);
    assert_eq!((codes[4], codes[5], codes[7]), (127, -codes[6], 0));
    assert_eq!(codes[8..], [0; 4]);
    let negated = weights.map(|w| -w);
    let mut opposite = [9i8; 12];
    assert_eq!(quantize("c", &negated, SHAPE, &mut opposite).unwrap(), scales);
    assert!(codes.iter().zip(&opposite).all(|(a, b)| *a == -b));
}

#[test]
fn a_code_is_the_nearest_one() {
    let weights: Vec<f32> = (0..12).map(|i| ((i * 37 % 24) as f32 - 11.5) * 3e-3).collect();
    let mut codes = [0i8; 12];
    let scales = quantize("c", &weights, SHAPE, &mut codes).unwrap();
    for (i, (w, code)) in weights.iter().zip(&codes).enumerate() {
        assert!((f32::from(*code) * scales[i / 4] - w).abs() <= scales[i / 4] * 0.5001, "{w} {code}");
    }
    // Neither the smallest nor the largest magnitudes overflow.
    for magnitude in [f32::MIN_POSITIVE / 4.0, f32::MAX] {
        let scales = quantize("c", &[magnitude; 12], SHAPE, &mut codes).unwrap();
        assert!(codes == [127; 12] && scales.iter().all(|scale| scale.is_finite()));
    }
}

#[test]
fn weights_that_cannot_be_quantized_are_refused() {
    let mut codes = [0i8; 12];
    let mut weights = [1.0f32; 12];
    assert!(quantize("c", &weights[1..], SHAPE, &mut codes).is_err());
    assert!(quantize("c", &weights, SHAPE, &mut codes[1..]).is_err());
    assert!(quantize("c", &[], WeightShape { filters: 0, ..SHAPE }, &mut []).is_err());
    weights[7] = f32::INFINITY;
    let error = quantize("fc", &weights, SHAPE, &mut codes).unwrap_err();
    assert!(matches!(error.kind, CoreErrorKind::NotFinite { index: 7, .. }) && error.layer == "fc");
}
