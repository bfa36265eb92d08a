//! Models with seeded random parameters, for tests and for measuring speed.
//!
//! The activations of such a model stay in range through deep networks: every layer's scale follows
//! from its fan-in and from an estimate of the root mean square of what enters it, and the quantizers
//! see values across all their codes.

use crate::model::{LayerParameters, Model, ModelError, Parameters};
use crate::network::{Bias, Layer, Network, Op, ResolvedLayer, Source, WeightFormat};
use crate::packed::PackedCodes;
use syq_core::{ActivationQuantizer, ActivationRange, BitWidth, Codebook, ConvGeometry};

/// The SplitMix64 generator (Steele, Lea and Flood, OOPSLA 2014): small, and the same numbers in
/// every version.
#[derive(Clone, Debug)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// A generator with this seed.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; with the small bounds used here the bias is far below 2^−24.
    pub const fn below(&mut self, bound: u32) -> u32 {
        (((self.next_u64() >> 32) * bound as u64) >> 32) as u32
    }

    /// A number in [low, high), uniform.
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        let unit = (self.next_u64() >> 40) as f32 / (1u32 << 24) as f32;
        unit.mul_add(high - low, low)
    }
}

impl Model {
    /// The network with random parameters: the same for the same seed, in every version. Labels are
    /// `class 0`, `class 1` …
    ///
    /// # Errors
    /// A network that does not fit together.
    pub fn random(network: Network, seed: u64) -> Result<Self, ModelError> {
        let resolved = network.resolve()?;
        let mut filler = Filler { random: SplitMix64::new(seed), magnitudes: Vec::new() };
        let mut parameters = Parameters::new();
        for (index, (layer, place)) in network.layers.iter().zip(&resolved.layers).enumerate() {
            let aim = Aim {
                target: target(&network, &resolved.layers, index),
                biases: biases(&network, &resolved.layers, index),
            };
            let (filled, magnitude) = filler.layer(layer, place, aim)?;
            filler.magnitudes.push(magnitude);
            parameters.extend(filled.map(|filled| (layer.name.clone(), filled)));
        }
        let labels = (0..resolved.classes()).map(|class| format!("class {class}")).collect();
        Self::new(network, parameters, labels)
    }
}

/// The largest value that a quantizer can give, when a learned step is the one chosen here.
fn range(quantizer: &ActivationQuantizer) -> f32 {
    let largest = f32::from(quantizer.bits.largest());
    match quantizer.range {
        ActivationRange::Unit => 1.0,
        ActivationRange::FixedPoint(fraction) => largest * 2f32.powi(-i32::from(fraction)),
        ActivationRange::Learned => largest * learned_step(quantizer.bits),
        ActivationRange::Symmetric(bound) => bound,
    }
}

/// 2^(1−k): a half for two bits, and a range of nearly 2 for more.
fn learned_step(bits: BitWidth) -> f32 {
    2.0 / (f32::from(bits.largest()) + 1.0)
}

/// The root mean square that a layer's output should have: half the range of the next quantizer on
/// its way, else 1. A max pool in between lifts what it passes on, so its input is made smaller.
fn target(network: &Network, places: &[ResolvedLayer], mut index: usize) -> f32 {
    let mut lift = 1.0;
    while let Some(next) = (index + 1..places.len()).find(|&next| places[next].inputs.contains(&Source::Layer(index))) {
        match &network.layers[next].op {
            Op::Quantize(quantizer) => return range(quantizer) / (2.0 * lift),
            Op::Conv(_) | Op::Linear(_) => break,
            Op::MaxPool(_) => lift *= 1.4,
            _ => {}
        }
        index = next;
    }
    1.0 / lift
}

/// The range of a layer's biases, in parts of its target. Where an activation follows they lie as the offsets
/// of batch norms do: most units are then alive, and a network without batch norms keeps its magnitudes.
fn biases(network: &Network, places: &[ResolvedLayer], mut index: usize) -> [f32; 2] {
    while let Some(next) = (index + 1..places.len()).find(|&next| places[next].inputs.contains(&Source::Layer(index))) {
        match &network.layers[next].op {
            Op::Quantize(_) | Op::Relu => return OFFSETS,
            Op::MaxPool(_) => index = next,
            _ => break,
        }
    }
    [-0.5, 0.5]
}

/// The offsets of batch norms, in parts of their target.
const OFFSETS: [f32; 2] = [-0.25, 1.25];

/// What a layer's output should be like.
#[derive(Clone, Copy)]
struct Aim {
    /// Its root mean square.
    target: f32,
    /// The range of its biases, in parts of that.
    biases: [f32; 2],
}

struct Filler {
    random: SplitMix64,
    /// Estimated root mean square of each layer's output.
    magnitudes: Vec<f32>,
}

