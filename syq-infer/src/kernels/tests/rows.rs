//! The steps between convolutions: batch norm, residual, ReLU, quantization, packing, pooling.

use super::support::{Source, all_kernels, bits, lay_out_codes, levels, signed_levels};
use crate::kernels::{
    Activation, Affine, Finish, InputFormat, InputLayout, KernelError, Kernels, PooledRow, QuantizedKernel,
};
use syq_core::reference::{add, affine, average_pool, max_pool, relu};
use syq_core::{BitWidth, Codebook, Levels, Padding, Shape};

/// Random values among which the awkward ones are frequent.
fn values(source: &mut Source, len: usize) -> Vec<f32> {
    let mut values = source.floats(len);
    let awkward = [-0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-40, f32::MAX, 0.185, 0.555, 1e10, -1e10];
    for _ in 0..len / 5 {
        let index = source.below(len);
        values[index] = source.pick(&awkward);
    }
    values
}

/// The bits, every NaN alike: which one an operation gives is not part of the contract.
fn comparable(values: &[f32]) -> Vec<u32> {
    bits(&values.iter().map(|v| if v.is_nan() { f32::NAN } else { *v }).collect::<Vec<_>>())
}

#[test]
fn finishing_is_the_reference_step_by_step() {
    let kernels = all_kernels("finishing_is_the_reference_step_by_step");
    let mut source = Source::new(11);
    for channels in (1..=70).chain([130]) {
        let len = channels * (1 + source.below(5));
        let input = values(&mut source, len);
        let [bias, scale, offset] = [(); 3].map(|()| source.floats(channels));
        let residual = values(&mut source, len);
        for case in 0..16 {
            let with = |bit: usize| case >> bit & 1 == 1;
            let finish = Finish {
                bias: with(0).then_some(&bias[..]),
                affine: with(1).then_some(Affine { scale: &scale, offset: &offset }),
                residual: with(2).then_some(&residual[..]),
                activation: if with(3) { Activation::Relu } else { Activation::Identity },
            };
            let mut expected = input.clone();
            if with(0) {
                let repeated: Vec<f32> = bias.iter().copied().cycle().take(len).collect();
                expected = add(&expected, &repeated);
            }
            if with(1) {
                affine(&mut expected, &scale, &offset);
            }
            if with(2) {
                expected = add(&expected, &residual);
            }
            if with(3) {
                relu(&mut expected);
            }
            for &kernels in &kernels {
                let mut found = input.clone();
                kernels.finish(&mut found, channels, &finish).unwrap();
                assert_eq!(comparable(&found), comparable(&expected), "{} {channels} {case}", kernels.isa());
            }
        }
    }
}

#[test]
fn codes_are_those_of_the_levels() {
    let kernels = all_kernels("codes_are_those_of_the_levels");
    let mut source = Source::new(12);
    for len in (1..=70).chain([1000]) {
        let input = values(&mut source, len);
        for width in BitWidth::ALL {
            for step in [0.37, 1.0 / f32::from(width.largest()), 1e-30] {
                let levels = Levels { step, inverse_step: 1.0 / step, largest: width.largest(), zero: 0 };
                let expected: Vec<u8> = input.iter().map(|x| levels.code(*x)).collect();
                for &kernels in &kernels {
                    let mut found = vec![0xaa; len];
                    kernels.quantize(&input, levels, &mut found).unwrap();
                    assert_eq!(found, expected, "{} {input:?} {levels:?}", kernels.isa());
                }
            }
        }
    }
}

#[test]
fn signed_codes_are_those_of_the_levels() {
    let kernels = all_kernels("signed_codes_are_those_of_the_levels");
    let mut source = Source::new(15);
    for len in (1..=70).chain([1000, 4000]) {
        for step in [0.37f32, 2.75 / 127.0, 1.0 / 64.0, 1e-30] {
            let levels = Levels { step, inverse_step: 1.0 / step, ..signed_levels() };
            let mut input = values(&mut source, len);
            // Halves between codes, where the rounding of negative values shows, and their neighbours.
            for _ in 0..len / 3 {
                let half = (source.below(260) as f32 - 130.5) * step;
                let index = source.below(len);
                input[index] = source.pick(&[half, half.next_up(), half.next_down()]);
            }
            let expected: Vec<u8> = input.iter().map(|x| levels.code(*x)).collect();
            for &kernels in &kernels {
                let mut found = vec![0xaa; len];
                kernels.quantize(&input, levels, &mut found).unwrap();
                assert_eq!(found, expected, "{} {input:?} {levels:?}", kernels.isa());
            }
        }
    }
}

#[test]
fn signed_rows_are_placed_around_the_zero_point() {
    let kernels = all_kernels("signed_rows_are_placed_around_the_zero_point");
    let mut source = Source::new(16);
    for channels in (1..=20).chain([33, 64, 300, 515]) {
        let shape = Shape::new(2, 1 + source.below(4), channels);
        let padding = Padding { top: 1, bottom: 2, left: source.below(2), right: 1 };
        let input = values(&mut source, shape.len());
        let codes: Vec<u8> = input.iter().map(|x| signed_levels().code(*x)).collect();
        for format in [InputFormat::Codes, InputFormat::Wide] {
            let layout = InputLayout::new(format, shape, padding, 1).unwrap().with_zero(128);
            let expected = lay_out_codes(&layout, &codes);
            for &kernels in &kernels {
                let mut buffer = vec![0xdead_beef; layout.len()];
                let row = shape.width * shape.channels;
                for (y, values) in input.chunks(row).enumerate() {
                    kernels.place_values(values, signed_levels(), &layout, &mut buffer[layout.row(y)]).unwrap();
                }
                layout.clear_padding(&mut buffer);
                assert_eq!(buffer, expected, "{} {layout}", kernels.isa());
            }
        }
    }
}

