//! Layer cases: the convolutions of ResNet-20 as the engine runs them. A few rows at a time are
//! convolved, finished (batch norm, residual add, ReLU) and stored as the next layer reads them:
//! quantized and laid out for its kernel, or as padded floats.

use crate::case::{Case, Description, FLOAT, Group, Workload};
use crate::error::{BenchError, Mismatch};
use crate::problem::{Elements, Problem, Quantization, levels};
use std::sync::Arc;
use syq_core::reference::{add, affine, relu};
use syq_core::{BitWidth, Codebook, ConvGeometry, Granularity, Levels};
use syq_infer::kernels::{
    Activation, Affine, Finish, Input, InputFormat, InputLayout, Kernels, OutputRange, PackedConv, QuantizedKernel,
};
use syq_pack::network::WeightFormat;
use syq_pack::random::SplitMix64;
use syq_pack::zoo::{Architecture, FirstLast};

/// The scheme of the quantized layers: W2A2, pixel-wise.
pub const QUANTIZATION: Quantization =
    Quantization { codebook: Codebook::Ternary, granularity: Granularity::Pixel, bits: BitWidth::Two };

/// Pixels that are convolved before they are finished and stored, as in the engine.
const PIXELS: usize = 64;

/// One convolution of a network, by the first layer that has its shape.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkLayer {
    /// Name of the network and of the layer.
    pub name: String,
    /// The shapes.
    pub geometry: ConvGeometry,
    /// Whether the weights are codes.
    pub weights: WeightFormat,
}

/// The different convolutions and fully connected layers of a network in the scheme [`QUANTIZATION`],
/// for pictures of the literature's size.
///
/// # Errors
/// A network that does not fit together.
pub fn layers(architecture: Architecture) -> Result<Vec<NetworkLayer>, BenchError> {
    let network =
        architecture.build(QUANTIZATION.scheme(FirstLast::Float), architecture.image(), architecture.classes());
    let resolved = network.resolve()?;
    let mut layers: Vec<NetworkLayer> = Vec::new();
    for (layer, place) in network.layers.iter().zip(&resolved.layers) {
        let (Some(geometry), Some(weights)) = (place.geometry, layer.op.weights()) else { continue };
        if !layers.iter().any(|known| known.geometry == geometry) {
            layers.push(NetworkLayer { name: format!("{} {}", network.name, layer.name), geometry, weights });
        }
    }
    Ok(layers)
}

/// Each of `layers` with both quantized kernels, if its weights are codes, and with floats.
///
/// # Errors
/// A layer that no kernel can run, or [`BenchError::Wrong`].
pub fn cases(kernels: &[Kernels], layers: &[NetworkLayer]) -> Result<Vec<Case>, BenchError> {
    let mut cases = Vec::new();
    for layer in layers {
        if layer.weights != WeightFormat::Float {
            let problem = Problem::quantized(layer.geometry, QUANTIZATION, 1);
            let expected = Expected::new(&problem)?;
            for kernel in QuantizedKernel::ALL {
                layer_cases(kernels, layer, &problem, &expected, Some(kernel), &mut cases)?;
            }
        }
        let problem = Problem::float(layer.geometry, 1);
        layer_cases(kernels, layer, &problem, &Expected::new(&problem)?, None, &mut cases)?;
    }
    cases.sort_by(|a, b| a.description().kernel.cmp(&b.description().kernel));
    Ok(cases)
}

/// What follows a convolution, and its result by the reference.
struct Expected {
    scale: Vec<f32>,
    offset: Vec<f32>,
    residual: Vec<f32>,
    values: Vec<f32>,
}

impl Expected {
    fn new(problem: &Problem) -> Result<Self, BenchError> {
        let mut random = SplitMix64::new(2);
        let mut vector = |len, low, high| (0..len).map(|_| random.uniform(low, high)).collect::<Vec<f32>>();
        let filters = problem.geometry.filters();
        let [scale, offset] = [vector(filters, 0.5, 1.5), vector(filters, -0.5, 0.5)];
        let residual = vector(problem.geometry.output.len(), -1.0, 1.0);
        let mut values = problem.reference()?;
        affine(&mut values, &scale, &offset);
        let mut values = add(&values, &residual);
        relu(&mut values);
        Ok(Self { scale, offset, residual, values })
    }
}