impl Filler {
    fn magnitude(&self, source: Source) -> f32 {
        match source {
            Source::Input => 1.0,
            Source::Layer(index) => self.magnitudes[index],
        }
    }

    /// Parameters of one layer and the magnitude of its output.
    fn layer(
        &mut self,
        layer: &Layer,
        place: &ResolvedLayer,
        aim: Aim,
    ) -> Result<(Option<LayerParameters>, f32), ModelError> {
        let target = aim.target;
        let input = self.magnitude(place.inputs[0]);
        let channels = place.output.channels;
        Ok(match (&layer.op, place.geometry) {
            (Op::Conv(_) | Op::Linear(_), Some(geometry)) => {
                let deviation = target / (input * (geometry.filter_len() as f32).sqrt());
                let parameters = self.weights(layer, &geometry, deviation, aim)?;
                (Some(parameters), target)
            }
            (Op::BatchNorm, _) => {
                let gain = target / input;
                // A few negative scales: they occur in trained networks, and turn thresholds round.
                let scale = (0..channels).map(|_| {
                    let sign = if self.random.below(8) == 0 { -1.0 } else { 1.0 };
                    sign * gain * self.random.uniform(0.5, 1.5)
                });
                let scale: Vec<f32> = scale.collect();
                let offset = self.vector(channels, OFFSETS[0] * target, OFFSETS[1] * target);
                (Some(LayerParameters::BatchNorm { scale, offset }), target)
            }
            (Op::Quantize(quantizer), _) => {
                let step = LayerParameters::Step(learned_step(quantizer.bits));
                let magnitude = match quantizer.range {
                    // The picture passes as it is, as far as it is in range.
                    ActivationRange::Symmetric(bound) => input.min(bound),
                    _ => range(quantizer) / 2.0,
                };
                ((quantizer.range == ActivationRange::Learned).then_some(step), magnitude)
            }
            (Op::MaxPool(_), _) => (None, 1.4 * input),
            (Op::Add, _) => (None, input.hypot(self.magnitude(place.inputs[1]))),
            _ => (None, input),
        })
    }

    fn weights(
        &mut self,
        layer: &Layer,
        geometry: &ConvGeometry,
        deviation: f32,
        aim: Aim,
    ) -> Result<LayerParameters, ModelError> {
        let with_bias = match &layer.op {
            Op::Conv(conv) => conv.bias == Bias::PerFilter,
            Op::Linear(linear) => linear.bias == Bias::PerFilter,
            _ => false,
        };
        let [low, high] = aim.biases.map(|bias| bias * aim.target);
        let weights = geometry.weights();
        let (codebook, granularity) = match layer.op.weights() {
            Some(WeightFormat::Codebook { codebook, granularity }) => (codebook, granularity),
            Some(WeightFormat::EightBit) => {
                let codes = (0..weights).map(|_| (self.random.below(255) as i16 - 127) as i8).collect();
                // Uniform integers in [−127, 127] have deviation √(127 · 128 / 3).
                let scale = deviation / (127.0f32 * 128.0 / 3.0).sqrt();
                let scales = self.vector(geometry.filters(), 0.6 * scale, 1.4 * scale);
                let bias = with_bias.then(|| self.vector(geometry.filters(), low, high));
                return Ok(LayerParameters::EightBit { codes, scales, bias });
            }
            Some(WeightFormat::Float) | None => {
                // A uniform distribution over ±√3·σ has deviation σ.
                let bound = deviation * 3f32.sqrt();
                let weights = self.vector(weights, -bound, bound);
                let bias = with_bias.then(|| self.vector(geometry.filters(), low, high));
                return Ok(LayerParameters::Float { weights, bias });
            }
        };
        let codes: Vec<i8> = match codebook {
            Codebook::Binary => (0..weights).map(|_| 1 - 2 * self.random.below(2) as i8).collect(),
            Codebook::Ternary => (0..weights).map(|_| self.random.below(3) as i8 - 1).collect(),
        };
        let codes = PackedCodes::pack(codebook, &codes).map_err(|error| ModelError::layer(&layer.name, error))?;
        let scale = match codebook {
            Codebook::Binary => deviation,
            Codebook::Ternary => deviation * 1.5f32.sqrt(),
        };
        let scales = self.vector(granularity.subgroups(geometry.window.kernel), 0.6 * scale, 1.4 * scale);
        let bias = with_bias.then(|| self.vector(geometry.filters(), low, high));
        Ok(LayerParameters::Coded { codes, scales, bias })
    }

    fn vector(&mut self, len: usize, low: f32, high: f32) -> Vec<f32> {
        (0..len).map(|_| self.random.uniform(low, high)).collect()
    }
}
