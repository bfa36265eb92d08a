//! Random models are sane, and the reference executor follows the numeric contract.

use syq_core::reference::float_convolution;
use syq_core::{ActivationQuantizer, ActivationRange, BitWidth, Codebook, Granularity, Padding, Shape, Window};
use syq_pack::model::ParameterError;
use syq_pack::network::{Bias, Conv, INPUT, Layer, Linear, Op, WeightFormat};
use syq_pack::reference::{Tensor, logits, trace};
use syq_pack::zoo::{Architecture, FirstLast, Scheme};
use syq_pack::{Golden, LayerParameters, Model, ModelError, Network, PackedCodes, Parameters};

fn scheme(codebook: Codebook, bits: BitWidth, range: ActivationRange) -> Scheme {
    let activation = ActivationQuantizer { bits, range };
    Scheme::Quantized { codebook, granularity: Granularity::Pixel, activation, first_last: FirstLast::Float }
}

/// Pictures just large enough, so that the plain loops stay quick.
fn small(architecture: Architecture) -> usize {
    match architecture {
        Architecture::AlexNet => 68,
        Architecture::AlexNetTorchvision => 63,
        Architecture::VggSmall => 8,
        Architecture::ResNet20 => 12,
        _ => 32,
    }
}

#[test]
fn random_models_use_every_code_and_give_finite_logits() {
    let schemes = [
        scheme(Codebook::Ternary, BitWidth::Two, ActivationRange::Learned),
        scheme(Codebook::Binary, BitWidth::One, ActivationRange::Unit),
        scheme(Codebook::Ternary, BitWidth::Four, ActivationRange::FixedPoint(3)),
    ];
    for architecture in Architecture::ALL {
        for scheme in schemes {
            let network = architecture.build(scheme, small(architecture), 7);
            let model = Model::random(network.clone(), 1).unwrap();
            assert_eq!(model, Model::random(network.clone(), 1).unwrap());
            let view = model.view().unwrap();
            let outputs = trace(&view, &Golden::input(network.input, 3)).unwrap();
            for (layer, output) in view.layers.iter().zip(&outputs) {
                let name = format!("{} {}", network.name, layer.layer.name);
                match output {
                    Tensor::Float(values) => {
                        let largest = values.iter().fold(0.0f32, |max, x| max.max(x.abs()));
                        assert!(largest > 1e-3 && largest < 1e4, "{name}: {largest}");
                    }
                    Tensor::Codes(codes) => {
                        let largest = layer.output_levels.unwrap().largest;
                        assert!(codes.iter().all(|code| *code <= largest), "{name}");
                        let zeros = codes.iter().filter(|code| **code == 0).count() as f64 / codes.len() as f64;
                        assert!(zeros < 0.95, "{name}: {zeros} of the codes are zero");
                        let saturated = codes.iter().filter(|code| **code == largest).count() as f64;
                        assert!(saturated / (codes.len() as f64) < 0.95, "{name}: {saturated} codes are the largest");
                        let seen = (0..=largest).filter(|code| codes.contains(code)).count();
                        assert!(codes.len() < 2048 || seen == usize::from(largest) + 1, "{name}: {seen} codes seen");
                    }
                }
            }
            assert_eq!(outputs.last().unwrap().floats().unwrap().len(), 7);
        }
    }
}

#[test]
fn random_eight_bit_models_are_near_their_float_twins() {
    for architecture in Architecture::ALL {
        let Scheme::Quantized { codebook, granularity, activation, .. } =
            scheme(Codebook::Ternary, BitWidth::Four, ActivationRange::Learned)
        else {
            panic!()
        };
        let first_last = FirstLast::EIGHT_BIT;
        let scheme = Scheme::Quantized { codebook, granularity, activation, first_last };
        let network = architecture.build(scheme, small(architecture), 7);
        let model = Model::random(network.clone(), 1).unwrap();
        let view = model.view().unwrap();
        let outputs = trace(&view, &Golden::input(network.input, 3)).unwrap();
        for (index, layer) in view.layers.iter().enumerate() {
            let name = format!("{} {}", network.name, layer.layer.name);
            let (Some(LayerParameters::EightBit { codes, scales, bias }), Some(levels), Some(geometry)) =
                (layer.parameters, layer.input_levels, layer.resolved.geometry)
            else {
                continue;
            };
            let syq_pack::network::Source::Layer(source) = layer.resolved.inputs[0] else { panic!("{name}") };
            let input = outputs[source].codes().unwrap();
            let (smallest, largest) = (levels.smallest(), levels.largest);
            assert!(input.iter().all(|code| (smallest..=largest).contains(code)), "{name}");
            let ends = input.iter().filter(|code| **code == smallest || **code == largest).count();
            assert!(largest < 255 || ends * 10 < input.len() * 9, "{name}: {ends} of {} codes clipped", input.len());
            // The same layer in floats, up to rounding.
            let values: Vec<f32> = input.iter().map(|code| levels.value(*code)).collect();
            let filter = |index: usize| scales[index / geometry.filter_len()];
            let weights: Vec<f32> = codes.iter().enumerate().map(|(i, q)| filter(i) * f32::from(*q)).collect();
            let twin = float_convolution(&name, &geometry, &values, &weights).unwrap();
            let found = outputs[index].floats().unwrap();
            let spread = twin.iter().fold(0.0f32, |max, x| max.max(x.abs()));
            assert!(spread > 0.1, "{name}: {spread}");
            for (i, (found, twin)) in found.iter().zip(&twin).enumerate() {
                let bias = bias.as_ref().map_or(0.0, |bias| bias[i % bias.len()]);
                assert!((found - (twin + bias)).abs() < 1e-4 * spread, "{name}: {found} {twin} {bias}");
            }
        }
        assert!(outputs.last().unwrap().floats().unwrap().iter().all(|logit| logit.is_finite()));
    }
}

