//! Convolutions and fully connected layers.

use super::support::{Source, all_kernels, bits, lay_out_codes, lay_out_floats, levels, run, signed_levels};
use crate::kernels::{
    Input, InputData, InputFormat, InputLayout, KernelError, Kernels, OutputRange, PackedConv, QuantizedKernel,
    QuantizedWeights,
};
use syq_core::reference::{CodedWeights, coded_convolution, eight_bit_convolution, float_convolution};
use syq_core::{
    BitWidth, Codebook, ConvGeometry, CoreErrorKind, EightBitWeights, Granularity, Levels, Padding, Shape, Window,
};

/// A geometry with few pixels, and filters that leave the last block of a group narrow.
fn geometry(source: &mut Source, kernel: [usize; 2], group_channels: usize, groups: usize) -> ConvGeometry {
    let (window, [height, width]) = source.window(kernel);
    let filters = groups * source.pick(&[1, 5, 16, 17, 32, 33, 50, 64, 83]);
    ConvGeometry::new(Shape::new(height, width, group_channels * groups), filters, window, groups).unwrap()
}

fn check_quantized(source: &mut Source, kernels: &[Kernels], geometry: &ConvGeometry, width: BitWidth, extra: Padding) {
    let levels = levels(width.largest());
    let input = source.codes(geometry.input.len(), levels.largest);
    for codebook in Codebook::ALL {
        for granularity in Granularity::ALL {
            let codes = source.weights(geometry.weights(), codebook);
            let scales = source.floats(granularity.subgroups(geometry.window.kernel));
            let coded = CodedWeights { codebook, granularity, codes: &codes, scales: &scales };
            let expected = bits(&coded_convolution("conv", geometry, &input, levels, coded).unwrap());
            for kernel in QuantizedKernel::ALL {
                let layout =
                    InputLayout::of(geometry, kernel.format(codebook, width)).unwrap().covering(extra).unwrap();
                let weights = QuantizedWeights { codebook, granularity, codes: &codes, scales: &scales };
                let packed = PackedConv::quantized("conv", geometry, &layout, levels, weights);
                if !kernel.fits(geometry, granularity, levels.largest) {
                    let error = packed.unwrap_err();
                    assert!(matches!(&error, KernelError::Narrow { layer, .. } if layer == "conv"), "{error}");
                    continue;
                }
                let packed = packed.unwrap();
                let words = lay_out_codes(&layout, &input);
                for &kernels in kernels {
                    let found = bits(&run(&packed, kernels, InputData::Words(&words)));
                    let isa = kernels.isa();
                    assert!(found == expected, "{} {isa} {width:?} {granularity:?} {geometry:?}", packed.kernel());
                }
            }
        }
    }
}

/// 8-bit weights on codes of `width` bits, and on signed ones.
fn check_eight_bit(source: &mut Source, kernels: &[Kernels], geometry: &ConvGeometry, width: BitWidth, extra: Padding) {
    for levels in [levels(width.largest()), signed_levels()] {
        let span = levels.largest - levels.smallest();
        let input: Vec<u8> =
            source.codes(geometry.input.len(), span).into_iter().map(|code| code + levels.smallest()).collect();
        let codes = source.eight_bit_weights(geometry.weights());
        let scales = source.floats(geometry.filters());
        let weights = EightBitWeights { codes: &codes, scales: &scales };
        let expected = bits(&eight_bit_convolution("conv", geometry, &input, levels, weights).unwrap());
        for format in [InputFormat::Codes, InputFormat::Wide] {
            let layout = InputLayout::of(geometry, format).unwrap().covering(extra).unwrap();
            let layout = layout.with_zero(levels.zero);
            let packed = PackedConv::eight_bit("conv", geometry, &layout, levels, weights).unwrap();
            let words = lay_out_codes(&layout, &input);
            for &kernels in kernels {
                let found = bits(&run(&packed, kernels, InputData::Words(&words)));
                assert!(found == expected, "{} {} {levels:?} {geometry:?}", packed.kernel(), kernels.isa());
            }
        }
    }
}

fn check_float(source: &mut Source, kernels: &[Kernels], geometry: &ConvGeometry) {
    let layout = InputLayout::of(geometry, InputFormat::Float).unwrap();
    let input = source.floats(geometry.input.len());
    let weights = source.floats(geometry.weights());
    let expected = bits(&float_convolution("conv", geometry, &input, &weights).unwrap());
    let packed = PackedConv::float("conv", geometry, &layout, &weights).unwrap();
    let padded = lay_out_floats(&layout, &input);
    for &kernels in kernels {
        let found = bits(&run(&packed, kernels, InputData::Floats(&padded)));
        assert!(found == expected, "float {} {geometry:?}", kernels.isa());
    }
}

