//! The numeric contract: the same logits, bit for bit, as the reference executor, on every
//! instruction set that the machine has, for any number of threads and images at once.
#![allow(clippy::print_stderr, reason = "a skipped instruction set is said aloud")]

use syq_core::{ActivationQuantizer, ActivationRange, BitWidth, Codebook, Granularity, Padding, Shape, Window};
use syq_infer::{Isa, Session, SessionOptions};
use syq_pack::network::{Bias, Conv, INPUT, Layer, Linear, Network, Op, WeightFormat};
use syq_pack::random::SplitMix64;
use syq_pack::zoo::{Architecture, FirstLast, Scheme};
use syq_pack::{Model, reference};

const IMAGES: usize = 3;

/// What a session may be asked for: without the feature `threads` the calling thread alone.
const THREADS: &[usize] = if cfg!(feature = "threads") { &[1, 2, 3] } else { &[1] };

/// Every scheme: codebooks × granularities × bit widths, with the three kinds of range in turn.
fn schemes() -> Vec<Scheme> {
    let ranges = [ActivationRange::Learned, ActivationRange::Unit, ActivationRange::FixedPoint(1)];
    let mut schemes = Vec::new();
    for codebook in Codebook::ALL {
        for granularity in Granularity::ALL {
            for bits in BitWidth::ALL {
                let range = ranges[schemes.len() % ranges.len()];
                schemes.push(Scheme::Quantized {
                    codebook,
                    granularity,
                    activation: ActivationQuantizer { bits, range },
                    first_last: FirstLast::Float,
                });
            }
        }
    }
    schemes
}

fn isas() -> Vec<Isa> {
    let available = Isa::available();
    for isa in Isa::ALL {
        if !available.contains(&isa) {
            eprintln!("skipped: this machine has no {isa}");
        }
    }
    available
}

fn check(network: Network, seed: u64) {
    let name = network.name.clone();
    let model = Model::random(network, seed).unwrap();
    let mut random = SplitMix64::new(seed);
    let image = model.network.input.len();
    let input: Vec<f32> = (0..IMAGES * image).map(|_| random.uniform(-2.0, 2.0)).collect();
    let expected: Vec<u32> = input
        .chunks_exact(image)
        .flat_map(|input| reference::logits(&model, input).unwrap())
        .map(f32::to_bits)
        .collect();
    let classes = model.labels.len();
    assert!(expected[..classes] != expected[classes..2 * classes], "{name}: the logits do not depend on the input");
    for isa in isas() {
        for &threads in THREADS {
            let options = SessionOptions { threads, isa: Some(isa) };
            let mut session = Session::new(&model, options).unwrap();
            // All images at once, then one at a time, then a repetition in the used session.
            let at_once = session.run(&input).unwrap();
            let mut single = Vec::new();
            for input in input.chunks_exact(image) {
                single.extend(session.run(input).unwrap());
            }
            for (how, logits) in [("at once", at_once), ("one at a time", single)] {
                let bits: Vec<u32> = logits.iter().map(|x| x.to_bits()).collect();
                assert_eq!(bits, expected, "{name} on {isa}, {threads} threads, {how}");
            }
        }
    }
}

/// `scheme` with integer first, last and shortcut layers.
fn eight_bit(scheme: Scheme) -> Scheme {
    match scheme {
        Scheme::Quantized { codebook, granularity, activation, .. } => {
            Scheme::Quantized { codebook, granularity, activation, first_last: FirstLast::EIGHT_BIT }
        }
        Scheme::Float => Scheme::Float,
    }
}

/// Every scheme for the small networks; for the large ones each bit width with another codebook and
/// granularity.
fn check_architecture(architecture: Architecture, image: usize, every: usize) {
    check(architecture.build(Scheme::Float, image, 7), 1);
    for (index, scheme) in schemes().into_iter().enumerate().filter(|(index, _)| index % every == 0) {
        check(architecture.build(scheme, image, 7), index as u64 + 2);
    }
    // Integer layers do not depend on the codebook, but AlexNet's and VGG's last reads k-bit codes.
    for (index, scheme) in schemes().into_iter().enumerate().filter(|(index, _)| index % (2 * every + 5) == 1) {
        check(architecture.build(eight_bit(scheme), image, 7), index as u64 + 40);
    }
}

#[test]
fn resnet20() {
    check_architecture(Architecture::ResNet20, 16, 1);
}

#[test]
fn vgg_small() {
    check_architecture(Architecture::VggSmall, 8, 7);
}

