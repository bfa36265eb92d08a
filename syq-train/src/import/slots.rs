//! Which tensors of a PyTorch state dict a network needs, with their shapes there and what becomes of
//! each here.

use super::file::Foreign;
use syq_core::{ActivationRange, Granularity, Shape};
use syq_pack::Network;
use syq_pack::network::{Bias, Op, Resolved, Source, WeightFormat};
use syq_pack::zoo::Architecture;

/// One tensor that the network needs.
#[derive(Debug)]
pub(super) struct Slot {
    /// Its name in the state dict, without prefixes.
    pub(super) name: String,
    /// Shapes that it may have there; the first is the usual one.
    pub(super) shapes: Vec<Vec<usize>>,
    /// Its name among the parameters of our graph.
    pub(super) target: String,
    /// How its values are ordered here.
    pub(super) order: Order,
}

/// The order of a tensor's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The same on both sides.
    Same,
    /// There `[filter][channel][position]`, here `[filter][position][channel]`, with so many channels
    /// and positions (of the kernel, or of the feature map that was flattened).
    ChannelsLast { channels: usize, positions: usize },
}

/// A batch norm, whose ε differs there.
#[derive(Debug)]
pub(super) struct Norm {
    /// Its name.
    pub(super) name: String,
    /// The tensor of the bias that the convolution before it has there and lacks here.
    pub(super) folded_bias: Option<String>,
}

/// All that a network needs.
#[derive(Debug, Default)]
pub(super) struct Slots {
    pub(super) slots: Vec<Slot>,
    pub(super) norms: Vec<Norm>,
}

impl Slots {
    /// What `network` needs. A bias in front of a batch norm is taken along where `foreign` has one; VGG's
    /// convolutions have them all or none has, so that one alone that is missing is an error.
    pub(super) fn new(network: &Network, resolved: &Resolved, foreign: &Foreign<'_>) -> Self {
        let places = Places { network, resolved };
        let mut all = Self::default();
        let has = |bias: &String| foreign.shape(bias).is_some();
        let together = foreign.architecture() == Architecture::Vgg16Bn;
        let any = together && (0..network.layers.len()).filter_map(|index| places.folded_bias(index)).any(|b| has(&b));
        for (index, layer) in network.layers.iter().enumerate() {
            let name = layer.name.as_str();
            match &layer.op {
                Op::Conv(conv) => {
                    let Some(geometry) = resolved.layers[index].geometry else { continue };
                    let [rows, columns] = geometry.window.kernel;
                    let channels = geometry.group_channels();
                    let order = Order::ChannelsLast { channels, positions: rows * columns };
                    let shape = vec![conv.filters, channels, rows, columns];
                    all.push(name, "weight", "weight", vec![shape], order);
                    all.scales(name, conv.weights, Some([rows, columns]));
                    if conv.bias == Bias::PerFilter {
                        all.vector(name, "bias", "bias", conv.filters);
                    }
                }
                Op::Linear(linear) => {
                    let inputs = resolved.layers[index].input.channels;
                    let map = places.flattened(index).unwrap_or(Shape::vector(inputs));
                    let order = Order::ChannelsLast { channels: map.channels, positions: map.height * map.width };
                    let outputs = linear.outputs;
                    // The same layer as a convolution over the whole feature map, as timm's VGG has it.
                    let convolution = vec![outputs, map.channels, map.height, map.width];
                    all.push(name, "weight", "weight", vec![vec![outputs, inputs], convolution], order);
                    all.scales(name, linear.weights, None);
                    if linear.bias == Bias::PerFilter {
                        all.vector(name, "bias", "bias", outputs);
                    }
                }
                Op::BatchNorm => {
                    let channels = resolved.layers[index].output.channels;
                    for (there, here) in [
                        ("weight", "gamma"),
                        ("bias", "beta"),
                        ("running_mean", "running_mean"),
                        ("running_var", "running_variance"),
                    ] {
                        all.vector(name, there, here, channels);
                    }
                    let folded_bias = places.folded_bias(index).filter(|bias| any || has(bias));
                    if let Some(bias) = &folded_bias {
                        let (name, shapes) = (bias.clone(), vec![vec![channels]]);
                        all.slots.push(Slot { target: bias.clone(), name, shapes, order: Order::Same });
                    }
                    all.norms.push(Norm { name: name.to_owned(), folded_bias });
                }
                Op::Quantize(quantizer) if quantizer.range == ActivationRange::Learned => {
                    // PyTorch's layers quantize what they read.
                    let reader = places.reader(index).unwrap_or(name);
                    let (name, target) = (format!("{reader}.step"), format!("{name}.step"));
                    all.slots.push(Slot { name, shapes: vec![vec![], vec![1]], target, order: Order::Same });
                }
                _ => {}
            }
        }
        all
    }

