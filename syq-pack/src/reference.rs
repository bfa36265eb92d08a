//! The reference executor: walks a model with the plain loops of [`syq_core::reference`].
//!
//! Slow and obvious; it defines what every other executor must give, bit for bit.

use crate::model::{LayerParameters, LayerView, Model, ModelError, ModelView};
use crate::network::{Op, Source, WeightFormat};
use std::borrow::Cow;
use syq_core::reference::{
    CodedWeights, add, affine, average_pool, coded_convolution, eight_bit_convolution, float_convolution, max_pool,
    relu,
};
use syq_core::{CoreErrorKind, EightBitWeights, Padding, Window};

/// What one layer gave, `[height][width][channel]`.
#[derive(Clone, Debug, PartialEq)]
pub enum Tensor {
    /// f32 values.
    Float(Vec<f32>),
    /// Activation codes.
    Codes(Vec<u8>),
}

impl Tensor {
    /// The values, if they are floats.
    pub fn floats(&self) -> Option<&[f32]> {
        match self {
            Self::Float(values) => Some(values),
            Self::Codes(_) => None,
        }
    }

    /// The codes, if they are codes.
    pub fn codes(&self) -> Option<&[u8]> {
        match self {
            Self::Float(_) => None,
            Self::Codes(codes) => Some(codes),
        }
    }
}

/// The logits of one input, `[height][width][channel]` f32.
///
/// # Errors
/// A model that does not fit together, or an input of another length.
pub fn logits(model: &Model, input: &[f32]) -> Result<Vec<f32>, ModelError> {
    match trace(&model.view()?, input)?.pop() {
        Some(Tensor::Float(logits)) => Ok(logits),
        // A checked network ends in floats.
        _ => Ok(Vec::new()),
    }
}

/// The outputs of every layer for one input, in the network's order; the last are the logits.
///
/// # Errors
/// An input of another length than the network's.
pub fn trace(view: &ModelView<'_>, input: &[f32]) -> Result<Vec<Tensor>, ModelError> {
    let expected = view.model.network.input;
    if input.len() != expected.len() {
        return Err(ModelError::Input { found: input.len(), expected });
    }
    let input = Tensor::Float(input.to_vec());
    let mut outputs: Vec<Tensor> = Vec::with_capacity(view.layers.len());
    for layer in &view.layers {
        let inputs: Vec<&Tensor> = layer
            .resolved
            .inputs
            .iter()
            .map(|source| match source {
                Source::Input => &input,
                Source::Layer(index) => &outputs[*index],
            })
            .collect();
        let output = evaluate(layer, &inputs)?;
        outputs.push(output);
    }
    Ok(outputs)
}

fn evaluate(view: &LayerView<'_>, inputs: &[&Tensor]) -> Result<Tensor, ModelError> {
    let shape = view.resolved.input;
    let fail = |kind: CoreErrorKind| ModelError::layer(&view.layer.name, kind);
    let pool_all = Window { kernel: [shape.height, shape.width], stride: [1, 1], padding: Padding::NONE };
    Ok(match (&view.layer.op, inputs) {
        (Op::Conv(_) | Op::Linear(_), [input]) => Tensor::Float(convolution(view, input)?),
        (Op::MaxPool(window), [Tensor::Float(x)]) => {
            Tensor::Float(max_pool(x, shape, *window, f32::NEG_INFINITY).map_err(|error| fail(error.into()))?)
        }
        (Op::MaxPool(window), [Tensor::Codes(x)]) => {
            Tensor::Codes(max_pool(x, shape, *window, 0).map_err(|error| fail(error.into()))?)
        }
        (Op::AveragePool(window), [input]) => {
            Tensor::Float(average_pool(&floats(view, input), shape, *window).map_err(|error| fail(error.into()))?)
        }
        (Op::GlobalAveragePool, [input]) => {
            Tensor::Float(average_pool(&floats(view, input), shape, pool_all).map_err(|error| fail(error.into()))?)
        }
        (Op::BatchNorm, [input]) => {
            let mut x = floats(view, input).into_owned();
            if let Some(LayerParameters::BatchNorm { scale, offset }) = view.parameters {
                affine(&mut x, scale, offset);
            }
            Tensor::Float(x)
        }
        (Op::Relu, [input]) => {
            let mut x = floats(view, input).into_owned();
            relu(&mut x);
            Tensor::Float(x)
        }
        (Op::Add, [a, b]) => Tensor::Float(add(&floats(view, a), &floats(view, b))),
        (Op::Quantize(_), [input]) => {
            let code = |x: &f32| view.output_levels.map_or(0, |levels| levels.code(*x));
            Tensor::Codes(floats(view, input).iter().map(code).collect())
        }
        // Flatten: `[height][width][channel]` is the order in memory already.
        (_, [input, ..]) => (*input).clone(),
        (_, []) => Tensor::Float(Vec::new()),
    })
}

fn convolution(view: &LayerView<'_>, input: &Tensor) -> Result<Vec<f32>, ModelError> {
    let Some(geometry) = view.resolved.geometry else { return Ok(Vec::new()) };
    let name = &view.layer.name;
    let mut z = match (view.parameters, input) {
        (Some(LayerParameters::Coded { codes, scales, .. }), Tensor::Codes(input)) => {
            let (Some(levels), Some(WeightFormat::Codebook { codebook, granularity })) =
                (view.input_levels, view.layer.op.weights())
            else {
                return Ok(Vec::new());
            };
            let weights = CodedWeights { codebook, granularity, codes: &codes.unpack(), scales };
            coded_convolution(name, &geometry, input, levels, weights)
        }
        (Some(LayerParameters::EightBit { codes, scales, .. }), Tensor::Codes(input)) => {
            let Some(levels) = view.input_levels else { return Ok(Vec::new()) };
            eight_bit_convolution(name, &geometry, input, levels, EightBitWeights { codes, scales })
        }
        (Some(LayerParameters::Float { weights, .. }), _) => {
            float_convolution(name, &geometry, &floats(view, input), weights)
        }
        _ => return Ok(Vec::new()),
    }
    .map_err(|error| ModelError::layer(name, error.kind))?;
    if let Some(bias) = view.parameters.and_then(LayerParameters::bias) {
        for pixel in z.chunks_mut(bias.len().max(1)) {
            for (z, bias) in pixel.iter_mut().zip(bias) {
                *z += bias;
            }
        }
    }
    Ok(z)
}

/// The values of a tensor; codes stand for u · s, signed ones for (u − 128) · s.
fn floats<'a>(view: &LayerView<'_>, tensor: &'a Tensor) -> Cow<'a, [f32]> {
    match (tensor, view.input_levels) {
        (Tensor::Float(values), _) => Cow::Borrowed(values),
        (Tensor::Codes(codes), Some(levels)) => codes.iter().map(|code| levels.value(*code)).collect(),
        // A checked view gives levels wherever it gives codes.
        (Tensor::Codes(_), None) => Cow::Owned(Vec::new()),
    }
}
