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
            Op::Conv(_) => r.geometry.unwrap().weights(),
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
