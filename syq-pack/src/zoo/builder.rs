//! Appends layers to a network; each call returns the new layer's name, to be given on.

use super::{FirstLast, Scheme};
use crate::network::{Bias, Conv, INPUT, Layer, Linear, Network, Op, WeightFormat};
use syq_core::{ActivationQuantizer, ActivationRange, BitWidth, Padding, Shape, Window};

pub(super) struct Builder {
    scheme: Scheme,
    /// Of every layer but the last, which always has one.
    biases: Bias,
    network: Network,
}

impl Builder {
    pub(super) fn new(name: &str, scheme: Scheme, image: usize) -> Self {
        let network = Network { name: name.to_owned(), input: Shape::new(image, image, 3), layers: Vec::new() };
        Self { scheme, biases: Bias::None, network }
    }

    /// Whether the layers to come have biases; they have none otherwise, as a batch norm follows.
    pub(super) fn with_biases(mut self, biases: Bias) -> Self {
        self.biases = biases;
        self
    }

    pub(super) fn push(&mut self, name: &str, inputs: &[&str], op: Op) -> String {
        let inputs = inputs.iter().map(|&input| input.to_owned()).collect();
        self.network.layers.push(Layer { name: name.to_owned(), inputs, op });
        name.to_owned()
    }

    /// The first convolution, on the picture.
    pub(super) fn first_conv(&mut self, name: &str, filters: usize, window: Window) -> String {
        match self.scheme.first_last() {
            FirstLast::Float => self.convolution(name, INPUT, filters, window, 1, WeightFormat::Float),
            FirstLast::EightBit { bound } => {
                let range = ActivationRange::Symmetric(bound);
                let picture = Op::Quantize(ActivationQuantizer { bits: BitWidth::Eight, range });
                let from = self.push("picture", &[INPUT], picture);
                self.convolution(name, &from, filters, window, 1, WeightFormat::EightBit)
            }
        }
    }

    /// The 1×1 convolution of a shortcut; `quantizer` is the name of what stands before it
    /// where it is an integer one.
    pub(super) fn shortcut(
        &mut self,
        name: &str,
        quantizer: &str,
        from: &str,
        filters: usize,
        stride: usize,
    ) -> String {
        let window = window(1, stride, 0);
        match self.scheme.first_last() {
            FirstLast::Float => self.convolution(name, from, filters, window, 1, WeightFormat::Float),
            FirstLast::EightBit { .. } => {
                let from = self.push(quantizer, &[from], LEARNED);
                self.convolution(name, &from, filters, window, 1, WeightFormat::EightBit)
            }
        }
    }

    /// A convolution in the network's scheme.
    pub(super) fn conv(&mut self, name: &str, from: &str, filters: usize, window: Window, groups: usize) -> String {
        self.convolution(name, from, filters, window, groups, self.scheme.conv())
    }

    fn convolution(
        &mut self,
        name: &str,
        from: &str,
        filters: usize,
        window: Window,
        groups: usize,
        weights: WeightFormat,
    ) -> String {
        let conv = Conv { filters, window, groups, weights, bias: self.biases };
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

    /// A fully connected layer in the network's scheme.
    pub(super) fn linear(&mut self, name: &str, from: &str, outputs: usize) -> String {
        let linear = Linear { outputs, weights: self.scheme.linear(), bias: self.biases };
        self.push(name, &[from], Op::Linear(linear))
    }

    /// The last layer, with a bias.
    pub(super) fn classifier(mut self, name: &str, from: &str, classes: usize) -> Network {
        let (weights, from) = match self.scheme.first_last() {
            FirstLast::Float => (WeightFormat::Float, from.to_owned()),
            FirstLast::EightBit { .. } if self.gives_codes(from) => (WeightFormat::EightBit, from.to_owned()),
            FirstLast::EightBit { .. } => (WeightFormat::EightBit, self.push(&format!("act_{name}"), &[from], LEARNED)),
        };
        let linear = Linear { outputs: classes, weights, bias: Bias::PerFilter };
        self.push(name, &[&from], Op::Linear(linear));
        self.network
    }

    /// Whether the output of layer `name` consists of codes.
    fn gives_codes(&self, name: &str) -> bool {
        let layer = self.network.layers.iter().find(|layer| layer.name == name);
        layer.is_some_and(|layer| match layer.op {
            Op::Quantize(_) => true,
            Op::Flatten | Op::MaxPool(_) => self.gives_codes(&layer.inputs[0]),
            _ => false,
        })
    }
}

/// What stands before an integer layer whose input is not negative.
const LEARNED: Op = Op::Quantize(ActivationQuantizer { bits: BitWidth::Eight, range: ActivationRange::Learned });

/// A square window with the same padding on each side.
pub(super) const fn window(kernel: usize, stride: usize, padding: usize) -> Window {
    Window::square(kernel, stride, Padding::uniform(padding))
}
