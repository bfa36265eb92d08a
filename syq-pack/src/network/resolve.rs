//! Shape inference: checks a network and gives every layer its inputs, shape and domain.

use super::layer::{Layer, Op, WeightFormat};
use super::{INPUT, Network, NetworkError, NetworkErrorKind};
use crate::limits::ModelLimits;
use std::collections::HashMap;
use std::fmt;
use syq_core::eight_bit::check_sums;
use syq_core::reference::check_exact;
use syq_core::{ActivationQuantizer, ConvGeometry, Granularity, Padding, Shape, WeightShape, Window};

/// Where a layer reads one of its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// The picture.
    Input,
    /// The output of the layer with this index.
    Layer(usize),
}

/// What a feature map consists of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Domain {
    /// f32 values.
    Float,
    /// Codes of the activation quantizer that stands at layer `layer`.
    Codes {
        /// The quantizer.
        quantizer: ActivationQuantizer,
        /// Index of the layer that quantized.
        layer: usize,
    },
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float => f.write_str("floats"),
            Self::Codes { quantizer, .. } => {
                let sign = if quantizer.zero() == 0 { "" } else { "signed " };
                write!(f, "{sign}{}-bit codes", quantizer.bits.bits())
            }
        }
    }
}

/// One layer with everything that follows from its place in the network.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedLayer {
    /// Where the inputs come from, in the layer's order.
    pub inputs: Vec<Source>,
    /// Shape of the first input.
    pub input: Shape,
    /// What the first input consists of.
    pub input_domain: Domain,
    /// Shape of the output.
    pub output: Shape,
    /// What the output consists of.
    pub domain: Domain,
    /// Loop bounds of a convolution, or of a fully connected layer seen as a 1×1 convolution.
    pub geometry: Option<ConvGeometry>,
}

impl ResolvedLayer {
    /// Multiply-accumulates for one picture.
    pub fn macs(&self) -> u64 {
        self.geometry.map_or(0, |geometry| geometry.macs())
    }
}

/// A checked network: [`ResolvedLayer`]s in the order of [`Network::layers`].
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// One entry a layer.
    pub layers: Vec<ResolvedLayer>,
}

impl Resolved {
    /// Number of logits.
    pub fn classes(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.output.channels)
    }

    /// Multiply-accumulates of the whole network for one picture; saturating instead of overflowing.
    pub fn macs(&self) -> u64 {
        self.layers.iter().map(ResolvedLayer::macs).fold(0, u64::saturating_add)
    }
}

impl Network {
    /// Checks the network and infers every shape.
    ///
    /// # Errors
    /// The first layer that does not fit, with its name and what disagrees.
    pub fn resolve(&self) -> Result<Resolved, NetworkError> {
        self.resolve_within(&ModelLimits::DEFAULT)
    }

    /// [`Self::resolve`] with limits of one's own.
    ///
    /// # Errors
    /// As [`Self::resolve`], or the first limit that is exceeded.
    pub fn resolve_within(&self, limits: &ModelLimits) -> Result<Resolved, NetworkError> {
        let whole = |kind| NetworkError { layer: self.name.clone(), kind };
        if self.layers.is_empty() || self.input.is_empty() {
            return Err(whole(NetworkErrorKind::Empty));
        }
        limits.layers(self.layers.len()).map_err(whole)?;
        limits.elements("the input", self.input.len()).map_err(whole)?;
        let mut resolver = Resolver { network: self, limits, names: HashMap::new(), layers: Vec::new() };
        for layer in &self.layers {
            resolver.layer(layer).map_err(|kind| NetworkError { layer: layer.name.clone(), kind })?;
        }
        let resolved = resolver.finish()?;
        limits.macs(resolved.macs()).map_err(whole)?;
        Ok(resolved)
    }
}

struct Resolver<'a> {
    network: &'a Network,
    limits: &'a ModelLimits,
    names: HashMap<&'a str, usize>,
    layers: Vec<ResolvedLayer>,
}

impl<'a> Resolver<'a> {
    fn layer(&mut self, layer: &'a Layer) -> Result<(), NetworkErrorKind> {
        let valid = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if layer.name.is_empty() || layer.name.len() > 100 || layer.name == INPUT || !layer.name.chars().all(valid) {
            return Err(NetworkErrorKind::Name);
        }
        let (found, expected) = (layer.inputs.len(), layer.op.arity());
        if found != expected {
            return Err(NetworkErrorKind::Arity { op: layer.op.name(), found, expected });
        }
        let inputs = layer.inputs.iter().map(|name| self.source(name)).collect::<Result<Vec<_>, _>>()?;
        let resolved = self.infer(layer, inputs)?;
        self.limits.elements("the output", resolved.output.len())?;
        if self.names.insert(&layer.name, self.layers.len()).is_some() {
            return Err(NetworkErrorKind::Duplicate);
        }
        self.layers.push(resolved);
        Ok(())
    }

    fn source(&self, name: &str) -> Result<Source, NetworkErrorKind> {
        if name == INPUT {
            return Ok(Source::Input);
        }
        let unknown = || NetworkErrorKind::UnknownInput { input: name.to_owned() };
        self.names.get(name).map(|index| Source::Layer(*index)).ok_or_else(unknown)
    }

