//! From a model's layers to steps.
//!
//! A step starts at a layer that makes new values (convolution, pooling, flattening) and takes along
//! the batch norm, the residual add and the ReLU behind it, a convolution also a max pooling behind those, as
//! long as nobody else reads what lies between. Whatever cannot be taken along becomes a step of its own.

use super::error::PlanError;
use super::forms::{Form, Stored, coded_layouts, needed, read_form, readers};
use super::slots::{self, Virtual};
use super::step::{Pool, PoolOrder, Producer, Sink, SinkKind, Slot, Step};
use super::{Element, Plan, SlotSize};
use crate::kernels::{Activation, CodedWeights, InputFormat, InputLayout, Kernels, PackedConv, Windows};
use syq_core::{EightBitWeights, Padding, Shape, Window};
use syq_pack::network::{Domain, Op, Source, WeightFormat};
use syq_pack::{LayerParameters, LayerView, Model, ModelView};

pub(super) fn compile(model: &Model, kernels: Kernels) -> Result<Plan, PlanError> {
    let view = model.view()?;
    let mut compiler = Compiler { view: &view, kernels, steps: Vec::new(), stored: Vec::new(), slots: Vec::new() };
    compiler.input(model.network.input)?;
    let mut done = vec![false; view.layers.len()];
    for index in 0..view.layers.len() {
        if !done[index] && !matches!(view.layers[index].layer.op, Op::Quantize(_)) {
            for layer in compiler.step(index)? {
                done[layer] = true;
            }
        }
    }
    let last = view.layers.len() - 1;
    let logits = Stored { value: Source::Layer(last), form: Form::plain(view.layers[last].resolved.output)? };
    let output = compiler.slot(logits, &view.layers[last].layer.name)?;
    let Compiler { mut steps, slots, .. } = compiler;
    let (slots, output) = slots::share(&mut steps, &slots, output);
    let classes = view.classes();
    Ok(Plan { kernels, steps, slots, output, input_shape: model.network.input, classes })
}

struct Compiler<'a> {
    view: &'a ModelView<'a>,
    kernels: Kernels,
    steps: Vec<Step>,
    stored: Vec<(Stored, Slot)>,
    /// One for each stored form.
    slots: Vec<Virtual>,
}

impl<'a> Compiler<'a> {
    /// The step that puts the picture where its readers want it.
    fn input(&mut self, shape: Shape) -> Result<(), PlanError> {
        let step = bare("input", Vec::new(), Producer::Picture, shape);
        self.finish(step, Source::Input)
    }

    /// Emits the step that starts at layer `first`; returns the layers that it carries out.
    fn step(&mut self, first: usize) -> Result<Vec<usize>, PlanError> {
        let layer = &self.view.layers[first];
        let shape = layer.resolved.output;
        let producer = self.producer(layer)?;
        let mut step = bare(&layer.layer.name, vec![first], producer, shape);
        step.bias = layer.parameters.and_then(LayerParameters::bias).map(<[f32]>::to_vec);
        self.absorb_self(&mut step, layer)?;
        let mut last = first;
        if !step.producer.gives_codes() {
            while let Some(next) = self.take_along(&mut step, last)? {
                step.layers.push(next);
                last = next;
            }
        }
        step.pool_sums();
        let layers = step.layers.clone();
        self.finish(step, Source::Layer(last))?;
        Ok(layers)
    }

    /// The operation of a step that starts with an elementwise layer.
    fn absorb_self(&self, step: &mut Step, layer: &LayerView<'_>) -> Result<(), PlanError> {
        match &layer.layer.op {
            Op::BatchNorm => step.affine = Some(affine(layer)?),
            Op::Relu => step.activation = Activation::Relu,
            Op::Add => {
                let other = Stored { value: layer.resolved.inputs[1], form: Form::plain(layer.resolved.input)? };
                step.residual = Some(self.slot(other, &layer.layer.name)?);
            }
            _ => {}
        }
        Ok(())
    }