#[test]
fn rows_are_placed_as_the_layout_says() {
    let kernels = all_kernels("rows_are_placed_as_the_layout_says");
    let mut source = Source::new(13);
    for channels in (1..=70).chain([128, 130]) {
        for width in BitWidth::ALL {
            let groups = 1 + source.below(3);
            let shape = Shape::new(2, 1 + source.below(4), channels * groups);
            let padding = Padding { top: 1, bottom: 0, left: source.below(2), right: 1 };
            let levels = levels(width.largest());
            let input = values(&mut source, shape.len());
            let codes: Vec<u8> = input.iter().map(|x| levels.code(*x)).collect();
            let kinds = QuantizedKernel::ALL.map(|kernel| Codebook::ALL.map(|codebook| kernel.format(codebook, width)));
            for format in kinds.into_iter().flatten() {
                let layout = InputLayout::new(format, shape, padding, groups).unwrap();
                let expected = lay_out_codes(&layout, &codes);
                for &kernels in &kernels {
                    let row = shape.width * shape.channels;
                    let mut buffers = [vec![0xdead_beef; layout.len()], vec![0xdead_beef; layout.len()]];
                    for y in 0..shape.height {
                        let range = y * row..(y + 1) * row;
                        let [values, coded] = buffers.each_mut().map(|buffer| &mut buffer[layout.row(y)]);
                        kernels.place_values(&input[range.clone()], levels, &layout, values).unwrap();
                        // In two parts, as a task that ends in the middle of a row does.
                        let (left, right) = codes[range].split_at(shape.width / 2 * shape.channels);
                        let (first, rest) = coded.split_at_mut(shape.width / 2 * layout.pixel_len());
                        kernels.place_codes(left, &layout, first).unwrap();
                        kernels.place_codes(right, &layout, rest).unwrap();
                    }
                    for mut buffer in buffers {
                        layout.clear_padding(&mut buffer);
                        assert_eq!(buffer, expected, "{} {layout}", kernels.isa());
                    }
                }
            }
        }
    }
}

#[test]
fn pooling_is_the_reference() {
    let kernels = all_kernels("pooling_is_the_reference");
    let mut source = Source::new(14);
    for kernel in [[1, 1], [2, 2], [3, 3], [3, 2], [5, 5]] {
        for channels in [1, 3, 16, 16, 16, 31, 48, 64, 64, 70] {
            let (window, [height, width]) = source.window(kernel);
            let shape = Shape::new(height, width, channels);
            let input = values(&mut source, shape.len());
            let codes = source.codes(shape.len(), 255);
            let expected = [
                comparable(&max_pool(&input, shape, window, f32::NEG_INFINITY).unwrap()),
                comparable(&average_pool(&input, shape, window).unwrap()),
            ];
            let expected_codes = max_pool(&codes, shape, window, 0).unwrap();
            for &kernels in &kernels {
                let (mut found, mut found_codes) = ([Vec::new(), Vec::new()], Vec::new());
                for y in 0..window.output(height, width).unwrap()[0] {
                    let row = PooledRow { window, shape, y };
                    let rows = row.input_rows().unwrap();
                    let range = rows.start * width * channels..rows.end * width * channels;
                    let mut output = vec![0.0; row.output_len().unwrap()];
                    kernels.max_pool(row, &input[range.clone()], &mut output).unwrap();
                    found[0].extend(comparable(&output));
                    let mut line_by_line = vec![f32::NEG_INFINITY; output.len()];
                    let middle = source.below(width + 1);
                    for line in input[range.clone()].chunks(width * channels) {
                        let (left, right) = line.split_at(middle * channels);
                        kernels.max_pool_line(row, 0..middle, left, &mut line_by_line).unwrap();
                        kernels.max_pool_line(row, middle..width, right, &mut line_by_line).unwrap();
                    }
                    assert_eq!(bits(&line_by_line), bits(&output), "{} {window:?} {shape}", kernels.isa());
                    kernels.average_pool(row, &input[range.clone()], &mut output).unwrap();
                    found[1].extend(comparable(&output));
                    let mut output = vec![0; row.output_len().unwrap()];
                    kernels.max_pool_codes(row, &codes[range], &mut output).unwrap();
                    found_codes.extend(output);
                }
                assert_eq!(found, expected, "{} {window:?} {shape}", kernels.isa());
                assert_eq!(found_codes, expected_codes, "{} {window:?} {shape}", kernels.isa());
            }
        }
    }
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let kernels = Kernels::detect();
    let mut row = vec![0f32; 12];
    let relu = Finish { activation: Activation::Relu, ..Finish::default() };
    assert!(kernels.finish(&mut row, 4, &relu).is_ok());
    assert!(kernels.finish(&mut row, 5, &relu).is_err());
    assert!(kernels.finish(&mut row, 0, &relu).is_err());
    let short = Finish { bias: Some(&[1.0]), ..Finish::default() };
    assert!(matches!(kernels.finish(&mut row, 4, &short), Err(KernelError::Length { .. })));
    let layout = InputLayout::new(
        QuantizedKernel::Popcount.format(Codebook::Ternary, BitWidth::Two),
        Shape::new(1, 3, 4),
        Padding::NONE,
        1,
    )
    .unwrap();
    let mut buffer = vec![0u32; layout.len()];
    assert!(kernels.place_values(&row, levels(3), &layout, &mut buffer).is_ok());
    assert!(kernels.place_values(&row, levels(15), &layout, &mut buffer).is_err());
    assert!(kernels.place_values(&row[1..], levels(3), &layout, &mut buffer).is_err());
    assert!(kernels.place_values(&row, levels(3), &layout, &mut buffer[1..]).is_err());
}
