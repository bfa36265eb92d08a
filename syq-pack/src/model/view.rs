//! The checked view of a model: all that an executor needs, with nothing left to derive.

use super::{LayerParameters, Model, ModelError, ParameterError};
use crate::network::{Bias, Domain, Layer, Op, ResolvedLayer, WeightFormat};
use std::collections::HashSet;
use syq_core::{ActivationRange, CoreErrorKind, EightBitWeights, Levels};

/// A model that was found to fit together.
#[derive(Clone, Debug)]
pub struct ModelView<'a> {
    /// The model.
    pub model: &'a Model,
    /// One entry a layer, in the network's order.
    pub layers: Vec<LayerView<'a>>,
}

impl ModelView<'_> {
    /// Number of logits.
    pub fn classes(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.resolved.output.channels)
    }
}

/// One layer with its shapes, parameters and levels.
#[derive(Clone, Debug)]
pub struct LayerView<'a> {
    /// The layer.
    pub layer: &'a Layer,
    /// Its inputs, shapes and domains.
    pub resolved: ResolvedLayer,
    /// Its parameters, of the kind and the lengths that the layer needs.
    pub parameters: Option<&'a LayerParameters>,
    /// The levels of its first input, where that consists of codes.
    pub input_levels: Option<Levels>,
    /// The levels of its output, where that consists of codes.
    pub output_levels: Option<Levels>,
}

impl Model {
    /// Checks the network, and the parameters of every layer against it: kind, lengths, codebook,
    /// finite values, valid steps; no parameters without a layer; one label a logit.
    ///
    /// # Errors
    /// The first thing that does not fit, with the layer's name and the two values that disagree.
    pub fn view(&self) -> Result<ModelView<'_>, ModelError> {
        let resolved = self.network.resolve()?;
        let names: HashSet<&str> = self.network.layers.iter().map(|layer| layer.name.as_str()).collect();
        if let Some((name, parameters)) = self.parameters.iter().find(|(name, _)| !names.contains(name.as_str())) {
            return Err(ModelError::layer(name, ParameterError::Unknown { found: parameters.kind() }));
        }
        if let Some(preprocess) = &self.preprocess {
            preprocess.validate(self.network.input)?;
        }
        let classes = resolved.classes();
        let mut layers: Vec<LayerView<'_>> = Vec::with_capacity(self.network.layers.len());
        for (layer, resolved) in self.network.layers.iter().zip(resolved.layers) {
            let parameters = self.parameters.get(&layer.name);
            let fail = |kind| ModelError::Layer { layer: layer.name.clone(), kind };
            let (expected, found) = (needs(&layer.op), parameters.map_or(NOTHING, LayerParameters::kind));
            if expected != found {
                return Err(fail(ParameterError::Kind { expected, found }));
            }
            let earlier = |domain: &Domain| match domain {
                Domain::Float => None,
                // The quantizer precedes its user; for the quantizer itself see below.
                Domain::Codes { layer, .. } => layers.get(*layer).and_then(|view| view.output_levels),
            };
            let input_levels = earlier(&resolved.input_domain);
            let mut output_levels = earlier(&resolved.domain);
            if let Op::Quantize(quantizer) = &layer.op {
                let learned = match parameters {
                    Some(LayerParameters::Step(step)) => Some(*step),
                    _ => None,
                };
                let levels = quantizer.levels(&layer.name, learned);
                output_levels = Some(levels.map_err(|error| fail(error.kind.into()))?);
            }
            let view = LayerView { layer, resolved, parameters, input_levels, output_levels };
            view.check_values().map_err(fail)?;
            layers.push(view);
        }
        let (labels, logits) = (self.labels.len(), self.golden.as_ref().map_or(classes, |golden| golden.logits.len()));
        if labels != classes {
            return Err(ModelError::Labels { found: labels, expected: classes });
        }
        let folders = self.class_folders().len();
        if folders != classes {
            return Err(ModelError::ClassFolders { found: folders, expected: classes });
        }
        if logits != classes {
            return Err(ModelError::Golden { found: logits, expected: classes });
        }
        Ok(ModelView { model: self, layers })
    }
}