const KERNELS: [[usize; 2]; 6] = [[1, 1], [2, 2], [3, 3], [5, 5], [1, 3], [3, 2]];

#[test]
fn convolutions_of_every_channel_count() {
    let kernels = all_kernels("convolutions_of_every_channel_count");
    let mut source = Source::new(1);
    for channels in (1..=70).chain([96, 128, 130]) {
        let kernel = source.pick(&KERNELS);
        let geometry = geometry(&mut source, kernel, channels, 1);
        let width = BitWidth::ALL[channels % 5];
        check_quantized(&mut source, &kernels, &geometry, width, Padding::NONE);
        check_eight_bit(&mut source, &kernels, &geometry, width, Padding::NONE);
        check_float(&mut source, &kernels, &geometry);
    }
}

/// Channel counts and bit widths at which AVX-512 has tiles of its own for a scale a position.
#[test]
fn convolutions_whose_subgroups_are_whole_registers() {
    let kernels = all_kernels("convolutions_whose_subgroups_are_whole_registers");
    let mut source = Source::new(6);
    for channels in [16, 32, 48, 64, 96, 128, 160, 192, 256, 320] {
        for width in BitWidth::ALL {
            let kernel = source.pick(&KERNELS);
            let geometry = geometry(&mut source, kernel, channels, 1 + channels % 3 % 2);
            check_quantized(&mut source, &kernels, &geometry, width, Padding::NONE);
        }
    }
}

#[test]
fn convolutions_of_every_window_and_group_count() {
    let kernels = all_kernels("convolutions_of_every_window_and_group_count");
    let mut source = Source::new(2);
    for kernel in KERNELS {
        for groups in 1..=3 {
            for width in BitWidth::ALL {
                let channels = source.pick(&[1, 3, 4, 7, 31, 33, 40]);
                let geometry = geometry(&mut source, kernel, channels, groups);
                let extra = Padding { top: 1, bottom: 0, left: source.below(3), right: 2 };
                check_quantized(&mut source, &kernels, &geometry, width, extra);
                check_eight_bit(&mut source, &kernels, &geometry, width, extra);
                check_float(&mut source, &kernels, &geometry);
            }
        }
    }
}

/// Long rows of weights, so that every kernel has to fold its narrow sums, and the largest sums.
#[test]
fn fully_connected_layers() {
    let kernels = all_kernels("fully_connected_layers");
    let mut source = Source::new(3);
    let window = Window::square(1, 1, Padding::NONE);
    for features in [1, 30, 257, 1000, 4100] {
        for outputs in [1, 16, 40] {
            let geometry = ConvGeometry::new(Shape::vector(features), outputs, window, 1).unwrap();
            for width in BitWidth::ALL {
                check_quantized(&mut source, &kernels, &geometry, width, Padding::NONE);
                check_eight_bit(&mut source, &kernels, &geometry, width, Padding::NONE);
            }
            check_float(&mut source, &kernels, &geometry);
        }
    }
}

#[test]
fn several_vectors_are_each_of_them() {
    let kernels = all_kernels("several_vectors_are_each_of_them");
    let mut source = Source::new(5);
    let window = Window::square(1, 1, Padding::NONE);
    let geometry = ConvGeometry::new(Shape::vector(130), 40, window, 1).unwrap();
    let layout =
        InputLayout::of(&geometry, QuantizedKernel::Popcount.format(Codebook::Ternary, BitWidth::Two)).unwrap();
    let codes = source.weights(geometry.weights(), Codebook::Ternary);
    let (codebook, granularity) = (Codebook::Ternary, Granularity::Layer);
    let weights = QuantizedWeights { codebook, granularity, codes: &codes, scales: &[0.3] };
    let packed = PackedConv::quantized("fc", &geometry, &layout, levels(3), weights).unwrap();
    for count in 0..=9 {
        let words: Vec<u32> = (0..count).flat_map(|_| lay_out_codes(&layout, &source.codes(130, 3))).collect();
        let input = |words| Input { layout, data: InputData::Words(words) };
        for &kernels in &kernels {
            let mut found = vec![f32::NAN; count * 40];
            packed.run_vectors(kernels, input(&words), count, &packed.all(), &mut found).unwrap();
            let mut expected = vec![f32::NAN; count * 40];
            for (words, output) in words.chunks(layout.len()).zip(expected.chunks_mut(40)) {
                packed.run(kernels, input(words), &packed.all(), output).unwrap();
            }
            assert_eq!(bits(&found), bits(&expected), "{} {count}", kernels.isa());
        }
    }
}

