//! Every known network learns, float and quantized, with float and with 8-bit first and last layers,
//! and the engine gives the exported model's logits as the reference does.

use std::collections::BTreeSet;
use syq_core::{
    ActivationQuantizer, ActivationRange, BitWidth, Codebook, Granularity, WeightGradient, WeightNormalization,
};
use syq_infer::{Session, SessionOptions};
use syq_pack::network::{Domain, WeightFormat};
use syq_pack::zoo::{Architecture, FirstLast, Scheme};
use syq_pack::{Golden, Model, reference};
use syq_train::graph::{BuildOptions, Graph, Tensors};
use syq_train::kernels::{Isa, Precision};
use syq_train::layers::{BatchNormSettings, CrossEntropy};
use syq_train::optim::{Adam, AdamOptions, Group, Optimizer, PerGroup};
use syq_train::parallel::Workers;
use syq_train::rng::{Purpose, Random};

const BATCH: usize = 4;

/// How a network learns its one batch.
#[derive(Clone, Copy)]
struct Course {
    rate: f32,
    steps: usize,
    /// The lowest mean of so many losses in a row, the last ones of a quiet course …
    together: usize,
    /// … must be below this part of the first.
    part: f64,
    /// What the scales are multiplied with at the start.
    scales: f32,
}

impl Course {
    fn of(architecture: Architecture, scheme: Scheme) -> Self {
        let quick = Self { rate: 1e-3, steps: 5, together: 1, part: 0.8, scales: 1.0 };
        match architecture {
            // The fully connected layers of 4096 outputs have no batch norm and jump at such a rate.
            Architecture::AlexNetTorchvision | Architecture::Vgg16 | Architecture::Vgg16Bn => {
                let slow = Self { rate: 3e-5, steps: 8, ..quick };
                match scheme {
                    Scheme::Float => slow,
                    // Scales of mean |W| make the activations smaller, a layer after the other; no batch norm makes up for
                    // it, and after 15 layers the pictures' logits do not differ any more.
                    _ if architecture == Architecture::Vgg16 => {
                        Self { steps: 16, together: 3, part: 0.9, scales: 1.5, ..slow }
                    }
                    _ => Self { rate: 1e-4, steps: 20, together: 3, ..slow },
                }
            }
            _ => quick,
        }
    }
}

/// Trains on one small batch from `start`, checks the losses and the exported model, and returns the state.
fn learns(architecture: Architecture, size: usize, scheme: Scheme, start: Option<&Tensors>) -> Tensors {
    let what = format!("{} {scheme:?}", architecture.name());
    let isa = Isa::detect();
    let precision = if isa.check(Precision::Bf16).is_ok() { Precision::Bf16 } else { Precision::F32 };
    let options = BuildOptions {
        precision,
        isa,
        eta: 0.05,
        weight_normalization: WeightNormalization::None,
        weight_gradient: WeightGradient::Syq,
        batch_norm: BatchNormSettings::default(),
        seed: 1,
    };
    let mut graph = Graph::new(&architecture.build(scheme, size, BATCH), options).unwrap();
    if let Some(start) = start {
        graph.start_from(start).unwrap();
    }
    let course = Course::of(architecture, scheme);
    for scales in graph.parameters_mut().iter_mut().filter(|p| p.group == Group::Scale) {
        scales.values.iter_mut().for_each(|scale| *scale *= course.scales);
    }
    let mut random = Random::new(2, Purpose::Test, 0, 0);
    let images: Vec<f32> = (0..BATCH * size * size * 3).map(|_| random.normal()).collect();
    let labels: Vec<u32> = (0..BATCH as u32).collect();
    let (weight_decay, multiplier) = (PerGroup::all(0.0), PerGroup::all(1.0));
    let mut adam = Adam::new(AdamOptions { betas: [0.9, 0.999], epsilon: 1e-5, weight_decay, multiplier });
    let workers = Workers::new(1).unwrap();
    let mut losses = Vec::new();
    for _ in 0..course.steps {
        losses.push(graph.step(&workers, &images, &labels, &CrossEntropy::default()).unwrap().mean());
        let mut parameters: Vec<_> = graph.parameters_mut().iter_mut().map(|p| p.for_optimizer()).collect();
        adam.step(&workers, course.rate, &mut parameters).unwrap();
    }
    // Without batch norm a course is jumpy, and the rounding of another instruction set decides where it stands at its end.
    let means = losses.windows(course.together).map(|some| some.iter().sum::<f64>() / some.len() as f64);
    let lowest = means.fold(f64::INFINITY, f64::min);
    assert!(lowest < course.part * losses[0], "{what}: losses {losses:?}");

    let labels = labels.iter().map(u32::to_string).collect();
    let model = Model::new(graph.network().clone(), graph.export().unwrap(), labels).unwrap();
    let input = Golden::input(model.network.input, 3);
    let found = Session::new(&model, SessionOptions { threads: 1, isa: None }).unwrap().run(&input).unwrap();
    let bits = |logits: &[f32]| logits.iter().map(|logit| logit.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&found), bits(&reference::logits(&model, &input).unwrap()), "{what}");
    graph.state()
}