    fn push(&mut self, layer: &str, there: &str, here: &str, shapes: Vec<Vec<usize>>, order: Order) {
        let (name, target) = (format!("{layer}.{there}"), format!("{layer}.{here}"));
        self.slots.push(Slot { name, shapes, target, order });
    }

    fn vector(&mut self, layer: &str, there: &str, here: &str, len: usize) {
        self.push(layer, there, here, vec![vec![len]], Order::Same);
    }

    /// The scales of a layer with this kernel (`None`: fully connected), if it has a codebook.
    fn scales(&mut self, layer: &str, weights: WeightFormat, kernel: Option<[usize; 2]>) {
        let WeightFormat::Codebook { granularity, .. } = weights else { return };
        let mut shapes = match (granularity, kernel) {
            (_, None) => vec![vec![1, 1]],
            (Granularity::Layer, Some(_)) => vec![vec![1, 1, 1, 1]],
            (Granularity::Row, Some([rows, _])) => vec![vec![1, 1, rows, 1], vec![rows, 1]],
            (Granularity::Pixel, Some([rows, columns])) => vec![vec![1, 1, rows, columns], vec![rows, columns]],
        };
        let scales = granularity.subgroups(kernel.unwrap_or([1, 1]));
        shapes.push(vec![scales]);
        if scales == 1 {
            shapes.push(Vec::new());
        }
        self.push(layer, "alpha", "scales", shapes, Order::Same);
    }
}

/// Looks around in a network.
struct Places<'a> {
    network: &'a Network,
    resolved: &'a Resolved,
}

impl<'a> Places<'a> {
    /// The feature map that was flattened to the input of layer `index`.
    fn flattened(&self, mut index: usize) -> Option<Shape> {
        while let Some(Source::Layer(before)) = self.resolved.layers[index].inputs.first() {
            index = *before;
            match self.network.layers[index].op {
                Op::Flatten => return Some(self.resolved.layers[index].input),
                Op::Quantize(_) | Op::Relu | Op::BatchNorm => {}
                _ => return None,
            }
        }
        None
    }

    /// The bias that the convolution or fully connected layer may have there which the batch norm `index`
    /// alone reads.
    fn folded_bias(&self, index: usize) -> Option<String> {
        if self.network.layers[index].op != Op::BatchNorm {
            return None;
        }
        let source = *self.resolved.layers[index].inputs.first()?;
        let Source::Layer(before) = source else { return None };
        let alone = self.resolved.layers.iter().flat_map(|layer| &layer.inputs).filter(|read| **read == source);
        let layer = &self.network.layers[before];
        let without_bias = match &layer.op {
            Op::Conv(conv) => conv.bias == Bias::None,
            Op::Linear(linear) => linear.bias == Bias::None,
            _ => false,
        };
        (without_bias && alone.count() == 1).then(|| format!("{}.bias", layer.name))
    }

    /// The first layer with weights that reads the codes of quantizer `index`.
    fn reader(&self, index: usize) -> Option<&'a str> {
        let mut values = vec![Source::Layer(index)];
        for (reader, resolved) in self.resolved.layers.iter().enumerate().skip(index + 1) {
            if !resolved.inputs.iter().any(|input| values.contains(input)) {
                continue;
            }
            let layer = &self.network.layers[reader];
            match layer.op {
                Op::Conv(_) | Op::Linear(_) => return Some(&layer.name),
                Op::MaxPool(_) | Op::Flatten => values.push(Source::Layer(reader)),
                _ => {}
            }
        }
        None
    }
}