#[test]
fn extreme_sums_do_not_saturate() {
    let kernels = all_kernels("extreme_sums_do_not_saturate");
    let window = Window::square(3, 1, Padding::NONE);
    for (channels, weight, width) in [
        (600, 1i8, BitWidth::Eight),
        (600, -1, BitWidth::Eight),
        (600, 1, BitWidth::Four),
        (600, -1, BitWidth::One),
        // The largest sums that the lookup kernel takes: 9 · 14 · 255, 9 · 242 · 15 and 9 · 1213 · 3.
        (14, 1, BitWidth::Eight),
        (14, -1, BitWidth::Eight),
        (242, 1, BitWidth::Four),
        (242, -1, BitWidth::Four),
        (1213, -1, BitWidth::Two),
        (1213, 1, BitWidth::Two),
    ] {
        let geometry = ConvGeometry::new(Shape::new(3, 5, channels), 16, window, 1).unwrap();
        let levels = levels(width.largest());
        let input = vec![levels.largest; geometry.input.len()];
        let codes = vec![weight; geometry.weights()];
        for codebook in Codebook::ALL {
            let coded = CodedWeights { codebook, granularity: Granularity::Layer, codes: &codes, scales: &[1.0] };
            let expected = bits(&coded_convolution("conv", &geometry, &input, levels, coded).unwrap());
            let fits = |kernel: &QuantizedKernel| kernel.fits(&geometry, Granularity::Layer, levels.largest);
            for kernel in QuantizedKernel::ALL.into_iter().filter(fits) {
                let layout = InputLayout::of(&geometry, kernel.format(codebook, width)).unwrap();
                let weights =
                    QuantizedWeights { codebook, granularity: Granularity::Layer, codes: &codes, scales: &[1.0] };
                let packed = PackedConv::quantized("conv", &geometry, &layout, levels, weights).unwrap();
                let words = lay_out_codes(&layout, &input);
                for &kernels in &kernels {
                    assert_eq!(bits(&run(&packed, kernels, InputData::Words(&words))), expected);
                }
            }
        }
    }
}

/// The longest filter that is allowed, with the largest products: sums near 2^31, rounded by the
/// conversion alike everywhere.
#[test]
fn extreme_eight_bit_sums_are_exact() {
    let kernels = all_kernels("extreme_eight_bit_sums_are_exact");
    let window = Window::square(1, 1, Padding::NONE);
    let geometry = ConvGeometry::new(Shape::vector(66_311), 17, window, 1).unwrap();
    for (levels, code) in [(levels(255), 255u8), (signed_levels(), 255), (signed_levels(), 1)] {
        for weight in [127i8, -127] {
            let mut input = vec![code; geometry.input.len()];
            input[5] = levels.zero.max(7);
            let codes = vec![weight; geometry.weights()];
            let scales: Vec<f32> = (0..17).map(|filter| 0.1 * (filter as f32 - 8.0)).collect();
            let weights = EightBitWeights { codes: &codes, scales: &scales };
            let expected = eight_bit_convolution("fc", &geometry, &input, levels, weights).unwrap();
            for format in [InputFormat::Codes, InputFormat::Wide] {
                let layout = InputLayout::of(&geometry, format).unwrap().with_zero(levels.zero);
                let packed = PackedConv::eight_bit("fc", &geometry, &layout, levels, weights).unwrap();
                let words = lay_out_codes(&layout, &input);
                for &kernels in &kernels {
                    assert_eq!(bits(&run(&packed, kernels, InputData::Words(&words))), bits(&expected));
                }
            }
        }
    }
}

