//! Appends layers to a network; each call returns the new layer's name, to be given on.

use super::Scheme;
use crate::network::{Bias, Conv, INPUT, Layer, Linear, Network, Op, WeightFormat};
use syq_core::{Padding, Shape, Window};

pub(super) struct Builder {
    scheme: Scheme,
    network: Network,
}

impl Builder {
    pub(super) fn new(name: &str, scheme: Scheme, image: usize) -> Self {
        let network = Network { name: name.to_owned(), input: Shape::new(image, image, 3), layers: Vec::new() };
        Self { scheme, network }
    }

    pub(super) fn input() -> String {
        INPUT.to_owned()
    }

    pub(super) fn push(&mut self, name: &str, inputs: &[&str], op: Op) -> String {
        let inputs = inputs.iter().map(|&input| input.to_owned()).collect();
        self.network.layers.push(Layer { name: name.to_owned(), inputs, op });
        name.to_owned()
    }

    /// A convolution without bias whose weights stay float.
    pub(super) fn float_conv(&mut self, name: &str, from: &str, filters: usize, window: Window) -> String {
        let conv = Conv { filters, window, groups: 1, weights: WeightFormat::Float, bias: Bias::None };
        self.push(name, &[from], Op::Conv(conv))
    }

    /// A convolution without bias in the network's scheme.
    pub(super) fn conv(&mut self, name: &str, from: &str, filters: usize, window: Window, groups: usize) -> String {
        let conv = Conv { filters, window, groups, weights: self.scheme.conv(), bias: Bias::None };
        self.push(name, &[from], Op::Conv(conv))
    }

    pub(super) fn batch_norm(&mut self, name: &str, from: &str) -> String {
        self.push(name, &[from], Op::BatchNorm)
    }

    /// The activation quantizer, or ReLU in the float twin.
    pub(super) fn activation(&mut self, name: &str, from: &str) -> String {
        match self.scheme {
            Scheme::Float => self.push(name, &[from], Op::Relu),
            Scheme::Quantized { activation, .. } => self.push(name, &[from], Op::Quantize(activation)),
        }
    }

    /// The activation quantizer on what is a ReLU's output already: nothing in the float twin.
    pub(super) fn quantize(&mut self, name: &str, from: &str) -> String {
        match self.scheme {
            Scheme::Float => from.to_owned(),
            Scheme::Quantized { activation, .. } => self.push(name, &[from], Op::Quantize(activation)),
        }
    }

    /// A fully connected layer in the network's scheme, without bias.
    pub(super) fn linear(&mut self, name: &str, from: &str, outputs: usize) -> String {
        let linear = Linear { outputs, weights: self.scheme.linear(), bias: Bias::None };
        self.push(name, &[from], Op::Linear(linear))
    }

    /// The last layer: float, with a bias.
    pub(super) fn classifier(mut self, name: &str, from: &str, classes: usize) -> Network {
        let linear = Linear { outputs: classes, weights: WeightFormat::Float, bias: Bias::PerFilter };
        self.push(name, &[from], Op::Linear(linear));
        self.network
    }
}

/// A square window with the same padding on each side.
pub(super) const fn window(kernel: usize, stride: usize, padding: usize) -> Window {
    Window::square(kernel, stride, Padding::uniform(padding))
}
