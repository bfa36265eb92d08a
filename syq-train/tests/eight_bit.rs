//! Layers with 8-bit weights and signed activation codes: the forward pass against the reference by
//! `==`, and the straight-through gradients against central differences of a float network that
//! computes with what the codes stand for.

#![allow(clippy::print_stderr, reason = "a test tells what it skipped")]

mod common;

use common::{CLASSES, build, conv, linear, network, quantize};
use syq_core::{ActivationRange, BitWidth, Codebook, Granularity, Levels, Shape};
use syq_pack::network::{INPUT, Op, WeightFormat};
use syq_pack::reference::{logits, trace};
use syq_pack::{LayerParameters, Model, Network};
use syq_train::graph::Graph;
use syq_train::kernels::{Isa, Precision};
use syq_train::layers::{CrossEntropy, Objective, Statistics};
use syq_train::optim::Group;
use syq_train::parallel::Workers;
use syq_train::rng::{Purpose, Random};

const BATCH: usize = 3;
const LABELS: [u32; BATCH] = [0, 3, 1];
const INPUT_SHAPE: Shape = Shape::new(6, 5, 3);
const OBJECTIVE: CrossEntropy = CrossEntropy { label_smoothing: 0.1 };

fn images() -> Vec<f32> {
    let mut random = Random::new(5, Purpose::Test, 1, 1);
    (0..BATCH * INPUT_SHAPE.len()).map(|_| random.normal()).collect()
}

fn model(graph: &Graph) -> Model {
    let labels = (0..CLASSES).map(|class| class.to_string()).collect();
    Model::new(graph.network().clone(), graph.export().unwrap(), labels).unwrap()
}

/// The values of the parameter called `name`.
fn values<'a>(graph: &'a mut Graph, name: &str) -> &'a mut Vec<f32> {
    &mut graph.parameters_mut().iter_mut().find(|parameter| parameter.name == name).unwrap().values
}

fn gradient(graph: &Graph, name: &str) -> Vec<f32> {
    graph.parameters().iter().find(|parameter| parameter.name == name).unwrap().gradient.to_vec()
}

#[test]
fn the_forward_pass_is_that_of_the_exported_model_bit_for_bit() {
    let (eight, learned) = (WeightFormat::EightBit, ActivationRange::Learned);
    let coded = WeightFormat::Codebook { codebook: Codebook::Ternary, granularity: Granularity::Pixel };
    // No batch norm: in training it normalises by the batch.
    let network = network(
        INPUT_SHAPE,
        &[
            ("picture", &[INPUT], quantize(BitWidth::Eight, ActivationRange::Symmetric(2.0))),
            ("c1", &["picture"], conv(18, 3, 2, 1, eight)),
            ("q2", &["c1"], quantize(BitWidth::Eight, learned)),
            ("c2", &["q2"], conv(4, 1, 1, 2, eight)),
            ("q3", &["c1"], quantize(BitWidth::Two, learned)),
            ("c3", &["q3"], conv(4, 3, 1, 1, coded)),
            ("a", &["c2", "c3"], Op::Add),
            ("q4", &["a"], quantize(BitWidth::Eight, learned)),
            ("f", &["q4"], Op::Flatten),
            ("l", &["f"], linear(eight)),
        ],
    );
    let images = images();
    let all = Isa::ALL.into_iter().flat_map(|isa| [(isa, Precision::F32), (isa, Precision::Bf16)]);
    for (isa, precision) in all {
        if !isa.is_available() || isa.check(precision).is_err() {
            eprintln!("skipped: this machine has no {} with {precision:?}", isa.name());
            continue;
        }
        for threads in [1, 2] {
            let workers = Workers::new(threads).unwrap();
            let mut graph = build(&network, isa, precision);
            for _ in 0..4 {
                graph.step(&workers, &images, &LABELS, &OBJECTIVE).unwrap();
                for parameter in graph.parameters_mut() {
                    let rate = if parameter.group == Group::Step { 1e-3 } else { 0.05 };
                    let values = parameter.values.iter_mut().zip(parameter.gradient.iter());
                    values.for_each(|(value, gradient)| *value -= rate * gradient);
                }
            }
            let found = graph.logits(&workers, &images, BATCH, Statistics::Batch).unwrap();
            let model = model(&graph);
            assert!(matches!(model.parameters["c1"], LayerParameters::EightBit { .. }));
            for (image, found) in images.chunks_exact(INPUT_SHAPE.len()).zip(found.chunks_exact(CLASSES)) {
                assert_eq!(logits(&model, image).unwrap(), found, "{isa:?} {precision:?}");
            }
        }
    }
}

