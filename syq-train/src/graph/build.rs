//! Compiles a network to tape layers.
//!
//! Three things differ from the network's own list. Activation quantizers move into the layers that
//! read their codes (they commute with max pooling and flattening, so those work on the floats); a
//! batch norm takes along the residual add and the ReLU that follow it; parameters get their places.

use super::link::{Built, link};
use super::{CodedLayer, Graph, Node, initial};
use crate::error::TrainError;
use crate::kernels::{ConvOp, Isa, Precision};
use crate::layers::{
    Activation, Add, AveragePool, BatchNorm, BatchNormSettings, Convolution, Flatten, InputQuantizer, MaxPool, Relu,
    WeightSource,
};
use crate::optim::Group;
use crate::tape::Parameter;
use crate::tape::{Buffers, Layer as TapeLayer, Tape};
use std::collections::BTreeMap;
use syq_core::{
    ActivationRange, Codebook, ConvGeometry, Padding, WeightGradient, WeightNormalization, WeightQuantizer, Window,
};
use syq_pack::Network;
use syq_pack::network::{Bias, Op, Resolved, Source, WeightFormat};

/// How a network is compiled for training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BuildOptions {
    /// Precision of the convolutions' operands.
    pub precision: Precision,
    /// Instruction set of the kernels.
    pub isa: Isa,
    /// Ternary threshold η as a fraction of max |W|; binary weights have none.
    pub eta: f32,
    /// What happens to the weights before they are quantized.
    pub weight_normalization: WeightNormalization,
    /// How gradients reach the weights behind codes.
    pub weight_gradient: WeightGradient,
    /// ε and decay of the batch norms.
    pub batch_norm: BatchNormSettings,
    /// Seed of the initial weights.
    pub seed: u64,
}

/// A value of the graph, and the quantizer that its readers apply.
#[derive(Clone, Copy)]
struct Value {
    index: usize,
    quantizer: Option<InputQuantizer>,
}

struct Build<'a> {
    network: &'a Network,
    resolved: Resolved,
    options: BuildOptions,
    parameters: Vec<Parameter>,
    layers: Vec<Built>,
    nodes: Vec<Node>,
    coded: Vec<CodedLayer>,
    batch_norms: BTreeMap<String, usize>,
    /// What each layer of the network gives; filled ahead for layers that a batch norm takes along.
    values: Vec<Option<Value>>,
}

impl Graph {
    /// Compiles `network` with initial weights (He et al., 2015) from the seed; learned scales and
    /// steps are set by [`Graph::start_from`] and by the first batch.
    ///
    /// # Errors
    /// A network that does not fit together, or a threshold outside [0, 1).
    pub fn new(network: &Network, options: BuildOptions) -> Result<Self, TrainError> {
        let resolved = network.resolve()?;
        let count = network.layers.len();
        let mut build = Build {
            network,
            resolved,
            options,
            parameters: Vec::new(),
            layers: Vec::new(),
            nodes: Vec::new(),
            coded: Vec::new(),
            batch_norms: BTreeMap::new(),
            values: vec![None; count],
        };
        for index in 0..count {
            if build.values[index].is_none() {
                let value = build.layer(index)?;
                build.values[index] = Some(value);
            }
        }
        let Build { parameters, layers, mut nodes, coded, batch_norms, .. } = build;
        let layers = link(layers, &mut nodes);
        Ok(Self {
            network: network.clone(),
            parameters,
            layers,
            nodes,
            coded,
            batch_norms,
            options,
            tape: Tape::new(),
            buffers: Buffers::new(),
        })
    }
}