    fn producer(&mut self, layer: &LayerView<'a>) -> Result<Producer, PlanError> {
        let name = &layer.layer.name;
        let missing = |what| PlanError::Missing { layer: name.clone(), what };
        let value = layer.resolved.inputs[0];
        let form = read_form(self.view, layer, self.kernels)?.ok_or_else(|| missing("the input"))?;
        let mut input = self.slot(Stored { value, form }, name)?;
        let (shape, coded) = (layer.resolved.input, layer.resolved.input_domain != Domain::Float);
        let whole = Window { kernel: [shape.height, shape.width], stride: [1, 1], padding: Padding::NONE };
        Ok(match &layer.layer.op {
            Op::Conv(_) | Op::Linear(_) => {
                let geometry = layer.resolved.geometry.ok_or_else(|| missing("the geometry"))?;
                let packed = match layer.parameters {
                    Some(LayerParameters::Coded { codes, scales, .. }) => {
                        let levels = layer.input_levels.ok_or_else(|| missing("the activation step"))?;
                        let Some(WeightFormat::Codebook { codebook, granularity }) = layer.layer.op.weights() else {
                            return Err(missing("the codebook"));
                        };
                        let Domain::Codes { quantizer, .. } = layer.resolved.input_domain else {
                            return Err(missing("the codes"));
                        };
                        let scheme = (codebook, granularity);
                        let layout = coded_layouts(self.kernels, &geometry, scheme, quantizer.bits)?.read;
                        let weights = CodedWeights { granularity, codes, scales };
                        PackedConv::coded(name, &geometry, &layout, levels, weights)?
                    }
                    Some(LayerParameters::EightBit { codes, scales, .. }) => {
                        let (layout, geometry) = match form {
                            Form::Placed(layout) => (layout, geometry),
                            Form::Windows(layout, _) => {
                                let over = Windows::of(&geometry, layout.format());
                                (layout, over.ok_or_else(|| missing("its windows"))?.1)
                            }
                            _ => return Err(missing("the codes")),
                        };
                        let levels = layer.input_levels.ok_or_else(|| missing("the activation step"))?;
                        PackedConv::eight_bit(name, &geometry, &layout, levels, EightBitWeights { codes, scales })?
                    }
                    Some(LayerParameters::Float { weights, .. }) => {
                        let layout = InputLayout::of(&geometry, InputFormat::Float)?;
                        if coded {
                            input = self.dequantize(layer, input, layout)?;
                        }
                        PackedConv::float(name, &geometry, &layout, weights)?
                    }
                    _ => return Err(missing("the weight tensor")),
                };
                let stored = if let Form::Placed(layout) = form { layout } else { *packed.layout() };
                Producer::Conv { packed: Box::new(packed), input, stored }
            }
            Op::MaxPool(window) if coded => Producer::MaxPoolCodes { input, window: *window, shape },
            Op::MaxPool(window) => Producer::MaxPool { input, window: *window, shape },
            Op::AveragePool(window) => Producer::AveragePool { input, window: *window, shape },
            Op::GlobalAveragePool => Producer::AveragePool { input, window: whole, shape },
            _ if coded => Producer::Codes { input },
            _ => Producer::Floats { input },
        })
    }

    /// A step that turns the codes a float layer reads into values.
    fn dequantize(&mut self, layer: &LayerView<'_>, input: Slot, layout: InputLayout) -> Result<Slot, PlanError> {
        let name = &layer.layer.name;
        let missing = PlanError::Missing { layer: name.clone(), what: "the activation step" };
        let levels = layer.input_levels.ok_or(missing)?;
        let slot = self.new_slot(Form::Floats(layout), layer.resolved.input);
        let producer = Producer::Dequantize { input, levels };
        let mut step = bare(&format!("{name}.input"), Vec::new(), producer, layer.resolved.input);
        step.sinks.push(Sink { slot, kind: SinkKind::Floats(layout) });
        self.steps.push(step);
        Ok(slot)
    }