/// The float network, and from it the quantized one in both forms.
fn check(architecture: Architecture, size: usize) {
    let float = learns(architecture, size, Scheme::Float, None);
    for first_last in [FirstLast::Float, FirstLast::EIGHT_BIT] {
        let activation = ActivationQuantizer { bits: BitWidth::Two, range: ActivationRange::Learned };
        let (codebook, granularity) = (Codebook::Ternary, Granularity::Pixel);
        let scheme = Scheme::Quantized { codebook, granularity, activation, first_last };
        learns(architecture, size, scheme, Some(&float));
    }
}

#[test]
fn resnet20() {
    check(Architecture::ResNet20, 20);
}

#[test]
fn vgg_small() {
    check(Architecture::VggSmall, 16);
}

#[test]
fn alexnet() {
    check(Architecture::AlexNet, 64);
}

#[test]
fn resnet18() {
    check(Architecture::ResNet18, 48);
}

#[test]
fn resnet34() {
    check(Architecture::ResNet34, 48);
}

#[test]
fn resnet50() {
    check(Architecture::ResNet50, 48);
}

#[test]
fn torchvisions_alexnet() {
    check(Architecture::AlexNetTorchvision, 63);
}

#[test]
fn vgg16() {
    check(Architecture::Vgg16, 32);
}

#[test]
fn vgg16_with_batch_norm() {
    check(Architecture::Vgg16Bn, 32);
}

/// Where an f32 sum of integers might not be exact, whatever the input: the layers that the
/// documentation names.
#[test]
fn sums_of_8_bit_layers_that_could_be_rounded() {
    let mut long = BTreeSet::new();
    for architecture in Architecture::ALL {
        for bits in BitWidth::ALL {
            let activation = ActivationQuantizer { bits, range: ActivationRange::Learned };
            let (codebook, granularity, first_last) = (Codebook::Binary, Granularity::Layer, FirstLast::EIGHT_BIT);
            let scheme = Scheme::Quantized { codebook, granularity, activation, first_last };
            let network = architecture.build(scheme, architecture.image(), architecture.classes());
            let resolved = network.resolve().unwrap();
            for (layer, place) in network.layers.iter().zip(&resolved.layers) {
                let (Some(WeightFormat::EightBit), Domain::Codes { quantizer, .. }) =
                    (layer.op.weights(), place.input_domain)
                else {
                    continue;
                };
                let largest = usize::from(quantizer.bits.largest() - quantizer.zero());
                if place.geometry.unwrap().filter_len() * 127 * largest >= 1 << 24 {
                    long.insert((architecture.name(), layer.name.clone(), bits.bits()));
                }
            }
        }
    }
    let always = [1, 2, 3, 4, 8]
        .into_iter()
        .flat_map(|bits| ["layer4.0.downsample.0", "fc"].map(|layer| ("resnet50", layer.to_owned(), bits)));
    let others = [
        ("alexnet", "fct"),
        ("vgg-small", "fc"),
        ("alexnet-torchvision", "classifier.6"),
        ("vgg16", "classifier.6"),
        ("vgg16-bn", "classifier.6"),
    ];
    let others = others.map(|(network, layer)| (network, layer.to_owned(), 8));
    assert_eq!(long, always.chain(others).collect());
}