/// What stands behind the layer `c`.
const REST: [(&str, &[&str], Op); 3] =
    [("b", &["c"], Op::BatchNorm), ("r", &["b"], Op::Relu), ("f", &["r"], Op::Flatten)];

/// What makes the input of the quantizer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Before {
    Weights,
    /// A batch norm, which is done by the convolutions around it.
    BatchNorm,
}

/// The network whose gradients are checked.
fn quantized(before: Before, range: ActivationRange, weights: WeightFormat) -> Network {
    let mut layers: Vec<(&str, &[&str], Op)> = vec![("p", &[INPUT], conv(6, 1, 1, 1, WeightFormat::Float))];
    let quantize = quantize(BitWidth::Eight, range);
    match before {
        Before::Weights => layers.push(("q", &["p"], quantize)),
        Before::BatchNorm => layers.extend([("n", &["p"][..], Op::BatchNorm), ("q", &["n"], quantize)]),
    }
    layers.push(("c", &["q"], conv(4, 3, 2, 2, weights)));
    layers.extend(REST);
    layers.push(("l", &["f"], linear(WeightFormat::Float)));
    network(INPUT_SHAPE, &layers)
}

/// The same from layer `c` on, in floats.
fn float_twin() -> Network {
    let mut layers: Vec<(&str, &[&str], Op)> = vec![("c", &[INPUT], conv(4, 3, 2, 2, WeightFormat::Float))];
    layers.extend(REST);
    layers.push(("l", &["f"], linear(WeightFormat::Float)));
    network(Shape::new(INPUT_SHAPE.height, INPUT_SHAPE.width, 6), &layers)
}

/// For the whole batch: what is quantized, and what the codes stand for; and the quantizer's levels.
fn before_and_after(model: &Model) -> (Vec<f32>, Vec<f32>, Levels) {
    let view = model.view().unwrap();
    let quantizer = view.layers.iter().position(|layer| layer.layer.name == "q").unwrap();
    let levels = view.layers[quantizer].output_levels.unwrap();
    let (mut h, mut x) = (Vec::new(), Vec::new());
    for image in images().chunks_exact(INPUT_SHAPE.len()) {
        let outputs = trace(&view, image).unwrap();
        h.extend_from_slice(outputs[quantizer - 1].floats().unwrap());
        x.extend(outputs[quantizer].codes().unwrap().iter().map(|code| levels.value(*code)));
    }
    (h, x, levels)
}

/// How the values behind the quantizer change with element `index` of the parameter `name` before it,
/// straight-through: as those in front of it, where they are in range.
fn direction(name: &str, index: usize, h: &[f32], levels: Levels) -> Vec<f32> {
    let images = images();
    let mut direction = vec![0.0; h.len()];
    for (pixel, direction) in direction.chunks_exact_mut(6).enumerate() {
        let filter = if name == "p.weight" { index / 3 } else { index };
        let h = h[pixel * 6 + filter];
        let change = match name {
            "p.weight" => images[pixel * 3 + index % 3],
            "n.beta" => 1.0,
            // γ is 1 and β is 0: h is what was normalised.
            _ => h,
        };
        direction[filter] = levels.input_gradient(h, change);
    }
    direction
}

fn loss(graph: &mut Graph, workers: &Workers, images: &[f32]) -> f64 {
    let logits = graph.logits(workers, images, BATCH, Statistics::Batch).unwrap();
    OBJECTIVE.measure(&logits, &LABELS, &mut vec![0.0; logits.len()]).mean()
}

/// The derivative of the loss along `direction`; `None` where a ReLU switches nearby.
fn derivative(graph: &mut Graph, workers: &Workers, at: &[f32], direction: &[f32]) -> Option<f64> {
    let length = direction.iter().map(|d| f64::from(*d).powi(2)).sum::<f64>().sqrt().max(1.0);
    let mut difference = |width: f64| {
        let delta = width / length;
        let [above, below] = [delta, -delta].map(|delta| {
            let moved: Vec<f32> = at.iter().zip(direction).map(|(x, d)| x + delta as f32 * d).collect();
            loss(graph, workers, &moved)
        });
        (above - below) / (2.0 * delta)
    };
    let [narrow, wide] = [difference(2e-3), difference(4e-3)];
    ((narrow - wide).abs() < 1e-3 * (0.3 + narrow.abs())).then_some(narrow)
}