fn layer_cases(
    kernels: &[Kernels],
    layer: &NetworkLayer,
    problem: &Problem,
    expected: &Expected,
    kernel: Option<QuantizedKernel>,
    cases: &mut Vec<Case>,
) -> Result<(), BenchError> {
    let geometry = &problem.geometry;
    let (packed, input) = problem.pack(kernel.unwrap_or(QuantizedKernel::Int8))?;
    let format = kernel.map_or(InputFormat::Float, |kernel| kernel.format(QUANTIZATION.codebook, QUANTIZATION.bits));
    let next = InputLayout::new(format, geometry.output, geometry.window.padding, geometry.groups)?;
    let levels = kernel.map(|_| levels(QUANTIZATION.bits));
    let (stored, output) = match levels {
        Some(levels) => {
            let codes: Vec<u8> = expected.values.iter().map(|x| levels.code(*x)).collect();
            (Elements::codes(&next, &codes), Elements::Words(vec![0; next.len()]))
        }
        None => (Elements::floats(&next, &expected.values), Elements::Floats(vec![0.0; next.len()])),
    };
    let shared = Arc::new(Shared {
        packed,
        input,
        scale: expected.scale.clone(),
        offset: expected.offset.clone(),
        residual: expected.residual.clone(),
        next,
        levels,
        stored,
    });
    for &kernels in kernels {
        let description = Description {
            group: Group::Layers,
            kernel: format!("{}_{}", shared.packed.kernel(), kernels.isa()),
            problem: format!("{} {}→{}", layer.name, geometry.input, geometry.output.channels),
            scheme: if kernel.is_some() { QUANTIZATION.name() } else { FLOAT.to_owned() },
            isa: kernels.isa().name(),
            granularity: problem.granularity(),
            threads: 1,
            batch: 1,
            macs: geometry.macs(),
            parts: problem.parts(&shared.packed),
        };
        let values = vec![0.0; geometry.output.len()];
        cases.push(Case::new(description, Layer { kernels, shared: shared.clone(), values, output: output.clone() })?);
    }
    Ok(())
}

/// What the cases of one layer have in common.
struct Shared {
    packed: PackedConv,
    input: Elements,
    scale: Vec<f32>,
    offset: Vec<f32>,
    residual: Vec<f32>,
    next: InputLayout,
    levels: Option<Levels>,
    /// The output of the reference as the next layer reads it.
    stored: Elements,
}

struct Layer {
    kernels: Kernels,
    shared: Arc<Shared>,
    values: Vec<f32>,
    output: Elements,
}

impl Workload for Layer {
    fn run(&mut self) -> Result<(), BenchError> {
        let Shared { packed, input, scale, offset, residual, next, levels, .. } = &*self.shared;
        let shape = packed.geometry().output;
        let row_len = shape.width * shape.channels;
        let input = Input { layout: *packed.layout(), data: input.data() };
        let at_once = PIXELS.div_ceil(shape.width);
        for start in (0..shape.height).step_by(at_once) {
            let rows = start..(start + at_once).min(shape.height);
            let values = &mut self.values[..rows.len() * row_len];
            let pixels = rows.start * shape.width..rows.end * shape.width;
            let range = OutputRange { pixels, blocks: 0..packed.blocks() };
            packed.run(self.kernels, input, &range, values)?;
            let finish = Finish {
                bias: None,
                affine: Some(Affine { scale, offset }),
                residual: Some(&residual[start * row_len..][..values.len()]),
                activation: Activation::Relu,
            };
            self.kernels.finish(values, shape.channels, &finish)?;
            for (y, row) in rows.zip(values.chunks_exact(row_len)) {
                match (&mut self.output, levels) {
                    (Elements::Words(words), Some(levels)) => {
                        self.kernels.place_values(row, *levels, next, &mut words[next.row(y)])?;
                    }
                    (Elements::Floats(floats), _) => floats[next.row(y)].copy_from_slice(row),
                    // Words are made with levels alone.
                    (Elements::Words(_), None) => {}
                }
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Mismatch> {
        self.output.check(&self.shared.stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syq_infer::Isa;

    #[test]
    fn every_layer_of_resnet20_is_right_on_every_instruction_set() {
        let kernels: Vec<Kernels> = Isa::available().into_iter().map(|isa| Kernels::new(isa).unwrap()).collect();
        let layers = layers(Architecture::ResNet20).unwrap();
        let coded = layers.iter().filter(|layer| layer.weights != WeightFormat::Float).count();
        // 3 widths with stride 1, 2 with stride 2; the stem, 2 shortcuts and the classifier are float.
        assert_eq!((coded, layers.len() - coded), (5, 4));
        let cases = cases(&kernels, &layers).unwrap();
        assert_eq!(cases.len(), kernels.len() * (coded * (1 + QuantizedKernel::ALL.len()) + layers.len() - coded));
    }
}