fn layer(name: &str, input: &str, op: Op) -> Layer {
    Layer { name: name.to_owned(), inputs: vec![input.to_owned()], op }
}

/// quantize → ternary 1×2 convolution with bias → quantize → max pool → flatten → float layer on codes.
fn by_hand() -> Model {
    let act = |range| Op::Quantize(ActivationQuantizer { bits: BitWidth::Two, range });
    let conv = Conv {
        filters: 1,
        window: Window { kernel: [1, 2], stride: [1, 1], padding: Padding::NONE },
        groups: 1,
        weights: WeightFormat::Codebook { codebook: Codebook::Ternary, granularity: Granularity::Pixel },
        bias: Bias::PerFilter,
    };
    let pool = Window { kernel: [1, 2], stride: [1, 2], padding: Padding::NONE };
    let linear = Linear { outputs: 2, weights: WeightFormat::Float, bias: Bias::PerFilter };
    let network = Network {
        name: "by hand".to_owned(),
        input: Shape::new(1, 5, 1),
        layers: vec![
            layer("a", INPUT, act(ActivationRange::Unit)),
            layer("c", "a", Op::Conv(conv)),
            layer("b", "c", act(ActivationRange::Learned)),
            layer("p", "b", Op::MaxPool(pool)),
            layer("f", "p", Op::Flatten),
            layer("fc", "f", Op::Linear(linear)),
        ],
    };
    let parameters = Parameters::from([
        ("b".to_owned(), LayerParameters::Step(0.5)),
        (
            "c".to_owned(),
            LayerParameters::Coded {
                codes: PackedCodes::pack(Codebook::Ternary, &[1, -1]).unwrap(),
                scales: vec![3.0, 1.5],
                bias: Some(vec![0.25]),
            },
        ),
        ("fc".to_owned(), LayerParameters::Float { weights: vec![1.0, -2.0, 0.5, 4.0], bias: Some(vec![0.125, 0.0]) }),
    ]);
    Model::new(network, parameters, vec!["x".to_owned(), "y".to_owned()]).unwrap()
}

#[test]
fn a_network_worked_out_by_hand() {
    let model = by_hand();
    let input = [0.0, 0.4, 1.2, 0.1, 0.6];
    let outputs = trace(&model.view().unwrap(), &input).unwrap();
    assert_eq!(outputs[0].codes().unwrap(), [0, 1, 3, 0, 2]);
    // z = (3/3)·u0 − (1.5/3)·u1 + 0.25
    assert_eq!(outputs[1].floats().unwrap(), [-0.25, -0.25, 3.25, -0.75]);
    assert_eq!(outputs[2].codes().unwrap(), [0, 0, 3, 0]);
    assert_eq!(outputs[3].codes().unwrap(), [0, 3]);
    assert_eq!(logits(&model, &input).unwrap(), [0.125 - 3.0, 6.0]);
    assert_eq!(logits(&model, &input[1..]), Err(ModelError::Input { found: 4, expected: Shape::new(1, 5, 1) }));
}

type Change<'a> = &'a dyn Fn(&mut Model);

#[test]
fn what_does_not_fit_is_named() {
    let kind = |change: Change<'_>| {
        let mut model = by_hand();
        change(&mut model);
        match model.check() {
            Err(ModelError::Layer { layer, kind }) => (layer, kind),
            other => panic!("{other:?}"),
        }
    };
    fn set(model: &mut Model, name: &str, parameters: LayerParameters) {
        model.parameters.insert(name.to_owned(), parameters);
    }
    let codes = |codebook, codes: &[i8]| LayerParameters::Coded {
        codes: PackedCodes::pack(codebook, codes).unwrap(),
        scales: vec![1.0, 1.0],
        bias: Some(vec![0.0]),
    };
    let changes: [(&str, Change<'_>); 12] = [
        ("c", &|m| drop(m.parameters.remove("c"))),
        ("b", &|m| drop(m.parameters.remove("b"))),
        ("zz", &|m| set(m, "zz", LayerParameters::Step(1.0))),
        ("p", &|m| set(m, "p", LayerParameters::Step(1.0))),
        ("a", &|m| set(m, "a", LayerParameters::Step(1.0))),
        ("b", &|m| set(m, "b", LayerParameters::Step(f32::NAN))),
        ("b", &|m| set(m, "b", LayerParameters::Step(-1.0))),
        ("c", &|m| set(m, "c", codes(Codebook::Binary, &[1, 1]))),
        ("c", &|m| set(m, "c", codes(Codebook::Ternary, &[1, 1, 0]))),
        ("fc", &|m| set(m, "fc", LayerParameters::Float { weights: vec![0.0; 4], bias: None })),
        ("fc", &|m| set(m, "fc", LayerParameters::Float { weights: vec![0.0; 3], bias: Some(vec![0.0; 2]) })),
        ("fc", &|m| {
            let weights = vec![0.0, f32::INFINITY, 0.0, 0.0];
            set(m, "fc", LayerParameters::Float { weights, bias: Some(vec![0.0; 2]) })
        }),
    ];
    for (name, change) in changes {
        assert_eq!(kind(change).0, name);
    }
    assert_eq!(
        kind(&|m| set(m, "c", codes(Codebook::Binary, &[1, 1]))).1,
        ParameterError::Codebook { found: "binary", expected: "ternary" }
    );
    let mut model = by_hand();
    model.labels.pop();
    assert_eq!(model.check(), Err(ModelError::Labels { found: 1, expected: 2 }));
    let mut model = by_hand();
    model.golden = Some(Golden::new(model.network.input, 1, &[0.0]));
    assert_eq!(model.check(), Err(ModelError::Golden { found: 1, expected: 2 }));
}