#[test]
fn alexnet() {
    check_architecture(Architecture::AlexNet, 64, 11);
}

#[test]
fn resnet18() {
    check_architecture(Architecture::ResNet18, 32, 7);
}

/// At this size several threads share the filters of layers of four pixels.
#[test]
fn resnet18_with_many_weights_a_pixel() {
    let activation = ActivationQuantizer { bits: BitWidth::Eight, range: ActivationRange::Learned };
    let (codebook, granularity) = (Codebook::Ternary, Granularity::Pixel);
    let scheme = Scheme::Quantized { codebook, granularity, activation, first_last: FirstLast::EIGHT_BIT };
    check(Architecture::ResNet18.build(scheme, 64, 7), 71);
}

#[test]
fn resnet34() {
    check_architecture(Architecture::ResNet34, 32, 13);
}

#[test]
fn resnet50() {
    check_architecture(Architecture::ResNet50, 32, 11);
}

#[test]
fn torchvisions_alexnet() {
    check_architecture(Architecture::AlexNetTorchvision, 63, 13);
}

#[test]
fn vgg16() {
    check_architecture(Architecture::Vgg16, 32, 16);
}

#[test]
fn vgg16_with_batch_norm() {
    check_architecture(Architecture::Vgg16Bn, 32, 17);
}

/// Odd channel counts, strides, asymmetric padding and groups, and every operation that codes and
/// floats can meet in.
fn odd_network(codebook: Codebook, granularity: Granularity, activation: ActivationQuantizer) -> Network {
    let coded = WeightFormat::Codebook { codebook, granularity };
    let coded_linear = WeightFormat::Codebook { codebook, granularity: Granularity::Layer };
    let conv = |filters, window, groups, weights, bias| Op::Conv(Conv { filters, window, groups, weights, bias });
    let lopsided = Padding { top: 2, bottom: 0, left: 1, right: 2 };
    let wide = Window { kernel: [3, 5], stride: [2, 1], padding: lopsided };
    let layers: [(&str, &[&str], Op); 22] = [
        ("c0", &[INPUT], conv(21, Window::square(4, 1, lopsided), 3, WeightFormat::Float, Bias::PerFilter)),
        ("r0", &["c0"], Op::Relu),
        ("q0", &["r0"], Op::Quantize(activation)),
        ("m0", &["q0"], Op::MaxPool(Window::square(2, 1, Padding { top: 0, bottom: 1, left: 1, right: 0 }))),
        ("c1", &["m0"], conv(33, wide, 3, coded, Bias::PerFilter)),
        ("b1", &["c1"], Op::BatchNorm),
        // Two quantized readers and a float one of the same value.
        ("q1", &["b1"], Op::Quantize(activation)),
        ("c2", &["q1"], conv(33, Window::square(3, 1, Padding::uniform(1)), 1, coded, Bias::None)),
        ("c3", &["q1"], conv(33, Window::square(1, 1, Padding::NONE), 1, coded, Bias::None)),
        ("a1", &["c2", "c3"], Op::Add),
        ("a2", &["b1", "a1"], Op::Add),
        ("b2", &["a2"], Op::BatchNorm),
        ("r2", &["b2"], Op::Relu),
        ("p2", &["r2"], Op::AveragePool(Window::square(2, 2, Padding::NONE))),
        ("q2", &["p2"], Op::Quantize(activation)),
        ("f2", &["q2"], Op::Flatten),
        ("l2", &["f2"], Op::Linear(Linear { outputs: 37, weights: coded_linear, bias: Bias::PerFilter })),
        ("b3", &["l2"], Op::BatchNorm),
        ("q3", &["b3"], Op::Quantize(activation)),
        ("l3", &["q3"], Op::Linear(Linear { outputs: 40, weights: WeightFormat::Float, bias: Bias::None })),
        ("r3", &["l3"], Op::Relu),
        ("l4", &["r3"], Op::Linear(Linear { outputs: 5, weights: WeightFormat::Float, bias: Bias::PerFilter })),
    ];
    let layers = layers.map(|(name, inputs, op)| Layer {
        name: name.to_owned(),
        inputs: inputs.iter().map(|input| (*input).to_owned()).collect(),
        op,
    });
    Network { name: "odd".to_owned(), input: Shape::new(11, 9, 3), layers: layers.to_vec() }
}

