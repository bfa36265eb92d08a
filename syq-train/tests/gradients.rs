//! Gradient checks: every layer's backward pass against central differences of the loss.

mod common;

use common::{build, conv};
use syq_core::{ActivationQuantizer, ActivationRange, BitWidth, Codebook, Granularity, Padding, Shape, Window};
use syq_pack::Network;
use syq_pack::network::{Bias, Conv, INPUT, Linear, Op, WeightFormat};
use syq_train::graph::Graph;
use syq_train::kernels::{Isa, Precision};
use syq_train::layers::{CrossEntropy, Objective, Statistics};
use syq_train::optim::Group;
use syq_train::parallel::Workers;
use syq_train::rng::{Purpose, Random};

const BATCH: usize = 3;

/// As [`common::network`], on small pictures.
fn network(layers: &[(&str, &[&str], Op)]) -> Network {
    common::network(Shape::new(6, 5, 3), layers)
}

fn linear() -> Op {
    common::linear(WeightFormat::Float)
}

fn graph(network: &Network) -> Graph {
    let mut graph = build(network, Isa::Portable, Precision::F32);
    // γ = 1 and β = 0 would hide mistakes in either.
    let mut random = Random::new(3, Purpose::Test, 9, 9);
    for parameter in graph.parameters_mut() {
        if matches!(parameter.group, Group::BatchNorm | Group::Bias) {
            parameter.values.iter_mut().for_each(|v| *v += 0.3 * random.normal());
        }
    }
    graph
}

fn batch() -> (Vec<f32>, Vec<u32>) {
    let mut random = Random::new(5, Purpose::Test, 1, 1);
    let images = (0..BATCH * 6 * 5 * 3).map(|_| random.normal()).collect();
    (images, vec![0, 3, 1])
}

fn loss(graph: &mut Graph, workers: &Workers) -> f64 {
    let (images, labels) = batch();
    let logits = graph.logits(workers, &images, BATCH, Statistics::Batch).unwrap();
    CrossEntropy { label_smoothing: 0.1 }.measure(&logits, &labels, &mut vec![0.0; logits.len()]).mean()
}

/// Compares every parameter's gradient (up to 40 of a tensor) with central differences.
fn check(network: &Network, kinds: &[Group]) {
    let workers = Workers::new(1).unwrap();
    let mut graph = graph(network);
    let (images, labels) = batch();
    graph.step(&workers, &images, &labels, &CrossEntropy { label_smoothing: 0.1 }).unwrap();
    let analytic: Vec<Vec<f32>> = graph.parameters().iter().map(|p| p.gradient.to_vec()).collect();
    let mut checked = 0;
    for (index, analytic) in analytic.iter().enumerate() {
        if !kinds.contains(&graph.parameters()[index].group) {
            continue;
        }
        let name = graph.parameters()[index].name.clone();
        let len = analytic.len();
        let norm = analytic.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
        for i in (0..len).step_by(len.div_ceil(40)) {
            let mut at = |delta: f32| {
                let old = graph.parameters()[index].values[i];
                graph.parameters_mut()[index].values[i] = old + delta;
                let loss = loss(&mut graph, &workers);
                graph.parameters_mut()[index].values[i] = old;
                loss
            };
            // Two widths: where they disagree a ReLU or a maximum switched between them.
            let numeric = (at(1e-3) - at(-1e-3)) / 2e-3;
            let wider = (at(2e-3) - at(-2e-3)) / 4e-3;
            if (numeric - wider).abs() > 4e-4 * (1.0 + norm) {
                continue;
            }
            let found = f64::from(analytic[i]);
            assert!((numeric - found).abs() < 3e-3 * (0.3 + norm), "{name}[{i}]: {found}, difference {numeric}");
            checked += 1;
        }
    }
    assert!(checked > 10, "only {checked} gradients could be checked");
}

const ALL: [Group; 4] = [Group::Weight, Group::Linear, Group::BatchNorm, Group::Bias];

#[test]
fn convolution_batch_norm_relu_and_linear() {
    check(
        &network(&[
            ("c", &[INPUT], conv(4, 3, 2, 1, WeightFormat::Float)),
            ("b", &["c"], Op::BatchNorm),
            ("r", &["b"], Op::Relu),
            ("f", &["r"], Op::Flatten),
            ("l", &["f"], linear()),
        ]),
        &ALL,
    );
}

#[test]
fn residual_add_fused_and_alone() {
    let float = WeightFormat::Float;
    check(
        &network(&[
            ("c1", &[INPUT], conv(4, 3, 1, 1, float)),
            ("b1", &["c1"], Op::BatchNorm),
            ("r1", &["b1"], Op::Relu),
            ("c2", &["r1"], conv(4, 3, 1, 2, float)),
            ("b2", &["c2"], Op::BatchNorm),
            ("a2", &["b2", "r1"], Op::Add),
            ("r2", &["a2"], Op::Relu),
            ("c3", &["r2"], conv(4, 1, 1, 1, float)),
            ("a3", &["c3", "r2"], Op::Add),
            ("r3", &["a3"], Op::Relu),
            ("g", &["r3"], Op::GlobalAveragePool),
            ("l", &["g"], linear()),
        ]),
        &ALL,
    );
}

