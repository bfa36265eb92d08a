//! The weight quantizer against the paper's definitions, written out by hand.

use syq_core::{Codebook, CoreErrorKind, Granularity, WeightGradient, WeightGradients, WeightQuantizer, WeightShape};

const SHAPE: WeightShape = WeightShape { filters: 2, kernel: [2, 3], channels: 2 };

fn weights() -> Vec<f32> {
    (0..SHAPE.len()).map(|i| ((i * 37 % 24) as f32 - 11.5) / 12.0).collect()
}

fn quantizer(codebook: Codebook, granularity: Granularity, eta: f32) -> WeightQuantizer {
    WeightQuantizer::new("conv", codebook, granularity, eta).unwrap()
}

/// The subgroup of weight `j`, from its kernel row and column.
fn subgroup(granularity: Granularity, j: usize) -> usize {
    let position = j / SHAPE.channels % 6;
    match granularity {
        Granularity::Layer => 0,
        Granularity::Row => position / 3,
        Granularity::Pixel => position,
    }
}

#[test]
fn codes_follow_sign_and_threshold() {
    let w = weights();
    let mut codes = vec![9; w.len()];
    let max = w.iter().fold(0f32, |m, w| m.max(w.abs()));
    quantizer(Codebook::Ternary, Granularity::Pixel, 0.3).quantize("conv", &w, SHAPE, &mut codes).unwrap();
    for (code, w) in codes.iter().zip(&w) {
        assert_eq!(*code, if w.abs() < 0.3 * max { 0 } else { w.signum() as i8 });
    }
    assert!(codes.contains(&0) && codes.contains(&1) && codes.contains(&-1));
    quantizer(Codebook::Binary, Granularity::Pixel, 0.0).quantize("conv", &w, SHAPE, &mut codes).unwrap();
    assert!(codes.iter().zip(&w).all(|(code, w)| *code == w.signum() as i8));
}

#[test]
fn a_zero_weight_of_a_binary_net_has_code_plus_one() {
    let shape = WeightShape::linear(1, 3);
    let mut codes = [9; 3];
    let binary = quantizer(Codebook::Binary, Granularity::Layer, 0.0);
    binary.quantize("fc", &[0.0, -0.0, -1.0], shape, &mut codes).unwrap();
    assert_eq!(codes, [1, 1, -1]);
}

#[test]
fn the_codebook_is_symmetric() {
    let (w, negated) = (weights(), weights().iter().map(|w| -w).collect::<Vec<_>>());
    let ternary = quantizer(Codebook::Ternary, Granularity::Row, 0.05);
    let (mut plus, mut minus) = (vec![0; w.len()], vec![0; w.len()]);
    ternary.quantize("conv", &w, SHAPE, &mut plus).unwrap();
    ternary.quantize("conv", &negated, SHAPE, &mut minus).unwrap();
    assert!(plus.iter().zip(&minus).all(|(p, m)| *p == -m));
}

#[test]
fn scales_start_at_the_mean_magnitude_of_their_subgroup() {
    let w = weights();
    for granularity in Granularity::ALL {
        let scales = quantizer(Codebook::Ternary, granularity, 0.05).initial_scales("conv", &w, SHAPE).unwrap();
        assert_eq!(scales.len(), granularity.subgroups(SHAPE.kernel));
        for (i, scale) in scales.iter().enumerate() {
            let members: Vec<f32> =
                (0..w.len()).filter(|j| subgroup(granularity, *j) == i).map(|j| w[j].abs()).collect();
            let mean = members.iter().sum::<f32>() / members.len() as f32;
            assert!((scale - mean).abs() < 1e-6, "{granularity:?} {i}: {scale} {mean}");
        }
    }
}

#[test]
fn gradients_follow_the_straight_through_rules() {
    let w = weights();
    let g: Vec<f32> = (0..w.len()).map(|j| (j as f32 * 0.7).sin()).collect();
    let max = w.iter().fold(0f32, |m, w| m.max(w.abs()));
    for (codebook, eta) in [(Codebook::Ternary, 0.3), (Codebook::Binary, 0.0)] {
        for granularity in Granularity::ALL {
            let count = granularity.subgroups(SHAPE.kernel);
            let scales: Vec<f32> = (0..count).map(|i| 0.5 + i as f32).collect();
            let (mut dw, mut da) = (vec![0.0; w.len()], vec![0.0; count]);
            let into = WeightGradients { weights: &mut dw, scales: &mut da };
            quantizer(codebook, granularity, eta).backward("conv", &w, SHAPE, &scales, &g, into).unwrap();
            let mut expected = vec![0.0f32; count];
            for j in 0..w.len() {
                let i = subgroup(granularity, j);
                if w[j].abs() > eta * max {
                    expected[i] += g[j] * w[j].signum();
                    assert_eq!(dw[j], scales[i] * g[j]);
                } else {
                    assert_eq!(dw[j], g[j]);
                }
            }
            assert!(da.iter().zip(&expected).all(|(a, e)| (a - e).abs() < 1e-5), "{da:?} {expected:?}");
        }
    }
}

