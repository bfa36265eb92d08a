//! The known networks have the parameters and multiply-accumulates that the literature gives them.

use syq_core::{ActivationQuantizer, ActivationRange, BitWidth, Codebook, Granularity};
use syq_pack::network::{Bias, Network, Op, WeightFormat};
use syq_pack::zoo::{Architecture, FirstLast, Scheme};

const W2A2: Scheme = Scheme::Quantized {
    codebook: Codebook::Ternary,
    granularity: Granularity::Pixel,
    activation: ActivationQuantizer { bits: BitWidth::Two, range: ActivationRange::Learned },
    first_last: FirstLast::Float,
};

/// W2A2 with integer first, last and shortcut layers.
const W2A2_8: Scheme = match W2A2 {
    Scheme::Quantized { codebook, granularity, activation, .. } => {
        Scheme::Quantized { codebook, granularity, activation, first_last: FirstLast::EIGHT_BIT }
    }
    Scheme::Float => Scheme::Float,
};

fn build(architecture: Architecture, scheme: Scheme) -> Network {
    architecture.build(scheme, architecture.image(), architecture.classes())
}

/// Trainable parameters of the float network: weights, biases, two for each batch norm channel.
fn parameters(network: &Network) -> usize {
    let resolved = network.resolve().unwrap();
    network
        .layers
        .iter()
        .zip(&resolved.layers)
        .map(|(layer, r)| match &layer.op {
            Op::Conv(c) => r.geometry.unwrap().weights() + if c.bias == Bias::PerFilter { c.filters } else { 0 },
            Op::Linear(l) => r.geometry.unwrap().weights() + if l.bias == Bias::PerFilter { l.outputs } else { 0 },
            Op::BatchNorm => 2 * r.output.channels,
            _ => 0,
        })
        .sum()
}

#[test]
fn parameters_and_macs_are_the_literatures() {
    // torchvision's counts for the ImageNet networks, paper.md's for AlexNet.
    let expected = [
        (Architecture::ResNet18, 11_689_512, 1_814_073_344),
        (Architecture::ResNet34, 21_797_672, 3_663_761_408),
        (Architecture::ResNet50, 25_557_032, 4_089_184_256),
        (Architecture::AlexNetTorchvision, 61_100_840, 714_188_480),
        (Architecture::Vgg16, 138_357_544, 15_470_264_320),
        // Less the 4,224 biases in front of batch norms.
        (Architecture::Vgg16Bn, 138_365_992 - 4_224, 15_470_264_320),
    ];
    for (architecture, count, macs) in expected {
        for scheme in [Scheme::Float, W2A2, W2A2_8] {
            let network = build(architecture, scheme);
            assert_eq!(parameters(&network), count, "{}", network.name);
            assert_eq!(network.resolve().unwrap().macs(), macs, "{}", network.name);
        }
    }
    let alexnet = build(Architecture::AlexNet, W2A2);
    let macs = alexnet.resolve().unwrap().macs();
    assert_eq!(macs / 1_000_000, 1937);
    // The count of paper.md includes the 54 scales.
    assert_eq!(parameters(&alexnet) + 54, 60_981_278);
    let resnet20 = build(Architecture::ResNet20, Scheme::Float);
    assert_eq!(resnet20.resolve().unwrap().macs() / 1_000_000, 40);
}

#[test]
fn the_papers_alexnet_has_its_shapes_and_scales() {
    let network = build(Architecture::AlexNet, W2A2);
    let resolved = network.resolve().unwrap();
    let output = |name: &str| {
        let index = network.layers.iter().position(|layer| layer.name == name).unwrap();
        resolved.layers[index].output.to_string()
    };
    assert_eq!(
        ["conv0", "pool1", "pool2", "act3", "pool4", "flatten"].map(output),
        ["54×54×96", "27×27×256", "14×14×384", "14×14×384", "6×6×256", "1×1×9216"]
    );
    let mut scales = 0;
    let mut quantized = 0;
    for (layer, r) in network.layers.iter().zip(&resolved.layers) {
        if let Some(WeightFormat::Codebook { granularity, .. }) = layer.op.weights() {
            scales += granularity.subgroups(r.geometry.unwrap().window.kernel);
            quantized += r.macs();
        }
    }
    assert_eq!(scales, 54);
    assert_eq!((quantized as f64 / resolved.macs() as f64 * 1000.0).round(), 935.0);
}