#[test]
fn a_shortcut_with_its_own_batch_norm() {
    let float = WeightFormat::Float;
    check(
        &network(&[
            ("c1", &[INPUT], conv(4, 3, 1, 1, float)),
            ("b1", &["c1"], Op::BatchNorm),
            ("r1", &["b1"], Op::Relu),
            ("c2", &["r1"], conv(6, 3, 2, 1, float)),
            ("b2", &["c2"], Op::BatchNorm),
            ("s", &["r1"], conv(6, 1, 2, 1, float)),
            ("bs", &["s"], Op::BatchNorm),
            ("a", &["b2", "bs"], Op::Add),
            ("r", &["a"], Op::Relu),
            ("g", &["r"], Op::GlobalAveragePool),
            ("l", &["g"], linear()),
        ]),
        &ALL,
    );
}

#[test]
fn max_and_average_pooling() {
    let same = Window::square(3, 2, Padding::same(6, 5, [3, 3], [2, 2]));
    check(
        &network(&[
            ("c", &[INPUT], conv(5, 3, 1, 1, WeightFormat::Float)),
            ("m", &["c"], Op::MaxPool(same)),
            ("b", &["m"], Op::BatchNorm),
            ("p", &["b"], Op::AveragePool(Window::square(2, 1, Padding::uniform(1)))),
            ("f", &["p"], Op::Flatten),
            ("l", &["f"], linear()),
        ]),
        &ALL,
    );
}

/// `op` with a bias.
fn biased(op: Op) -> Op {
    match op {
        Op::Conv(conv) => Op::Conv(Conv { bias: Bias::PerFilter, ..conv }),
        other => other,
    }
}

/// As in AlexNet and VGG: a bias, then pooling and ReLU; the last convolution's has a batch norm behind it.
#[test]
fn biases_of_hidden_convolutions() {
    let float = WeightFormat::Float;
    check(
        &network(&[
            ("c1", &[INPUT], biased(conv(4, 3, 1, 1, float))),
            ("m1", &["c1"], Op::MaxPool(Window::square(2, 1, Padding::NONE))),
            ("r1", &["m1"], Op::Relu),
            ("c2", &["r1"], biased(conv(6, 3, 1, 2, float))),
            ("r2", &["c2"], Op::Relu),
            ("c3", &["r2"], biased(conv(4, 3, 2, 1, float))),
            ("b3", &["c3"], Op::BatchNorm),
            ("r3", &["b3"], Op::Relu),
            ("f", &["r3"], Op::Flatten),
            ("h", &["f"], Op::Linear(Linear { outputs: 7, weights: float, bias: Bias::PerFilter })),
            ("rh", &["h"], Op::Relu),
            ("l", &["rh"], linear()),
        ]),
        &ALL,
    );
}

/// The bias of a layer with a codebook, or of an integer one, that reads codes: the loss is smooth in it.
#[test]
fn biases_of_quantized_layers() {
    let codebook = |granularity| WeightFormat::Codebook { codebook: Codebook::Ternary, granularity };
    let quantize = || Op::Quantize(ActivationQuantizer { bits: BitWidth::Two, range: ActivationRange::Unit });
    for weights in [codebook(Granularity::Pixel), WeightFormat::EightBit] {
        let linear_weights = if weights == WeightFormat::EightBit { weights } else { codebook(Granularity::Layer) };
        check(
            &network(&[
                ("q", &[INPUT], quantize()),
                ("c", &["q"], biased(conv(8, 3, 2, 1, weights))),
                ("r", &["c"], Op::Relu),
                ("f", &["r"], Op::Flatten),
                ("l", &["f"], linear()),
            ]),
            &[Group::Scale, Group::Bias],
        );
        check(
            &network(&[
                ("f", &[INPUT], Op::Flatten),
                ("q", &["f"], quantize()),
                ("h", &["q"], Op::Linear(Linear { outputs: 9, weights: linear_weights, bias: Bias::PerFilter })),
                ("r", &["h"], Op::Relu),
                ("l", &["r"], linear()),
            ]),
            &[Group::Scale, Group::Bias],
        );
    }
}

#[test]
fn scales_of_quantized_layers() {
    // The loss is smooth in α, in what follows it and in nothing before a quantizer.
    for (codebook, bits) in [(Codebook::Binary, BitWidth::Two), (Codebook::Ternary, BitWidth::Eight)] {
        for granularity in Granularity::ALL {
            let range = ActivationRange::Unit;
            check(
                &network(&[
                    ("q", &[INPUT], Op::Quantize(ActivationQuantizer { bits, range })),
                    ("c", &["q"], conv(4, 3, 2, 1, WeightFormat::Codebook { codebook, granularity })),
                    ("b", &["c"], Op::BatchNorm),
                    ("r", &["b"], Op::Relu),
                    ("f", &["r"], Op::Flatten),
                    ("l", &["f"], linear()),
                ]),
                &[Group::Scale, Group::BatchNorm, Group::Bias],
            );
        }
    }
}
