//! Shape inference beside counting: windows are laid one by one.

use proptest::prelude::*;
use syq_core::{ActivationQuantizer, ActivationRange, BitWidth, Codebook, Granularity, Padding, Shape, Window};
use syq_pack::network::{Bias, Conv, INPUT, Layer, Linear, Network, Op, WeightFormat};
use syq_pack::{Model, ModelLimits, reference};

/// How many windows fit one after another, found by laying them.
fn laid(size: usize, before: usize, after: usize, kernel: usize, stride: usize) -> usize {
    let (mut count, mut end) = (0, kernel);
    while end <= before + size + after {
        count += 1;
        end += stride;
    }
    count
}

fn window() -> impl Strategy<Value = Window> {
    let side =
        || (1usize..5, 1usize..4).prop_flat_map(|(kernel, stride)| (Just(kernel), Just(stride), 0..kernel, 0..kernel));
    (side(), side()).prop_map(|(rows, columns)| Window {
        kernel: [rows.0, columns.0],
        stride: [rows.1, columns.1],
        padding: Padding { top: rows.2, bottom: rows.3, left: columns.2, right: columns.3 },
    })
}

/// One layer of a chain, as it is drawn: what it says of its input's channels is mended afterwards.
#[derive(Clone, Debug)]
enum Drawn {
    Conv { window: Window, filters: usize, grouped: bool },
    MaxPool(Window),
    AveragePool(Window),
    Relu,
    Quantize(BitWidth),
}

fn drawn() -> impl Strategy<Value = Drawn> {
    prop_oneof![
        3 => (window(), 1usize..5, any::<bool>())
            .prop_map(|(window, filters, grouped)| Drawn::Conv { window, filters, grouped }),
        1 => window().prop_map(Drawn::MaxPool),
        1 => window().prop_map(Drawn::AveragePool),
        1 => Just(Drawn::Relu),
        1 => prop::sample::select(BitWidth::ALL.to_vec()).prop_map(Drawn::Quantize),
    ]
}

/// The chain as a network that ends in a fully connected layer, with the shapes that counting gives and their
/// multiply-accumulates; nothing where a window does not fit.
fn counted(input: Shape, chain: &[Drawn], classes: usize) -> (Network, Option<Vec<(Shape, u64)>>) {
    let mut layers = Vec::new();
    let mut expected = Some(Vec::new());
    let mut shape = input;
    let mut codes = false;
    for (index, drawn) in chain.iter().enumerate() {
        // Codes are for convolutions and pooling; what takes floats alone is left out behind them.
        let (op, window, channels) = match drawn {
            Drawn::Conv { window, filters, grouped } => {
                let groups = if *grouped { shape.channels } else { 1 };
                let weights = if codes {
                    WeightFormat::Codebook { codebook: Codebook::Ternary, granularity: Granularity::Row }
                } else {
                    WeightFormat::Float
                };
                let filters = filters * groups;
                codes = false;
                let conv = Conv { filters, window: *window, groups, weights, bias: Bias::None };
                (Op::Conv(conv), Some(*window), filters)
            }
            Drawn::MaxPool(window) => (Op::MaxPool(*window), Some(*window), shape.channels),
            Drawn::AveragePool(_) | Drawn::Relu | Drawn::Quantize(_) if codes => continue,
            Drawn::AveragePool(window) => (Op::AveragePool(*window), Some(*window), shape.channels),
            Drawn::Relu => (Op::Relu, None, shape.channels),
            Drawn::Quantize(bits) => {
                codes = true;
                let quantizer = ActivationQuantizer { bits: *bits, range: ActivationRange::Unit };
                (Op::Quantize(quantizer), None, shape.channels)
            }
        };
        let mut output = Shape::new(shape.height, shape.width, channels);
        if let Some(Window { kernel, stride, padding }) = window {
            output.height = laid(shape.height, padding.top, padding.bottom, kernel[0], stride[0]);
            output.width = laid(shape.width, padding.left, padding.right, kernel[1], stride[1]);
        }
        if output.is_empty() {
            expected = None;
        }
        let macs = match &op {
            Op::Conv(Conv { filters, window, groups, .. }) => {
                output.height * output.width * filters * window.kernel[0] * window.kernel[1] * (shape.channels / groups)
            }
            _ => 0,
        };
        let before = layers.last().map_or(INPUT.to_owned(), |layer: &Layer| layer.name.clone());
        layers.push(Layer { name: format!("l{index}"), inputs: vec![before], op });
        if let Some(expected) = &mut expected {
            expected.push((output, macs as u64));
        }
        // Behind a window that does not fit the shape is of no account.
        shape = output;
    }
    let before = layers.last().map_or(INPUT.to_owned(), |layer| layer.name.clone());
    layers.push(Layer { name: "flat".into(), inputs: vec![before], op: Op::Flatten });
    let weights = if codes {
        WeightFormat::Codebook { codebook: Codebook::Binary, granularity: Granularity::Layer }
    } else {
        WeightFormat::Float
    };
    let linear = Linear { outputs: classes, weights, bias: Bias::PerFilter };
    layers.push(Layer { name: "fc".into(), inputs: vec!["flat".into()], op: Op::Linear(linear) });
    if let Some(expected) = &mut expected {
        expected.push((Shape::vector(shape.len()), 0));
        expected.push((Shape::vector(classes), (shape.len() * classes) as u64));
    }
    (Network { name: "chain".into(), input, layers }, expected)
}