    /// Takes the layer behind `last` into the step if it fits there and nobody else reads `last`.
    fn take_along(&self, step: &mut Step, last: usize) -> Result<Option<usize>, PlanError> {
        let mut behind = readers(self.view, Source::Layer(last));
        let (Some((next, layer)), None) = (behind.next(), behind.next()) else { return Ok(None) };
        if step.pool.is_some() {
            return Ok(None);
        }
        let open = step.residual.is_none() && step.activation == Activation::Identity;
        let taken = match &layer.layer.op {
            Op::BatchNorm if open && step.affine.is_none() => {
                step.affine = Some(affine(layer)?);
                true
            }
            Op::Add if open => {
                let other = layer.resolved.inputs.iter().find(|input| **input != Source::Layer(last));
                let form = Form::plain(layer.resolved.input)?;
                let stored = other.and_then(|value| self.find(Stored { value: *value, form }));
                step.residual = stored;
                stored.is_some()
            }
            Op::Relu if step.activation == Activation::Identity => {
                step.activation = Activation::Relu;
                true
            }
            // What is added lies as the rows of the sum do, not as the pooled ones.
            Op::MaxPool(window) if step.residual.is_none() && matches!(step.producer, Producer::Conv { .. }) => {
                step.pool = Some(Pool { window: *window, shape: step.shape, order: PoolOrder::Finished });
                step.shape = layer.resolved.output;
                true
            }
            _ => false,
        };
        Ok(taken.then_some(next))
    }

    /// Gives the step a sink for every form of `value` that somebody reads, and emits it.
    fn finish(&mut self, mut step: Step, value: Source) -> Result<(), PlanError> {
        for (stored, levels) in needed(self.view, value, self.kernels)? {
            let slot = self.new_slot(stored.form, step.shape);
            let kind = match stored.form {
                Form::Floats(layout) => SinkKind::Floats(layout),
                Form::Codes => SinkKind::Codes(levels),
                Form::Placed(layout) => SinkKind::Placed(layout, levels),
                Form::Windows(layout, windows) => {
                    let missing = || PlanError::Missing { layer: step.name.clone(), what: "the activation step" };
                    SinkKind::Windows(layout, windows, levels.ok_or_else(missing)?)
                }
            };
            step.sinks.push(Sink { slot, kind });
            self.stored.push((stored, slot));
        }
        self.steps.push(step);
        Ok(())
    }

    fn find(&self, wanted: Stored) -> Option<Slot> {
        self.stored.iter().find(|(stored, _)| *stored == wanted).map(|(_, slot)| *slot)
    }

    fn slot(&self, wanted: Stored, layer: &str) -> Result<Slot, PlanError> {
        let missing = || PlanError::Missing { layer: layer.to_owned(), what: "an input in the form it reads" };
        self.find(wanted).ok_or_else(missing)
    }

    fn new_slot(&mut self, form: Form, shape: Shape) -> Slot {
        let (element, len) = match form {
            Form::Floats(layout) => (Element::Float, layout.len()),
            Form::Codes => (Element::Code, shape.len()),
            Form::Placed(layout) | Form::Windows(layout, _) => (Element::Word, layout.len()),
        };
        self.slots.push(Virtual { element, len });
        Slot(self.slots.len() - 1)
    }
}

fn bare(name: &str, layers: Vec<usize>, producer: Producer, shape: Shape) -> Step {
    let name = name.to_owned();
    Step {
        name,
        layers,
        producer,
        shape,
        bias: None,
        affine: None,
        residual: None,
        activation: Activation::Identity,
        pool: None,
        sinks: Vec::new(),
    }
}

fn affine(layer: &LayerView<'_>) -> Result<[Vec<f32>; 2], PlanError> {
    match layer.parameters {
        Some(LayerParameters::BatchNorm { scale, offset }) => Ok([scale.clone(), offset.clone()]),
        _ => Err(PlanError::Missing { layer: layer.layer.name.clone(), what: "the scale and offset" }),
    }
}

impl From<Virtual> for SlotSize {
    fn from(slot: Virtual) -> Self {
        Self { element: slot.element, len: slot.len }
    }
}