#[test]
fn eight_bit_layers_that_do_not_fit_are_refused() {
    let window = Window::square(3, 1, Padding::uniform(1));
    let geometry = ConvGeometry::new(Shape::new(4, 4, 8), 20, window, 1).unwrap();
    let codes = vec![1i8; geometry.weights()];
    let good = EightBitWeights { codes: &codes, scales: &[1.0; 20] };
    let layout = |format| InputLayout::of(&geometry, format).unwrap();
    let bytes = layout(InputFormat::Codes).with_zero(128);
    let pack = |layout: InputLayout, levels: Levels, weights| {
        PackedConv::eight_bit("stem", &geometry, &layout, levels, weights).map(|packed| packed.kernel())
    };
    assert_eq!(pack(bytes, signed_levels(), good), Ok("int8_w8"));
    assert_eq!(pack(layout(InputFormat::Wide).with_zero(128), signed_levels(), good), Ok("int16_w8"));
    assert!(matches!(pack(bytes, levels(255), good), Err(KernelError::Layout { .. })));
    assert!(matches!(pack(bytes.with_zero(0), signed_levels(), good), Err(KernelError::Layout { .. })));
    let planes = layout(InputFormat::Planes(BitWidth::Eight));
    for layout in [planes, layout(InputFormat::Float)] {
        assert!(matches!(pack(layout, levels(255), good), Err(KernelError::Element { .. })));
    }
    let short = EightBitWeights { scales: &[1.0; 19], ..good };
    assert!(matches!(pack(bytes, signed_levels(), short), Err(KernelError::Layer(_))));
    let lowest = vec![-128i8; geometry.weights()];
    assert!(matches!(
        pack(bytes, signed_levels(), EightBitWeights { codes: &lowest, ..good }),
        Err(KernelError::Layer(_))
    ));
    let huge = EightBitWeights { scales: &[f32::MAX; 20], ..good };
    let levels = Levels { step: 2.0, inverse_step: 0.5, ..signed_levels() };
    assert!(matches!(pack(bytes, levels, huge), Err(KernelError::Layer(_))));
    // Codebook weights take no zero point.
    let (codebook, granularity) = (Codebook::Ternary, Granularity::Layer);
    let weights = QuantizedWeights { codebook, granularity, codes: &codes, scales: &[1.0] };
    for (layout, levels) in
        [(bytes, signed_levels()), (bytes.with_zero(0), signed_levels()), (bytes, super::support::levels(255))]
    {
        let error = PackedConv::quantized("conv", &geometry, &layout, levels, weights).unwrap_err();
        assert!(matches!(&error, KernelError::Layer(e) if e.kind == CoreErrorKind::ZeroPoint { zero: 128 }), "{error}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut source = Source::new(4);
    let window = Window::square(3, 1, Padding::uniform(1));
    let geometry = ConvGeometry::new(Shape::new(4, 4, 8), 20, window, 1).unwrap();
    let weights = source.floats(geometry.weights());
    let layout = InputLayout::of(&geometry, InputFormat::Float).unwrap();
    let packed = PackedConv::float("stem", &geometry, &layout, &weights).unwrap();
    assert!(PackedConv::float("stem", &geometry, &layout, &weights[1..]).is_err());
    let bare = InputLayout::new(InputFormat::Float, geometry.input, Padding::NONE, 1).unwrap();
    let error = PackedConv::float("stem", &geometry, &bare, &weights).unwrap_err();
    assert!(matches!(error, KernelError::Layout { .. }) && error.to_string().contains("stem"), "{error}");
    let kernels = Kernels::detect();
    let (buffer, mut output) = (vec![0f32; layout.len()], vec![0f32; geometry.output.len()]);
    let mut call = |layout: InputLayout, data: InputData<'_>, range: OutputRange, len: usize| {
        packed.run(kernels, Input { layout, data }, &range, &mut output[..len])
    };
    let (all, floats) = (packed.all(), InputData::Floats(&buffer));
    assert_eq!(call(layout, floats, all.clone(), geometry.output.len()), Ok(()));
    assert!(matches!(call(bare, floats, all.clone(), 320), Err(KernelError::Layout { .. })));
    assert!(matches!(call(layout, floats, all.clone(), 319), Err(KernelError::Length { .. })));
    assert!(matches!(call(layout, InputData::Floats(&buffer[1..]), all.clone(), 320), Err(KernelError::Length { .. })));
    let words = vec![0u32; layout.len()];
    assert!(matches!(call(layout, InputData::Words(&words), all, 320), Err(KernelError::Element { .. })));
    for (pixels, blocks) in [(0..17, 0..2), (0..16, 0..3), (17..17, 0..2)] {
        let range = OutputRange { pixels, blocks };
        assert!(matches!(call(layout, floats, range, 0), Err(KernelError::Range { .. })));
    }
}