/// Checks the gradients of the weights behind the quantizer, of what is before it, and of its step.
fn check(before: Before, range: ActivationRange, weights: WeightFormat) {
    let what = format!("{before:?} {range:?} {weights:?}");
    let workers = Workers::new(1).unwrap();
    let mut graph = build(&quantized(before, range, weights), Isa::detect(), Precision::F32);
    graph.set_decay(Some(0.0));
    if range == ActivationRange::Learned {
        // Values up to 1.5: some are above and about half are below the range.
        values(&mut graph, "q.step")[0] = 1.5 / 255.0;
    }
    let measured = graph.step(&workers, &images(), &LABELS, &OBJECTIVE).unwrap().mean();
    // The exported batch norm has to be that of the batch, whose variance is the biased one.
    let mut state = graph.state();
    if let Some(variance) = state.get_mut("n.running_variance") {
        let count = (BATCH * INPUT_SHAPE.height * INPUT_SHAPE.width) as f32;
        variance.iter_mut().for_each(|variance| *variance *= (count - 1.0) / count);
    }
    graph.restore(&state).unwrap();
    let model = model(&graph);
    let (h, x, levels) = before_and_after(&model);
    let mut twin = build(&float_twin(), Isa::detect(), Precision::F32);
    for name in ["b.gamma", "b.beta", "l.weight", "l.bias", "c.weight"] {
        let value = values(&mut graph, name).clone();
        values(&mut twin, name).copy_from_slice(&value);
    }
    if let LayerParameters::EightBit { codes, scales, .. } = &model.parameters["c"] {
        let filter = codes.len() / scales.len();
        let dequantized = codes.iter().enumerate().map(|(index, code)| f32::from(*code) * scales[index / filter]);
        *values(&mut twin, "c.weight") = dequantized.collect();
    }
    let float = twin.step(&workers, &x, &LABELS, &OBJECTIVE).unwrap().mean();
    assert!((measured - float).abs() < 1e-5, "{what}: loss {measured}, of the twin {float}");
    for name in ["c.weight", "b.gamma", "l.weight"] {
        let (found, expected) = (gradient(&graph, name), gradient(&twin, name));
        let largest = expected.iter().fold(0.0f32, |largest, g| largest.max(g.abs()));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-4 * largest, "{what}, {name}: {found} instead of {expected}");
        }
    }
    let outside = h.iter().filter(|h| levels.input_gradient(**h, 1.0) == 0.0).count();
    assert!(outside > 10 && outside < h.len() - 10, "{what}: {outside} of {} are out of range", h.len());
    let parameters: &[&str] = if before == Before::Weights { &["p.weight"] } else { &["n.beta", "n.gamma"] };
    let (mut checked, mut all) = (0, 0);
    for name in parameters {
        for (index, found) in gradient(&graph, name).iter().enumerate() {
            all += 1;
            let direction = direction(name, index, &h, levels);
            let Some(expected) = derivative(&mut twin, &workers, &x, &direction) else { continue };
            let found = f64::from(*found);
            let close = (found - expected).abs() < 4e-3 * (0.3 + expected.abs());
            assert!(close, "{what}, {name}[{index}]: {found} instead of {expected}");
            checked += 1;
        }
    }
    assert!(checked > all / 2, "{what}: only {checked} of {all} gradients could be checked");
    if range == ActivationRange::Learned {
        let direction: Vec<f32> = h.iter().map(|h| levels.step_gradient(*h)).collect();
        let expected = derivative(&mut twin, &workers, &x, &direction).unwrap();
        let found = f64::from(gradient(&graph, "q.step")[0]) * (h.len() as f64 * 255.0).sqrt();
        assert!((found - expected).abs() < 1e-2 * expected.abs(), "{what}: step {found} instead of {expected}");
    }
}

#[test]
fn gradients_are_straight_through() {
    for range in [ActivationRange::Symmetric(1.5), ActivationRange::Learned, ActivationRange::Unit] {
        for weights in [WeightFormat::EightBit, WeightFormat::Float] {
            for before in [Before::Weights, Before::BatchNorm] {
                check(before, range, weights);
            }
        }
    }
}