#[test]
fn odd_shapes_in_every_scheme() {
    for (index, scheme) in schemes().into_iter().enumerate() {
        let Scheme::Quantized { codebook, granularity, activation, .. } = scheme else { continue };
        check(odd_network(codebook, granularity, activation), index as u64);
    }
}

/// Signed codes with padding, groups, max pooling and every reader that they may have, and 8-bit layers
/// on codes of `bits`.
fn odd_eight_bit_network(bits: BitWidth) -> Network {
    let conv = |filters, window, groups, bias| {
        Op::Conv(Conv { filters, window, groups, weights: WeightFormat::EightBit, bias })
    };
    let quantize = |bits, range| Op::Quantize(ActivationQuantizer { bits, range });
    let signed = quantize(BitWidth::Eight, ActivationRange::Symmetric(1.7));
    let lopsided = Padding { top: 2, bottom: 0, left: 1, right: 2 };
    let wide = Window { kernel: [3, 5], stride: [2, 1], padding: lopsided };
    let linear = |outputs, weights, bias| Op::Linear(Linear { outputs, weights, bias });
    let layers: [(&str, &[&str], Op); 22] = [
        ("q0", &[INPUT], signed.clone()),
        ("c0", &["q0"], conv(21, Window::square(4, 1, lopsided), 3, Bias::PerFilter)),
        // The same codes in another layout, pooled (the padding never wins), and as floats.
        ("m0", &["q0"], Op::MaxPool(Window::square(2, 1, Padding { top: 0, bottom: 1, left: 1, right: 0 }))),
        ("c1", &["m0"], conv(21, Window::square(3, 1, Padding::uniform(1)), 1, Bias::None)),
        ("a0", &["c0", "c1x"], Op::Add),
        ("b1", &["a0"], Op::BatchNorm),
        // Signed codes of a feature map, and k-bit ones of the same.
        ("q1", &["b1"], signed),
        ("c2", &["q1"], conv(33, wide, 3, Bias::PerFilter)),
        ("q2", &["b1"], quantize(bits, ActivationRange::Learned)),
        ("c3", &["q2"], conv(33, wide, 1, Bias::None)),
        ("a1", &["c2", "c3"], Op::Add),
        ("b2", &["a1"], Op::BatchNorm),
        ("r2", &["b2"], Op::Relu),
        ("q3", &["r2"], quantize(bits, ActivationRange::Unit)),
        ("m3", &["q3"], Op::MaxPool(Window::square(3, 2, Padding::uniform(1)))),
        ("f3", &["m3"], Op::Flatten),
        ("l3", &["f3"], linear(37, WeightFormat::EightBit, Bias::PerFilter)),
        ("q4", &["l3"], quantize(BitWidth::Eight, ActivationRange::Symmetric(2.0))),
        ("l4", &["q4"], linear(19, WeightFormat::Float, Bias::None)),
        ("l5", &["q4"], linear(19, WeightFormat::EightBit, Bias::PerFilter)),
        ("a5", &["l4", "l5"], Op::Add),
        ("l6", &["a5"], linear(5, WeightFormat::Float, Bias::PerFilter)),
    ];
    let mut layers: Vec<Layer> = layers
        .map(|(name, inputs, op)| Layer {
            name: name.to_owned(),
            inputs: inputs.iter().map(|input| (*input).to_owned()).collect(),
            op,
        })
        .to_vec();
    // c0 gives 10×9 pixels, m0 and with it c1 11×9: one row less of the latter.
    let crop = Window { kernel: [2, 1], stride: [1, 1], padding: Padding::NONE };
    let crop = Layer { name: "c1x".to_owned(), inputs: vec!["c1".to_owned()], op: Op::AveragePool(crop) };
    layers.insert(4, crop);
    Network { name: format!("odd, 8-bit on {} bits", bits.bits()), input: Shape::new(11, 9, 3), layers }
}

#[test]
fn odd_shapes_with_eight_bit_weights() {
    for (index, bits) in BitWidth::ALL.into_iter().enumerate() {
        check(odd_eight_bit_network(bits), index as u64);
    }
}

#[test]
fn a_picture_of_the_wrong_size_is_refused() {
    let model = Model::random(Architecture::ResNet20.build(Scheme::Float, 16, 7), 1).unwrap();
    let mut session = Session::new(&model, SessionOptions::default()).unwrap();
    for len in [0, 1, 16 * 16 * 3 - 1, 16 * 16 * 3 + 1] {
        assert!(session.run(&vec![0.0; len]).is_err(), "{len}");
    }
}