/// The kind of parameters that a layer needs.
fn needs(op: &Op) -> &'static str {
    match (op, op.weights()) {
        (_, Some(WeightFormat::Float)) => "float weights",
        (_, Some(WeightFormat::Codebook { .. })) => "coded weights",
        (_, Some(WeightFormat::EightBit)) => "8-bit weights",
        (Op::BatchNorm, _) => "batch norm",
        (Op::Quantize(quantizer), _) if quantizer.range == ActivationRange::Learned => "step",
        _ => NOTHING,
    }
}

const NOTHING: &str = "no parameters";

impl LayerView<'_> {
    /// Lengths and values; the kind of the parameters is right already.
    fn check_values(&self) -> Result<(), ParameterError> {
        let weights = self.resolved.geometry.map_or(0, |geometry| geometry.weights());
        let channels = self.resolved.output.channels;
        match self.parameters {
            Some(LayerParameters::Float { weights: values, bias }) => {
                check_values("the weight tensor", values, weights)?;
                self.check_bias(bias.as_deref())
            }
            Some(LayerParameters::Coded { codes, scales, bias }) => {
                let (Some(WeightFormat::Codebook { codebook, granularity }), Some(geometry)) =
                    (self.layer.op.weights(), self.resolved.geometry)
                else {
                    return Ok(());
                };
                if codes.codebook() != codebook {
                    let (found, expected) = (codes.codebook().name(), codebook.name());
                    return Err(ParameterError::Codebook { found, expected });
                }
                check_length("the code tensor", codes.len(), weights)?;
                check_values("the scale tensor", scales, granularity.subgroups(geometry.window.kernel))?;
                self.check_effective(scales)?;
                self.check_bias(bias.as_deref())
            }
            Some(LayerParameters::EightBit { codes, scales, bias }) => {
                let Some(geometry) = self.resolved.geometry else { return Ok(()) };
                EightBitWeights { codes, scales }.check(&self.layer.name, &geometry).map_err(|error| error.kind)?;
                self.check_effective(scales)?;
                self.check_bias(bias.as_deref())
            }
            Some(LayerParameters::BatchNorm { scale, offset }) => {
                check_values("the batch norm scale", scale, channels)?;
                check_values("the batch norm offset", offset, channels)
            }
            // The levels were made from it already.
            Some(LayerParameters::Step(_)) | None => Ok(()),
        }
    }

    /// α·s is what executors multiply by: it must not overflow either.
    fn check_effective(&self, scales: &[f32]) -> Result<(), ParameterError> {
        let step = self.input_levels.map_or(1.0, |levels| levels.step);
        let effective: Vec<f32> = scales.iter().map(|scale| scale * step).collect();
        check_values("the product of scale and step", &effective, scales.len())
    }

    fn check_bias(&self, bias: Option<&[f32]>) -> Result<(), ParameterError> {
        let expected = match &self.layer.op {
            Op::Conv(conv) => conv.bias,
            Op::Linear(linear) => linear.bias,
            _ => Bias::None,
        };
        match (expected, bias) {
            (Bias::None, None) => Ok(()),
            (Bias::PerFilter, Some(bias)) => check_values("the bias", bias, self.resolved.output.channels),
            (Bias::None, Some(_)) => Err(ParameterError::Kind { expected: "no bias", found: "a bias" }),
            (Bias::PerFilter, None) => Err(ParameterError::Kind { expected: "a bias", found: "no bias" }),
        }
    }
}

fn check_length(what: &'static str, found: usize, expected: usize) -> Result<(), ParameterError> {
    if found == expected { Ok(()) } else { Err(CoreErrorKind::Length { what, found, expected }.into()) }
}

fn check_values(what: &'static str, values: &[f32], expected: usize) -> Result<(), ParameterError> {
    check_length(what, values.len(), expected)?;
    // Without an early end the check is vectorised; only bad values are searched.
    if values.iter().fold(true, |finite, value| finite & value.is_finite()) {
        return Ok(());
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(CoreErrorKind::NotFinite { what, index, value: values[index] }.into()),
        None => Ok(()),
    }
}
