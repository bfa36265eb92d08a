//! Every layer of a model: how its weights are stored, what runs it, and what stayed float and why.

use serde::Serialize;
use syq_infer::plan::Plan;
use syq_pack::network::{Domain, Op, WeightFormat};
use syq_pack::{LayerParameters, LayerView, ModelView};

/// One layer.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LayerInfo<'a> {
    pub(super) name: &'a str,
    pub(super) op: &'static str,
    /// Rows, columns and channels of the output.
    pub(super) output: [usize; 3],
    /// Of a layer with weights: `binary`, `ternary`, `int8` or `float`.
    pub(super) codebook: Option<&'static str>,
    /// What shares a scale: `layer`, `row` or `pixel`, or `filter` of 8-bit weights; none of float ones.
    pub(super) granularity: Option<&'static str>,
    /// Bits of a stored weight, without the scales.
    pub(super) weight_bits: Option<u32>,
    /// Bits of a code that a layer with weights reads or that a quantizer writes.
    pub(super) activation_bits: Option<u32>,
    /// Number of weights.
    pub(super) weights: usize,
    /// Bytes of the weights in the file: packed codes and scales, or floats.
    pub(super) weight_bytes: usize,
    /// Bytes of all parameters in the file: with biases, batch norms and steps.
    pub(super) bytes: usize,
    /// Multiply-accumulates for one picture.
    pub(super) macs: u64,
    /// The kernel that runs the layer; for a layer that is run along with another, `with` and its name.
    pub(super) kernel: Option<String>,
    /// Why a layer with weights is float.
    pub(super) float_because: Option<&'static str>,
}

/// Sums over the layers.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Totals {
    pub(super) weights: usize,
    pub(super) quantized_weights: usize,
    pub(super) macs: u64,
    pub(super) quantized_macs: u64,
    /// Bytes of all parameters in the file.
    pub(super) bytes: usize,
    /// Stored bits of codes and scales, for each weight of the quantized layers; null without any.
    pub(super) bits_per_quantized_weight: Option<f64>,
    /// Stored bits of codes, scales and float weights, for each weight of the network.
    pub(super) bits_per_weight: Option<f64>,
}

impl Totals {
    pub(super) fn of(layers: &[LayerInfo<'_>]) -> Self {
        let with_codes = || layers.iter().filter(|layer| layer.granularity.is_some());
        let sum = |of: fn(&LayerInfo<'_>) -> usize| layers.iter().map(of).sum::<usize>();
        let quantized = |of: fn(&LayerInfo<'_>) -> usize| with_codes().map(of).sum::<usize>();
        let bits = |bytes: usize, weights: usize| (weights > 0).then(|| 8.0 * bytes as f64 / weights as f64);
        let (weights, quantized_weights) = (sum(|l| l.weights), quantized(|l| l.weights));
        Self {
            weights,
            quantized_weights,
            macs: layers.iter().map(|layer| layer.macs).sum(),
            quantized_macs: with_codes().map(|layer| layer.macs).sum(),
            bytes: sum(|l| l.bytes),
            bits_per_quantized_weight: bits(quantized(|l| l.weight_bytes), quantized_weights),
            bits_per_weight: bits(sum(|l| l.weight_bytes), weights),
        }
    }
}

/// Describes every layer, in the network's order.
pub(super) fn describe<'a>(view: &ModelView<'a>, plan: &Plan) -> Vec<LayerInfo<'a>> {
    let weighted = |layer: &LayerView<'_>| layer.layer.op.weights().is_some();
    let (first, last) = (view.layers.iter().position(weighted), view.layers.iter().rposition(weighted));
    let mut kernels = kernels(plan, view.layers.len());
    let mut layers = Vec::with_capacity(view.layers.len());
    for (index, layer) in view.layers.iter().enumerate() {
        let mut info = one(layer, kernels[index].take());
        info.float_because = (info.codebook == Some("float")).then(|| match Some(index) {
            index if index == first => "first layer",
            index if index == last => "last layer",
            _ if is_shortcut(layer) => "1x1 shortcut",
            _ => "described as float",
        });
        layers.push(info);
    }
    layers
}

/// Whether it is a 1×1 convolution that reads floats, as on the shortcut of a residual network.
fn is_shortcut(layer: &LayerView<'_>) -> bool {
    matches!(&layer.layer.op, Op::Conv(conv) if conv.window.kernel == [1, 1])
        && layer.resolved.input_domain == Domain::Float
}

/// What runs each layer. A quantizer has no step: its codes are written by the step before it.
fn kernels(plan: &Plan, layers: usize) -> Vec<Option<String>> {
    let mut kernels = vec![None; layers];
    for step in plan.steps() {
        for (place, layer) in step.layers.iter().enumerate() {
            if let Some(kernel) = kernels.get_mut(*layer) {
                *kernel = Some(if place == 0 { step.kernel.clone() } else { format!("with {}", step.name) });
            }
        }
    }
    kernels
}

fn one<'a>(view: &LayerView<'a>, kernel: Option<String>) -> LayerInfo<'a> {
    let (output, op) = (view.resolved.output, &view.layer.op);
    let code_bits = |domain: &Domain| match domain {
        Domain::Float => None,
        Domain::Codes { quantizer, .. } => Some(quantizer.bits.bits()),
    };
    let (codebook, granularity, weight_bits) = match op.weights() {
        None => (None, None, None),
        Some(WeightFormat::Float) => (Some("float"), None, Some(32)),
        Some(WeightFormat::EightBit) => (Some("int8"), Some("filter"), Some(8)),
        Some(WeightFormat::Codebook { codebook, granularity }) => {
            (Some(codebook.name()), Some(granularity.name()), Some(codebook.bits()))
        }
    };
    let floats = |values: &[f32]| std::mem::size_of_val(values);
    let weight_bytes = match view.parameters {
        Some(LayerParameters::Coded { codes, scales, .. }) => std::mem::size_of_val(codes.words()) + floats(scales),
        Some(LayerParameters::EightBit { codes, scales, .. }) => codes.len() + floats(scales),
        Some(LayerParameters::Float { weights, .. }) => floats(weights),
        _ => 0,
    };
    let other = match view.parameters {
        Some(LayerParameters::BatchNorm { scale, offset }) => floats(scale) + floats(offset),
        Some(LayerParameters::Step(step)) => std::mem::size_of_val(step),
        parameters => parameters.and_then(LayerParameters::bias).map_or(0, floats),
    };
    let geometry = op.weights().and(view.resolved.geometry);
    let domain = if op.weights().is_some() { &view.resolved.input_domain } else { &view.resolved.domain };
    LayerInfo {
        name: &view.layer.name,
        op: op.name(),
        output: [output.height, output.width, output.channels],
        codebook,
        granularity,
        weight_bits,
        activation_bits: code_bits(domain),
        weights: geometry.map_or(0, |geometry| geometry.weights()),
        weight_bytes,
        bytes: weight_bytes + other,
        macs: geometry.map_or(0, |geometry| geometry.macs()),
        kernel,
        float_because: None,
    }
}