impl Build<'_> {
    fn layer(&mut self, index: usize) -> Result<Value, TrainError> {
        let layer = &self.network.layers[index];
        let resolved = self.resolved.layers[index].clone();
        let input = self.value(index, 0)?;
        let plain = |index| Value { index, quantizer: None };
        Ok(match &layer.op {
            Op::Conv(conv) => plain(self.convolution(index, input, conv.weights, conv.bias)?),
            Op::Linear(linear) => plain(self.convolution(index, input, linear.weights, linear.bias)?),
            Op::BatchNorm => plain(self.batch_norm(index, input.index)?),
            Op::Relu => plain(self.push(Box::new(Relu), &[input.index])),
            Op::Add => {
                let right = self.value(index, 1)?;
                plain(self.push(Box::new(Add), &[input.index, right.index]))
            }
            Op::MaxPool(window) => {
                let pooled = self.push(Box::new(MaxPool::new(*window, resolved.output)), &[input.index]);
                Value { index: pooled, ..input }
            }
            Op::AveragePool(window) => {
                plain(self.push(Box::new(AveragePool::new(*window, resolved.output)), &[input.index]))
            }
            Op::GlobalAveragePool => {
                let shape = resolved.input;
                let whole = [shape.height, shape.width];
                let window = Window { kernel: whole, stride: whole, padding: Padding::NONE };
                plain(self.push(Box::new(AveragePool::new(window, resolved.output)), &[input.index]))
            }
            Op::Flatten => Value { index: self.push(Box::new(Flatten), &[input.index]), ..input },
            Op::Quantize(quantizer) => {
                let step = (quantizer.range == ActivationRange::Learned)
                    .then(|| self.parameter(&format!("{}.step", layer.name), Group::Step, vec![0.0]));
                Value { quantizer: Some(InputQuantizer { quantizer: *quantizer, step }), ..input }
            }
        })
    }

    /// The value that input `slot` of layer `index` reads.
    fn value(&self, index: usize, slot: usize) -> Result<Value, TrainError> {
        match self.resolved.layers[index].inputs[slot] {
            Source::Input => Ok(Value { index: 0, quantizer: None }),
            Source::Layer(source) => self.values[source].ok_or_else(|| TrainError::Unsupported {
                layer: self.network.layers[index].name.clone(),
                reason: "its input was not built before it",
            }),
        }
    }

    fn convolution(
        &mut self,
        index: usize,
        input: Value,
        format: WeightFormat,
        bias: Bias,
    ) -> Result<usize, TrainError> {
        let name = self.network.layers[index].name.clone();
        let missing = || TrainError::Unsupported { layer: name.clone(), reason: "it has no geometry" };
        let geometry: ConvGeometry = self.resolved.layers[index].geometry.ok_or_else(missing)?;
        let values = initial::weights(&geometry, self.options.seed, index);
        let group = match self.network.layers[index].op {
            Op::Linear(_) => Group::Linear,
            _ => Group::Weight,
        };
        let weights = self.parameter(&format!("{name}.weight"), group, values);
        let source = match format {
            WeightFormat::Float => WeightSource::Float,
            WeightFormat::EightBit => WeightSource::EightBit,
            WeightFormat::Codebook { codebook, granularity } => {
                let eta = if codebook == Codebook::Binary { 0.0 } else { self.options.eta };
                let quantizer = WeightQuantizer::new(&name, codebook, granularity, eta)?
                    .with_normalization(self.options.weight_normalization)
                    .with_gradient(self.options.weight_gradient);
                let latent = &self.parameters[weights].values;
                let scales = quantizer.initial_scales(&name, latent, (&geometry).into())?;
                let scales = self.parameter(&format!("{name}.scales"), Group::Scale, scales);
                WeightSource::Codebook { quantizer, scales }
            }
        };
        if source != WeightSource::Float {
            self.coded.push(CodedLayer { name: name.clone(), shape: (&geometry).into(), weights, source });
        }
        let bias = (bias == Bias::PerFilter)
            .then(|| self.parameter(&format!("{name}.bias"), Group::Bias, vec![0.0; geometry.filters()]));
        // A quantized network's float picture is read in the engine's precision; bf16 holds codes exactly.
        let coded = |format: Option<WeightFormat>| format.is_some_and(|format| format != WeightFormat::Float);
        let quantized = self.network.layers.iter().any(|layer| coded(layer.op.weights()));
        let picture = quantized && input.index == 0 && input.quantizer.is_none();
        let precision = if picture { Precision::F32 } else { self.options.precision };
        let op = ConvOp::new(geometry, precision, self.options.isa).with_gradients_in(self.options.precision);
        let layer = Convolution::new(&name, &geometry, op, weights, source).with_input(input.quantizer).with_bias(bias);
        Ok(self.push_built(Built::Convolution(Box::new(layer)), &[input.index]))
    }

    fn batch_norm(&mut self, index: usize, input: usize) -> Result<usize, TrainError> {
        let name = self.network.layers[index].name.clone();
        let channels = self.resolved.layers[index].output.channels;
        let gamma = self.parameter(&format!("{name}.gamma"), Group::BatchNorm, vec![1.0; channels]);
        let beta = self.parameter(&format!("{name}.beta"), Group::BatchNorm, vec![0.0; channels]);
        let (mut inputs, mut taken, mut last) = (vec![input], Vec::new(), index);
        let mut activation = Activation::Linear;
        if let Some(add) = self.only_reader(last, &Op::Add)
            && let Some(residual) = self.other_input(add, last)
        {
            inputs.push(residual);
            taken.push(add);
            last = add;
        }
        if let Some(relu) = self.only_reader(last, &Op::Relu) {
            activation = Activation::Relu;
            taken.push(relu);
        }
        let layer = BatchNorm::new(gamma, beta, channels, activation, self.options.batch_norm);
        self.batch_norms.insert(name, self.layers.len());
        let output = self.push_built(Built::BatchNorm(layer), &inputs);
        for layer in taken {
            self.values[layer] = Some(Value { index: output, quantizer: None });
        }
        Ok(output)
    }

    /// The layer that alone reads layer `index`, if its operation is `op`.
    fn only_reader(&self, index: usize, op: &Op) -> Option<usize> {
        let reads = |layer: &usize| self.resolved.layers[*layer].inputs.contains(&Source::Layer(index));
        let mut readers = (0..self.network.layers.len()).filter(reads);
        let reader = readers.next()?;
        (readers.next().is_none() && self.network.layers[reader].op == *op).then_some(reader)
    }

    /// The input of the add `index` that is not `known`, where it was built already.
    fn other_input(&self, index: usize, known: usize) -> Option<usize> {
        let other = self.resolved.layers[index].inputs.iter().find(|source| **source != Source::Layer(known))?;
        match other {
            Source::Input => Some(0),
            Source::Layer(source) => self.values[*source].map(|value| value.index),
        }
    }

    fn parameter(&mut self, name: &str, group: Group, values: Vec<f32>) -> usize {
        self.parameters.push(Parameter::new(name, group, values));
        self.parameters.len() - 1
    }

    fn push(&mut self, layer: Box<dyn TapeLayer>, inputs: &[usize]) -> usize {
        self.push_built(Built::Other(layer), inputs)
    }

    fn push_built(&mut self, layer: Built, inputs: &[usize]) -> usize {
        self.layers.push(layer);
        self.nodes.push(Node { inputs: inputs.to_vec() });
        self.nodes.len()
    }
}
