//! Rows of windows against rows of pixels: the same convolution, by `==`.

use super::support::*;
use crate::kernels::{Input, InputData, InputFormat, InputLayout, PackedConv, Windows};
use syq_core::{ConvGeometry, EightBitWeights, Levels, Shape, Window};

/// The outputs of a layer with 8-bit weights over a picture, placed pixel by pixel and window by window.
#[test]
fn windows_are_the_pixels_convolution() {
    let kernels = all_kernels("windows_are_the_pixels_convolution");
    let mut source = Source::new(31);
    let mut seen = 0;
    for kernel in [[7, 7], [12, 12], [5, 5], [3, 3], [2, 9], [1, 2], [3, 37]] {
        for (channels, stride) in [(3, [2, 2]), (3, [1, 1]), (3, [4, 4]), (1, [1, 3]), (2, [2, 5]), (5, [1, 2])] {
            let (window, [height, width]) = source.window(kernel);
            let window = Window { stride, ..window };
            // Longer rows are placed in parts.
            let shape = Shape::new(height, width + [0, 190][seen % 2], channels);
            let geometry = ConvGeometry::new(shape, 19, window, 1).unwrap();
            let codes = source.eight_bit_weights(geometry.weights());
            let scales: Vec<f32> = (0..19).map(|filter| 0.01 * (filter + 1) as f32).collect();
            let values = source.floats(shape.len());
            let levels = Levels { step: 0.02, inverse_step: 50.0, largest: 255, zero: 128 };
            for &kernels in &kernels {
                for format in [InputFormat::Codes, InputFormat::Wide] {
                    let Some((windows, over)) = Windows::of(&geometry, format) else { continue };
                    seen += 1;
                    let weights = EightBitWeights { codes: &codes, scales: &scales };
                    let outputs = [geometry, over].map(|geometry| {
                        let layout = InputLayout::of(&geometry, format).unwrap().with_zero(128);
                        let packed = PackedConv::eight_bit("conv", &geometry, &layout, levels, weights).unwrap();
                        let mut words = vec![0xa5a5_a5a5; layout.len()];
                        layout.clear_padding(&mut words);
                        for (y, row) in values.chunks(shape.width * channels).enumerate() {
                            let elements = &mut words[layout.row(y)];
                            if layout.shape() == shape {
                                kernels.place_values(row, levels, &layout, elements).unwrap();
                            } else {
                                kernels.place_windows(row, levels, windows, &layout, elements).unwrap();
                            }
                        }
                        let input = Input { layout, data: InputData::Words(&words) };
                        let mut output = vec![0.0; packed.output_len(&packed.all())];
                        packed.run(kernels, input, &packed.all(), &mut output).unwrap();
                        bits(&output)
                    });
                    assert_eq!(outputs[0], outputs[1], "{} {window:?} {shape} {}", kernels.isa(), format.name());
                }
            }
        }
    }
    assert!(seen > 20, "only {seen} layers have windows");
}

#[test]
fn only_where_elements_are_saved() {
    let of = |kernel, stride, channels, format| {
        let window = Window::square(kernel, stride, syq_core::Padding::uniform(kernel / 2));
        let geometry = ConvGeometry::new(Shape::new(32, 32, channels), 16, window, 1).unwrap();
        Windows::of(&geometry, format).map(|(_, over)| over.input)
    };
    assert_eq!(of(7, 2, 3, InputFormat::Codes), Some(Shape::new(32, 16, 21)));
    assert_eq!(of(7, 2, 3, InputFormat::Wide), Some(Shape::new(32, 16, 21)));
    // Nine codes are three elements either way, and whole elements leave nothing to save.
    assert_eq!(of(3, 1, 3, InputFormat::Codes), None);
    assert_eq!(of(7, 2, 4, InputFormat::Codes), None);
    assert_eq!(of(7, 2, 3, InputFormat::Float), None);
}