fn chain() -> impl Strategy<Value = (Shape, Vec<Drawn>, usize)> {
    let input =
        (1usize..14, 1usize..14, 1usize..4).prop_map(|(height, width, channels)| Shape::new(height, width, channels));
    (input, prop::collection::vec(drawn(), 0..6), 1usize..5)
}

proptest! {
    #[test]
    fn windows_are_as_many_as_fit(size in 1usize..40, window in window()) {
        let [top, bottom] = [window.padding.top, window.padding.bottom];
        let count = laid(size, top, bottom, window.kernel[0], window.stride[0]);
        match window.output(size, 40) {
            Ok([rows, _]) => prop_assert_eq!(rows, count),
            Err(error) => prop_assert!(count == 0, "{count} windows fit, but {error}"),
        }
    }

    /// ⌈size / stride⌉ windows, whose last one reaches the last pixel, with the odd pixel of padding at the end.
    #[test]
    fn same_padding_keeps_the_size(size in 1usize..40, kernel in 1usize..6, stride in 1usize..4) {
        let Padding { top, bottom, .. } = Padding::same(size, size, [kernel; 2], [stride; 2]);
        prop_assert!(top == bottom || top + 1 == bottom);
        prop_assert_eq!(laid(size, top, bottom, kernel, stride), size.div_ceil(stride));
        let end = (size.div_ceil(stride) - 1) * stride + kernel;
        prop_assert!(end == top + size + bottom || top + bottom == 0 && end <= size);
    }

    /// Sizes that no machine has: an error, or an answer that division confirms, and never an overflow.
    #[test]
    fn absurd_windows_do_not_overflow(
        size in any::<usize>(),
        kernel in any::<usize>(),
        stride in any::<usize>(),
        sides in any::<[usize; 2]>(),
    ) {
        let padding = Padding { top: sides[0], bottom: sides[1], ..Padding::NONE };
        let window = Window { kernel: [kernel, 1], stride: [stride, 1], padding };
        if let Ok([rows, columns]) = window.output(size, 1) {
            let room = sides[0] as u128 + sides[1] as u128 + size as u128 - kernel as u128;
            prop_assert_eq!((rows as u128, columns), (room / stride as u128 + 1, 1));
        }
    }

    #[test]
    fn chains_have_the_shapes_that_counting_gives((input, chain, classes) in chain(), seed in any::<u64>()) {
        let (network, expected) = counted(input, &chain, classes);
        let resolved = match (network.resolve(), expected) {
            (Ok(resolved), Some(expected)) => {
                let found: Vec<_> = resolved.layers.iter().map(|layer| (layer.output, layer.macs())).collect();
                prop_assert_eq!(found, expected);
                resolved
            }
            (Err(_), None) => return Ok(()),
            (resolved, expected) => return Err(TestCaseError::fail(format!("{resolved:?}, counted {expected:?}"))),
        };
        // Each limit is exact: the network's own size passes, one less does not.
        let macs = resolved.macs();
        let within = |macs, layers| {
            network.resolve_within(&ModelLimits { macs, layers, ..ModelLimits::DEFAULT }).is_ok()
        };
        let layers = network.layers.len();
        prop_assert!(within(macs, layers));
        prop_assert!(!within(macs - 1, layers) && !within(macs, layers - 1));
        // And the reference executor fills these shapes.
        let model = Model::random(network, seed).unwrap();
        let picture: Vec<f32> = (0..input.len()).map(|index| (index % 7) as f32 / 6.0).collect();
        prop_assert_eq!(reference::logits(&model, &picture).unwrap().len(), classes);
    }
}
