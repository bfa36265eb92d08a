//! The reference convolution on sums that can be worked out by hand, and its errors.

use syq_core::reference::{CodedWeights, coded_convolution, float_convolution};
use syq_core::{Codebook, ConvGeometry, CoreErrorKind, Granularity, Levels, Padding, Shape, Window};

const LEVELS: Levels = Levels { step: 0.5, inverse_step: 2.0, largest: 3, zero: 0 };

fn geometry(groups: usize) -> ConvGeometry {
    let window = Window { kernel: [2, 2], stride: [1, 2], padding: Padding { top: 1, bottom: 0, left: 0, right: 1 } };
    ConvGeometry::new(Shape::new(2, 3, 2), 2, window, groups).unwrap()
}

#[test]
fn pixel_wise_scales_weigh_each_kernel_position() {
    let g = geometry(1);
    assert_eq!(g.output, Shape::new(2, 2, 2));
    let input = [1, 0, 2, 0, 3, 0, 0, 1, 0, 2, 0, 3];
    // Filter 0 sums both channels everywhere, filter 1 is its negative.
    let codes: Vec<i8> = [[1i8; 8], [-1; 8]].concat();
    let scales = [1.0, 10.0, 100.0, 1000.0];
    let weights =
        CodedWeights { codebook: Codebook::Ternary, granularity: Granularity::Pixel, codes: &codes, scales: &scales };
    let z = coded_convolution("c", &g, &input, LEVELS, weights).unwrap();
    // Step 0.5; the row above and the column to the right are padding.
    let expected = [100.0 + 2000.0, 300.0, 1.0 + 20.0 + 100.0 + 2000.0, 3.0 + 300.0].map(|x: f32| x * 0.5);
    for (pixel, e) in z.chunks(2).zip(expected) {
        assert_eq!(pixel, [e, -e]);
    }
    let layer = CodedWeights { granularity: Granularity::Layer, scales: &[2.0], ..weights };
    let z = coded_convolution("c", &g, &input, LEVELS, layer).unwrap();
    assert_eq!(z[0], 3.0);
    let row = CodedWeights { granularity: Granularity::Row, scales: &[1.0, 100.0], ..weights };
    assert_eq!(coded_convolution("c", &g, &input, LEVELS, row).unwrap()[4], 0.5 * (3.0 + 300.0));
}

#[test]
fn coded_and_float_convolution_agree_on_exact_values() {
    for groups in [1, 2] {
        let g = geometry(groups);
        let input: Vec<u8> = (0..g.input.len()).map(|i| (i * 7 % 4) as u8).collect();
        let codes: Vec<i8> = (0..g.weights()).map(|i| (i * 5 % 3) as i8 - 1).collect();
        let weights = CodedWeights {
            codebook: Codebook::Ternary,
            granularity: Granularity::Layer,
            codes: &codes,
            scales: &[0.25],
        };
        let coded = coded_convolution("c", &g, &input, LEVELS, weights).unwrap();
        let values: Vec<f32> = input.iter().map(|u| LEVELS.value(*u)).collect();
        let floats: Vec<f32> = codes.iter().map(|q| 0.25 * f32::from(*q)).collect();
        // Powers of two: no rounding on either side.
        assert_eq!(coded, float_convolution("c", &g, &values, &floats).unwrap());
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let g = geometry(1);
    let input = vec![1u8; g.input.len()];
    let codes = vec![1i8; g.weights()];
    let good =
        CodedWeights { codebook: Codebook::Binary, granularity: Granularity::Layer, codes: &codes, scales: &[1.0] };
    let kind = |input: &[u8], weights| coded_convolution("c", &g, input, LEVELS, weights).unwrap_err().kind;
    assert!(matches!(kind(&input[1..], good), CoreErrorKind::Length { what: "the input", .. }));
    assert!(matches!(kind(&input, CodedWeights { scales: &[1.0, 1.0], ..good }), CoreErrorKind::Length { .. }));
    assert!(matches!(kind(&input, CodedWeights { scales: &[f32::NAN], ..good }), CoreErrorKind::NotFinite { .. }));
    let mut zero = codes.clone();
    zero[3] = 0;
    assert!(matches!(kind(&input, CodedWeights { codes: &zero, ..good }), CoreErrorKind::Code { index: 3, .. }));
    let mut high = input.clone();
    high[2] = 4;
    assert!(matches!(kind(&high, good), CoreErrorKind::ActivationCode { index: 2, code: 4, largest: 3 }));
    let wide = ConvGeometry::new(Shape::vector(70_000), 1, Window::square(1, 1, Padding::NONE), 1).unwrap();
    let codes = vec![1i8; 70_000];
    let weights = CodedWeights { codes: &codes, ..good };
    let levels = Levels { step: 1.0, inverse_step: 1.0, largest: 255, zero: 0 };
    let error = coded_convolution("wide", &wide, &vec![1; 70_000], levels, weights).unwrap_err();
    assert_eq!(error.kind, CoreErrorKind::Inexact { weights: 70_000, largest: 255 });
}