    fn value(&self, source: Source) -> (Shape, Domain) {
        match source {
            Source::Input => (self.network.input, Domain::Float),
            Source::Layer(index) => (self.layers[index].output, self.layers[index].domain),
        }
    }

    fn infer(&self, layer: &Layer, inputs: Vec<Source>) -> Result<ResolvedLayer, NetworkErrorKind> {
        let (input, input_domain) = self.value(inputs[0]);
        let wrong_domain = |index: usize, expected| NetworkErrorKind::Domain {
            op: layer.op.name(),
            input: layer.inputs[index].clone(),
            found: Box::new(self.value(inputs[index]).1),
            expected,
        };
        let needs_floats = matches!(
            layer.op,
            Op::BatchNorm | Op::Relu | Op::AveragePool(_) | Op::GlobalAveragePool | Op::Add | Op::Quantize(_)
        );
        if needs_floats && let Some(index) = inputs.iter().position(|s| self.value(*s).1 != Domain::Float) {
            return Err(wrong_domain(index, "floats"));
        }
        match (layer.op.weights(), input_domain) {
            (Some(WeightFormat::Codebook { .. } | WeightFormat::EightBit), Domain::Float) => {
                return Err(wrong_domain(0, "codes"));
            }
            (Some(WeightFormat::Codebook { .. }), Domain::Codes { quantizer, .. }) if quantizer.zero() != 0 => {
                return Err(wrong_domain(0, "unsigned codes"));
            }
            _ => {}
        }
        let mut geometry = None;
        let (output, domain) = match &layer.op {
            Op::Conv(conv) => {
                let g = ConvGeometry::new(input, conv.filters, conv.window, conv.groups)?;
                self.check_weights(&g, conv.weights, input_domain)?;
                geometry = Some(g);
                (g.output, Domain::Float)
            }
            Op::Linear(linear) => {
                if input != Shape::vector(input.channels) {
                    return Err(NetworkErrorKind::NotVector { found: input });
                }
                if matches!(linear.weights, WeightFormat::Codebook { granularity, .. } if granularity != Granularity::Layer)
                {
                    return Err(NetworkErrorKind::LinearGranularity);
                }
                let g = ConvGeometry::new(input, linear.outputs, Window::square(1, 1, Padding::NONE), 1)?;
                self.check_weights(&g, linear.weights, input_domain)?;
                geometry = Some(g);
                (g.output, Domain::Float)
            }
            Op::MaxPool(window) | Op::AveragePool(window) => {
                let [height, width] = window.output(input.height, input.width)?;
                (Shape::new(height, width, input.channels), input_domain)
            }
            Op::GlobalAveragePool => (Shape::vector(input.channels), Domain::Float),
            Op::BatchNorm | Op::Relu => (input, Domain::Float),
            Op::Add => {
                let right = self.value(inputs[1]).0;
                if input != right {
                    return Err(NetworkErrorKind::Add { left: input, right });
                }
                (input, Domain::Float)
            }
            Op::Quantize(quantizer) => {
                quantizer.check(&layer.name).map_err(|error| error.kind)?;
                (input, Domain::Codes { quantizer: *quantizer, layer: self.layers.len() })
            }
            Op::Flatten => (Shape::vector(input.len()), input_domain),
        };
        Ok(ResolvedLayer { inputs, input, input_domain, output, domain, geometry })
    }

    fn finish(self) -> Result<Resolved, NetworkError> {
        let mut used = vec![false; self.layers.len()];
        for source in self.layers.iter().flat_map(|layer| &layer.inputs) {
            if let Source::Layer(index) = source {
                used[*index] = true;
            }
        }
        let error = |index: usize, kind| NetworkError { layer: self.network.layers[index].name.clone(), kind };
        let last = self.layers.len() - 1;
        if let Some(index) = used[..last].iter().position(|used| !used) {
            return Err(error(index, NetworkErrorKind::Unused));
        }
        let ResolvedLayer { output: found, domain, .. } = self.layers[last];
        if domain != Domain::Float || found != Shape::vector(found.channels) {
            return Err(error(last, NetworkErrorKind::Output { found, domain }));
        }
        Ok(Resolved { layers: self.layers })
    }

    /// Checks the number of weights, and that integer sums stay exact.
    fn check_weights(
        &self,
        geometry: &ConvGeometry,
        weights: WeightFormat,
        domain: Domain,
    ) -> Result<(), NetworkErrorKind> {
        let shape = WeightShape::from(geometry);
        self.limits.elements("the weight tensor", shape.len())?;
        match (weights, domain) {
            (WeightFormat::Codebook { granularity, .. }, Domain::Codes { quantizer, .. }) => {
                check_exact("", shape, granularity, quantizer.bits.largest()).map_err(|error| error.kind)?;
            }
            (WeightFormat::EightBit, _) => check_sums("", geometry).map_err(|error| error.kind)?,
            _ => {}
        }
        Ok(())
    }
}
