//! What a model is found to be.

use serde::{Serialize, Serializer};
use syq_pack::ModelView;
use syq_pack::network::{Domain, WeightFormat};

/// Bits, or `float`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bits {
    Of(u32),
    Float,
}

impl Serialize for Bits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Of(bits) => serializer.serialize_u32(*bits),
            Self::Float => serializer.serialize_str("float"),
        }
    }
}

/// How a model's network is quantized.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Description {
    pub(super) net: String,
    /// Bits of a weight, of the quantized layer with the most multiply-accumulates.
    pub(super) weights: Bits,
    /// Bits of the codes that this layer reads.
    pub(super) acts: Bits,
    /// Its granularity; null where no layer is quantized.
    pub(super) granularity: Option<&'static str>,
    /// Format of the weights of the first layer that has any.
    pub(super) first_last: &'static str,
}

impl Description {
    pub(super) fn of(view: &ModelView<'_>) -> Self {
        let quantized = view.layers.iter().filter_map(|layer| match layer.layer.op.weights() {
            Some(WeightFormat::Codebook { codebook, granularity }) => Some((layer, codebook, granularity)),
            _ => None,
        });
        let largest = quantized.max_by_key(|(layer, ..)| layer.resolved.macs());
        let acts = largest.map_or(Bits::Float, |(layer, ..)| match &layer.resolved.input_domain {
            Domain::Codes { quantizer, .. } => Bits::Of(quantizer.bits.bits()),
            Domain::Float => Bits::Float,
        });
        let first = view.layers.iter().find_map(|layer| layer.layer.op.weights());
        Self {
            net: view.model.network.name.clone(),
            weights: largest.map_or(Bits::Float, |(_, codebook, _)| Bits::Of(codebook.bits())),
            acts,
            granularity: largest.map(|(_, _, granularity)| granularity.name()),
            first_last: first.map_or("float", format_name),
        }
    }

    /// Such as `W2A2 pixel`, or `float`.
    pub(super) fn scheme(&self) -> String {
        match (self.weights, self.acts, self.granularity) {
            (Bits::Of(weights), Bits::Of(acts), Some(granularity)) => format!("W{weights}A{acts} {granularity}"),
            _ => "float".to_owned(),
        }
    }
}

fn format_name(format: WeightFormat) -> &'static str {
    match format {
        WeightFormat::Float => "float",
        WeightFormat::Codebook { codebook, .. } => codebook.name(),
        WeightFormat::EightBit => "8bit",
    }
}
