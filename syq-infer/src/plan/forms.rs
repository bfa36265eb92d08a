//! The forms in which a value is stored: those that its readers need, and no others.

use super::error::PlanError;
use crate::kernels::{InputFormat, InputLayout, Kernels, QuantizedKernel, Windows, eight_bit_format};
use syq_core::{BitWidth, Codebook, ConvGeometry, Granularity, Levels, Padding};
use syq_pack::network::{Domain, Op, Source, WeightFormat};
use syq_pack::{LayerView, ModelView};

/// A value of the network, in one form.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stored {
    /// The value: the picture or a layer's output.
    pub(super) value: Source,
    pub(super) form: Form,
}

/// One form of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    /// Floats in a layout; without padding they lie `[row][column][channel]`.
    Floats(InputLayout),
    /// Codes side by side.
    Codes,
    /// Codes in a kernel's layout.
    Placed(InputLayout),
    /// Codes of the picture in a kernel's layout, window by window.
    Windows(InputLayout, Windows),
}

impl Form {
    /// Floats of `view`'s input without padding.
    pub(super) fn plain(shape: syq_core::Shape) -> Result<Self, PlanError> {
        Ok(Self::Floats(InputLayout::new(InputFormat::Float, shape, Padding::NONE, 1)?))
    }
}

/// The layers that read `value`.
pub(super) fn readers<'a, 'b>(
    view: &'b ModelView<'a>,
    value: Source,
) -> impl Iterator<Item = (usize, &'b LayerView<'a>)> {
    view.layers.iter().enumerate().filter(move |(_, layer)| layer.resolved.inputs.contains(&value))
}

/// The form in which `layer` reads its input; `None` for a quantizer, which reads nothing itself.
pub(super) fn read_form(
    view: &ModelView<'_>,
    layer: &LayerView<'_>,
    kernels: Kernels,
) -> Result<Option<Form>, PlanError> {
    let resolved = &layer.resolved;
    let coded = resolved.input_domain != Domain::Float;
    Ok(Some(match (&layer.layer.op, resolved.geometry) {
        (Op::Quantize(_), _) => return Ok(None),
        (op, Some(geometry)) => match (op.weights(), resolved.input_domain) {
            (Some(WeightFormat::Codebook { codebook, granularity }), Domain::Codes { quantizer, .. }) => {
                Form::Placed(coded_layouts(kernels, &geometry, (codebook, granularity), quantizer.bits)?.stored)
            }
            (Some(WeightFormat::EightBit), Domain::Codes { quantizer, .. }) => {
                let format = eight_bit_format(kernels.isa());
                if let Some((windows, over)) = Windows::of(&geometry, format)
                    && reads_picture(view, layer)
                {
                    let layout = InputLayout::of(&over, format)?.with_zero(quantizer.zero());
                    return Ok(Some(Form::Windows(layout, windows)));
                }
                Form::Placed(InputLayout::of(&geometry, format)?.with_zero(quantizer.zero()))
            }
            // A float layer on codes reads the values that they stand for, made by a step of its own.
            (_, Domain::Codes { .. }) => Form::Codes,
            (_, Domain::Float) => Form::Floats(InputLayout::of(&geometry, InputFormat::Float)?),
        },
        _ if coded => Form::Codes,
        _ => Form::plain(resolved.input)?,
    }))
}

/// How the input of a layer with a codebook's weights lies.
pub(super) struct CodedLayouts {
    /// Between two layers.
    pub(super) stored: InputLayout,
    /// As its kernel reads it: the same, or made of it.
    pub(super) read: InputLayout,
}

/// The layouts of the kernel that such a layer gets.
pub(super) fn coded_layouts(
    kernels: Kernels,
    geometry: &ConvGeometry,
    (codebook, granularity): (Codebook, Granularity),
    bits: BitWidth,
) -> Result<CodedLayouts, PlanError> {
    let kernel = QuantizedKernel::choose(kernels.isa(), geometry, codebook, granularity, bits);
    let [stored, read] = [kernel.stored(geometry, codebook, bits), kernel.format(codebook, bits)]
        .map(|format| InputLayout::of(geometry, format));
    Ok(CodedLayouts { stored: stored?, read: read? })
}

/// Whether the layer's codes are those of the picture, whose rows are stored whole.
fn reads_picture(view: &ModelView<'_>, layer: &LayerView<'_>) -> bool {
    layer.resolved.inputs.iter().all(|input| match input {
        Source::Input => true,
        Source::Layer(quantizer) => view.layers[*quantizer].resolved.inputs.iter().all(|of| *of == Source::Input),
    })
}

/// Every form of `value` that somebody reads, with the quantizer's levels for forms that lie behind
/// one: (the value read, its form, levels).
pub(super) fn needed(
    view: &ModelView<'_>,
    value: Source,
    kernels: Kernels,
) -> Result<Vec<(Stored, Option<Levels>)>, PlanError> {
    let mut forms: Vec<(Stored, Option<Levels>)> = Vec::new();
    let mut add = |stored, levels| {
        if !forms.iter().any(|(known, _)| *known == stored) {
            forms.push((stored, levels));
        }
    };
    for (index, reader) in readers(view, value) {
        if let Some(form) = read_form(view, reader, kernels)? {
            add(Stored { value, form }, None);
            continue;
        }
        let quantized = Source::Layer(index);
        for (_, reader) in readers(view, quantized) {
            if let Some(form) = read_form(view, reader, kernels)? {
                add(Stored { value: quantized, form }, reader_levels(view, index));
            }
        }
    }
    if value == Source::Layer(view.layers.len() - 1) {
        let shape = view.layers[view.layers.len() - 1].resolved.output;
        add(Stored { value, form: Form::plain(shape)? }, None);
    }
    Ok(forms)
}

fn reader_levels(view: &ModelView<'_>, quantizer: usize) -> Option<Levels> {
    view.layers[quantizer].output_levels
}
