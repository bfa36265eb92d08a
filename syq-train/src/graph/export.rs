//! The trained parameters as inference needs them: codes and scales, batch norms folded to one
//! scale and one offset a channel, steps.
//!
//! Everything that is rounded is rounded here, before the trainer's last evaluation, which runs the
//! exported model in the engine.

use super::Graph;
use crate::error::TrainError;
use crate::layers::WeightSource;
use std::collections::BTreeMap;
use syq_core::eight_bit;
use syq_pack::model::LayerParameters;
use syq_pack::network::{Bias, Op};
use syq_pack::packed::PackedCodes;

impl Graph {
    /// The parameters of every layer that has some, by the layer's name.
    ///
    /// # Errors
    /// Weights that cannot be quantized (NaN, infinity).
    pub fn export(&self) -> Result<BTreeMap<String, LayerParameters>, TrainError> {
        let mut exported = BTreeMap::new();
        for layer in &self.network.layers {
            let name = layer.name.as_str();
            let parameters = match &layer.op {
                Op::Conv(conv) => self.weighted(name, conv.bias)?,
                Op::Linear(linear) => self.weighted(name, linear.bias)?,
                Op::BatchNorm => self.batch_norm(name)?,
                Op::Quantize(_) => match self.parameters.iter().find(|p| p.name == format!("{name}.step")) {
                    Some(step) => LayerParameters::Step(step.values[0]),
                    None => continue,
                },
                _ => continue,
            };
            exported.insert(name.to_owned(), parameters);
        }
        Ok(exported)
    }

    fn weighted(&self, name: &str, bias: Bias) -> Result<LayerParameters, TrainError> {
        let bias = match bias {
            Bias::None => None,
            Bias::PerFilter => Some(self.values(&format!("{name}.bias"))?.to_vec()),
        };
        let weights = self.values(&format!("{name}.weight"))?;
        let Some(coded) = self.coded.iter().find(|coded| coded.name == name) else {
            return Ok(LayerParameters::Float { weights: weights.to_vec(), bias });
        };
        let mut codes = vec![0i8; weights.len()];
        let (quantizer, scales) = match coded.source {
            WeightSource::Float => return Ok(LayerParameters::Float { weights: weights.to_vec(), bias }),
            WeightSource::EightBit => {
                let scales = eight_bit::quantize(name, weights, coded.shape, &mut codes)?;
                return Ok(LayerParameters::EightBit { codes, scales, bias });
            }
            WeightSource::Codebook { quantizer, scales } => (quantizer, scales),
        };
        quantizer.quantize(name, weights, coded.shape, &mut codes)?;
        let packed = PackedCodes::pack(quantizer.codebook(), &codes);
        let codes = packed.map_err(|source| TrainError::Pack { layer: name.to_owned(), source })?;
        Ok(LayerParameters::Coded { codes, scales: self.parameters[scales].values.clone(), bias })
    }

    /// scale = γ/√(σ²+ε) and offset = β − μ·scale, in f64, rounded once.
    fn batch_norm(&self, name: &str) -> Result<LayerParameters, TrainError> {
        let gamma = self.values(&format!("{name}.gamma"))?;
        let beta = self.values(&format!("{name}.beta"))?;
        let missing = || TrainError::Missing { name: format!("{name}.running_mean") };
        let running = self.batch_norms.get(name).and_then(|layer| self.layers[*layer].running()).ok_or_else(missing)?;
        let epsilon = f64::from(self.options.batch_norm.epsilon);
        let statistics = running.mean.iter().zip(&running.variance);
        let folded = gamma.iter().zip(beta).zip(statistics).map(|((gamma, beta), (mean, variance))| {
            let scale = f64::from(*gamma) / (f64::from(*variance) + epsilon).sqrt();
            (scale as f32, (f64::from(*beta) - f64::from(*mean) * scale) as f32)
        });
        let (scale, offset) = folded.unzip();
        Ok(LayerParameters::BatchNorm { scale, offset })
    }

    fn values(&self, name: &str) -> Result<&[f32], TrainError> {
        let found = self.parameters.iter().find(|parameter| parameter.name == name);
        found.map(|p| p.values.as_slice()).ok_or_else(|| TrainError::Missing { name: name.to_owned() })
    }
}
