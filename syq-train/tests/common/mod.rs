//! Small networks for the tests of layers.

// Every test program takes what it needs.
#![allow(dead_code)]

use syq_core::{
    ActivationQuantizer, ActivationRange, BitWidth, Padding, Shape, WeightGradient, WeightNormalization, Window,
};
use syq_pack::Network;
use syq_pack::network::{Bias, Conv, Layer, Linear, Op, WeightFormat};
use syq_train::graph::{BuildOptions, Graph};
use syq_train::kernels::{Isa, Precision};
use syq_train::layers::BatchNormSettings;

/// Logits of every network.
pub(crate) const CLASSES: usize = 4;

/// A network that reads `input`; the list reads top to bottom, and each layer names its inputs.
pub(crate) fn network(input: Shape, layers: &[(&str, &[&str], Op)]) -> Network {
    let layers = layers
        .iter()
        .map(|(name, inputs, op)| Layer {
            name: (*name).to_owned(),
            inputs: inputs.iter().map(|input| (*input).to_owned()).collect(),
            op: op.clone(),
        })
        .collect();
    Network { name: "test".to_owned(), input, layers }
}

/// A convolution whose padding keeps the size where the stride is 1.
pub(crate) fn conv(filters: usize, kernel: usize, stride: usize, groups: usize, weights: WeightFormat) -> Op {
    let window = Window::square(kernel, stride, Padding::uniform(kernel / 2));
    Op::Conv(Conv { filters, window, groups, weights, bias: Bias::None })
}

/// The last layer.
pub(crate) fn linear(weights: WeightFormat) -> Op {
    Op::Linear(Linear { outputs: CLASSES, weights, bias: Bias::PerFilter })
}

/// An activation quantizer.
pub(crate) fn quantize(bits: BitWidth, range: ActivationRange) -> Op {
    Op::Quantize(ActivationQuantizer { bits, range })
}

/// The graph of `network`.
pub(crate) fn build(network: &Network, isa: Isa, precision: Precision) -> Graph {
    let batch_norm = BatchNormSettings::default();
    Graph::new(
        network,
        BuildOptions {
            precision,
            isa,
            eta: 0.05,
            weight_normalization: WeightNormalization::None,
            weight_gradient: WeightGradient::Syq,
            batch_norm,
            seed: 7,
        },
    )
    .unwrap()
}