/// As torchvision's `state_dict()` lists its layers, and their feature maps at 224 pixels.
#[test]
fn torchvisions_networks_have_its_names_and_shapes() {
    let layers = |architecture, wanted: fn(&Op) -> bool| {
        let network = build(architecture, Scheme::Float);
        let resolved = network.resolve().unwrap();
        let layers = network.layers.iter().zip(resolved.layers).filter(|(layer, _)| wanted(&layer.op));
        layers.map(|(layer, r)| format!("{} {}", layer.name, r.output)).collect::<Vec<_>>().join(", ")
    };
    let weighted = |op: &Op| op.weights().is_some();
    assert_eq!(
        layers(Architecture::AlexNetTorchvision, weighted),
        "features.0 55×55×64, features.3 27×27×192, features.6 13×13×384, features.8 13×13×256, \
         features.10 13×13×256, classifier.1 1×1×4096, classifier.4 1×1×4096, classifier.6 1×1×1000"
    );
    let relus = |op: &Op| matches!(op, Op::Relu);
    assert_eq!(
        layers(Architecture::AlexNetTorchvision, relus),
        "features.1 27×27×64, features.4 13×13×192, features.7 13×13×384, features.9 13×13×256, features.11 6×6×256, \
         classifier.2 1×1×4096, classifier.5 1×1×4096"
    );
    assert_eq!(
        layers(Architecture::Vgg16, weighted),
        "features.0 224×224×64, features.2 224×224×64, features.5 112×112×128, features.7 112×112×128, \
         features.10 56×56×256, features.12 56×56×256, features.14 56×56×256, features.17 28×28×512, \
         features.19 28×28×512, features.21 28×28×512, features.24 14×14×512, features.26 14×14×512, \
         features.28 14×14×512, classifier.0 1×1×4096, classifier.3 1×1×4096, classifier.6 1×1×1000"
    );
    let pools = |op: &Op| matches!(op, Op::MaxPool(_));
    assert_eq!(
        layers(Architecture::Vgg16, pools),
        "features.4 112×112×64, features.9 56×56×128, features.16 28×28×256, features.23 14×14×512, features.30 7×7×512"
    );
    let norms = |op: &Op| matches!(op, Op::BatchNorm);
    assert_eq!(
        layers(Architecture::Vgg16Bn, norms),
        "features.1 224×224×64, features.4 224×224×64, features.8 112×112×128, features.11 112×112×128, \
         features.15 56×56×256, features.18 56×56×256, features.21 56×56×256, features.25 28×28×512, \
         features.28 28×28×512, features.31 28×28×512, features.35 14×14×512, features.38 14×14×512, \
         features.41 14×14×512"
    );
    assert_eq!(
        layers(Architecture::Vgg16Bn, pools),
        "features.6 112×112×64, features.13 56×56×128, features.23 28×28×256, features.33 14×14×512, features.43 7×7×512"
    );
    // Biases where there is no batch norm.
    let biased = |architecture, op: fn(&Op) -> Option<Bias>| {
        let network = build(architecture, W2A2);
        let biases: Vec<Bias> = network.layers.iter().filter_map(|layer| op(&layer.op)).collect();
        (biases.iter().filter(|bias| **bias == Bias::PerFilter).count(), biases.len())
    };
    let bias = |op: &Op| match op {
        Op::Conv(conv) => Some(conv.bias),
        Op::Linear(linear) => Some(linear.bias),
        _ => None,
    };
    assert_eq!(biased(Architecture::AlexNetTorchvision, bias), (8, 8));
    assert_eq!(biased(Architecture::Vgg16, bias), (16, 16));
    assert_eq!(biased(Architecture::Vgg16Bn, bias), (3, 16));
}

/// Names of the layers with 8-bit weights and what they read, and that no layer is float.
#[test]
fn integer_first_last_and_shortcut_layers() {
    let eight = |architecture| {
        let network = build(architecture, W2A2_8);
        let resolved = network.resolve().unwrap();
        let layers = network.layers.iter().zip(&resolved.layers);
        assert!(layers.clone().all(|(layer, _)| layer.op.weights() != Some(WeightFormat::Float)));
        let eight = layers.filter(|(layer, _)| layer.op.weights() == Some(WeightFormat::EightBit));
        eight.map(|(layer, r)| format!("{} {}", layer.name, r.input_domain)).collect::<Vec<_>>()
    };
    assert_eq!(
        eight(Architecture::ResNet20),
        [
            "conv1 signed 8-bit codes",
            "layer2.0.downsample.0 8-bit codes",
            "layer3.0.downsample.0 8-bit codes",
            "fc 8-bit codes"
        ]
    );
    assert_eq!(eight(Architecture::ResNet50).len(), 2 + 4);
    assert_eq!(eight(Architecture::VggSmall), ["conv0 signed 8-bit codes", "fc 2-bit codes"]);
    assert_eq!(eight(Architecture::AlexNet), ["conv0 signed 8-bit codes", "fct 2-bit codes"]);
    assert_eq!(eight(Architecture::Vgg16), ["features.0 signed 8-bit codes", "classifier.6 2-bit codes"]);
    // The quantizers of the float form are where they were.
    let layers = |scheme| build(Architecture::ResNet20, scheme).layers.len();
    assert_eq!(layers(W2A2_8) - layers(W2A2), 4);
}

#[test]
fn every_network_resolves_in_every_scheme_and_survives_json() {
    for architecture in Architecture::ALL {
        for scheme in [Scheme::Float, W2A2, W2A2_8] {
            let network = build(architecture, scheme);
            let resolved = network.resolve().unwrap();
            assert_eq!(resolved.classes(), architecture.classes());
            let json = serde_json::to_string(&network).unwrap();
            assert_eq!(serde_json::from_str::<Network>(&json).unwrap(), network);
        }
        assert_eq!(Architecture::from_name(architecture.name()), Some(architecture));
        let tiny = architecture.build(W2A2, 1, 10);
        // Either it fits or the error names a layer; it never panics.
        if let Err(error) = tiny.resolve() {
            assert!(tiny.layers.iter().any(|layer| layer.name == error.layer), "{error}");
        }
    }
}
