//! Windows against pixels: the same convolution, by `==`.

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
                    let layouts =
                        [geometry, over].map(|geometry| InputLayout::of(&geometry, format).unwrap().with_zero(128));
                    let lines = windows.lines(128).unwrap();
                    let lay_out = |layout: &InputLayout| {
                        let mut words = vec![0xa5a5_a5a5; layout.len()];
                        layout.clear_padding(&mut words);
                        for (y, row) in values.chunks(shape.width * channels).enumerate() {
                            kernels.place_values(row, levels, layout, &mut words[layout.row(y)]).unwrap();
                        }
                        words
                    };
                    let (pixels, lines_of) = (lay_out(&layouts[0]), lay_out(&lines));
                    let mut over_words = vec![0xa5a5_a5a5; layouts[1].len()];
                    for y in 0..over.input.height {
                        let rows = windows.rows(y);
                        let rows = &lines_of[rows.start * lines.row_len()..rows.end * lines.row_len()];
                        kernels.place_windows(rows, windows, &layouts[1], &mut over_words[layouts[1].row(y)]).unwrap();
                    }
                    let outputs = [(geometry, pixels), (over, over_words)].map(|(geometry, words)| {
                        let layout = InputLayout::of(&geometry, format).unwrap().with_zero(128);
                        let packed = PackedConv::eight_bit("conv", &geometry, &layout, levels, weights).unwrap();
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
    assert!(seen > 60, "only {seen} layers have windows");
}

#[test]
fn only_where_elements_are_saved() {
    let of = |kernel, stride, channels, format| {
        let window = Window::square(kernel, stride, syq_core::Padding::uniform(kernel / 2));
        let geometry = ConvGeometry::new(Shape::new(32, 32, channels), 16, window, 1).unwrap();
        Windows::of(&geometry, format).map(|(_, over)| over.input)
    };
    assert_eq!(of(7, 2, 3, InputFormat::Codes), Some(Shape::new(16, 16, 147)));
    assert_eq!(of(3, 1, 3, InputFormat::Wide), Some(Shape::new(32, 32, 27)));
    // Three codes are an element either way, and whole elements leave nothing to save.
    assert_eq!(of(1, 1, 3, InputFormat::Codes), None);
    assert_eq!(of(7, 2, 4, InputFormat::Codes), None);
    assert_eq!(of(7, 2, 3, InputFormat::Float), None);
}