#[test]
fn plain_straight_through_gradients_are_those_of_the_quantized_weights() {
    let (w, g) = (weights(), weights());
    for (codebook, eta) in [(Codebook::Ternary, 0.3), (Codebook::Binary, 0.0)] {
        let quantizer = quantizer(codebook, Granularity::Row, eta);
        let scales = quantizer.initial_scales("conv", &w, SHAPE).unwrap();
        let backward = |quantizer: WeightQuantizer| {
            let (mut weights, mut scales_gradient) = (vec![0.0; w.len()], vec![0.0; scales.len()]);
            let into = WeightGradients { weights: &mut weights, scales: &mut scales_gradient };
            quantizer.backward("conv", &w, SHAPE, &scales, &g, into).unwrap();
            (weights, scales_gradient)
        };
        let (paper, plain) = (backward(quantizer), backward(quantizer.with_gradient(WeightGradient::Identity)));
        assert_eq!(plain.0, g);
        assert_ne!(paper.0, g);
        // The scales learn as they do in the paper.
        assert_eq!(paper.1, plain.1);
    }
}

#[test]
fn the_scale_gradient_is_the_derivative_of_the_loss() {
    // L = Σ g·α·q is linear in α, so a finite difference is exact up to rounding.
    let w = weights();
    let g: Vec<f32> = (0..w.len()).map(|j| (j as f32 * 1.3).cos()).collect();
    let ternary = quantizer(Codebook::Ternary, Granularity::Pixel, 0.2);
    let scales = ternary.initial_scales("conv", &w, SHAPE).unwrap();
    let mut codes = vec![0; w.len()];
    ternary.quantize("conv", &w, SHAPE, &mut codes).unwrap();
    let loss = |scales: &[f32]| -> f64 {
        (0..w.len())
            .map(|j| f64::from(g[j]) * f64::from(scales[subgroup(Granularity::Pixel, j)]) * f64::from(codes[j]))
            .sum()
    };
    let (mut dw, mut da) = (vec![0.0; w.len()], vec![0.0; scales.len()]);
    let into = WeightGradients { weights: &mut dw, scales: &mut da };
    ternary.backward("conv", &w, SHAPE, &scales, &g, into).unwrap();
    for i in 0..scales.len() {
        let (mut up, mut down) = (scales.clone(), scales.clone());
        up[i] += 0.25;
        down[i] -= 0.25;
        assert!(((loss(&up) - loss(&down)) / 0.5 - f64::from(da[i])).abs() < 1e-5);
    }
}

#[test]
fn bad_input_is_a_typed_error_that_names_the_layer() {
    let ternary = quantizer(Codebook::Ternary, Granularity::Pixel, 0.05);
    let mut codes = vec![0; SHAPE.len()];
    let mut w = weights();
    w[7] = f32::NAN;
    let error = ternary.quantize("layer1.0.conv1", &w, SHAPE, &mut codes).unwrap_err();
    assert!(error.to_string().contains("layer1.0.conv1") && error.to_string().contains('7'), "{error}");
    w[7] = f32::NEG_INFINITY;
    assert!(matches!(ternary.check("c", &w, SHAPE).unwrap_err().kind, CoreErrorKind::NotFinite { index: 7, .. }));
    assert!(matches!(ternary.check("c", &w[1..], SHAPE).unwrap_err().kind, CoreErrorKind::Length { .. }));
    let empty = WeightShape { filters: 0, ..SHAPE };
    assert_eq!(ternary.check("c", &[], empty).unwrap_err().kind, CoreErrorKind::Empty);
    for eta in [-0.1, 1.0, f32::NAN, f32::INFINITY] {
        assert!(WeightQuantizer::new("c", Codebook::Ternary, Granularity::Layer, eta).is_err());
    }
    assert!(WeightQuantizer::new("c", Codebook::Binary, Granularity::Layer, 0.05).is_err());
}
