//! A network as the trainer runs it: the layers of a [`Network`] compiled to tape layers, with
//! their parameters.

mod build;
mod export;
mod initial;
mod link;
mod observe;
mod state;

pub use build::BuildOptions;
pub use state::Tensors;

use crate::error::TrainError;
use crate::layers::{Loss, Objective, Statistics, WeightSource};
use crate::optim::Group;
use crate::parallel::Workers;
use crate::tape::Parameter;
use crate::tape::{Buffers, Context, Layer, Tape, Tensor, Var};
use std::collections::BTreeMap;
use syq_core::{Shape, WeightShape};
use syq_pack::Network;

/// One layer's inputs among the values of the graph: 0 is the picture, i + 1 the output of layer i.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    inputs: Vec<usize>,
}

/// Where the master weights of a quantized layer are, and its scales if they are parameters.
#[derive(Clone, Debug)]
struct CodedLayer {
    name: String,
    shape: WeightShape,
    weights: usize,
    source: WeightSource,
}

/// A network with parameters that can learn.
#[derive(Debug)]
pub struct Graph {
    network: Network,
    parameters: Vec<Parameter>,
    layers: Vec<Box<dyn Layer>>,
    nodes: Vec<Node>,
    /// Layers whose weights have a codebook or 8 bits.
    coded: Vec<CodedLayer>,
    /// Where each batch norm keeps its running statistics: layer name to layer index.
    batch_norms: BTreeMap<String, usize>,
    options: BuildOptions,
    tape: Tape,
    buffers: Buffers,
}

impl Graph {
    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The same network, as far as its weights do not depend on it, on pictures of another size.
    ///
    /// # Errors
    /// A network that does not fit the size, or has weights that do not.
    pub fn resized(&self, input: Shape) -> Result<Self, TrainError> {
        let mut resized = Self::new(&Network { input, ..self.network.clone() }, self.options)?;
        resized.restore(&self.state())?;
        Ok(resized)
    }

    /// The parameters, in a fixed order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The parameters, for an optimizer.
    pub fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut self.parameters
    }

    /// One training step without the update: forward, loss and backward. `images` are
    /// `[image][row][column][channel]`, normalised.
    ///
    /// # Errors
    /// Weights that cannot be quantized any more (NaN, infinity).
    pub fn step(
        &mut self,
        workers: &Workers,
        images: &[f32],
        labels: &[u32],
        objective: &impl Objective,
    ) -> Result<Loss, TrainError> {
        workers.enter(|| self.step_on_thread(workers, images, labels, objective))
    }

    fn step_on_thread(
        &mut self,
        workers: &Workers,
        images: &[f32],
        labels: &[u32],
        objective: &impl Objective,
    ) -> Result<Loss, TrainError> {
        let logits = self.forward(workers, images, labels.len(), Statistics::Batch)?;
        let values = &self.tape.value(logits).values;
        let mut gradient = self.buffers.take(values.len());
        let measured = objective.measure(values, labels, &mut gradient);
        for parameter in &mut self.parameters {
            if parameter.group == Group::Step {
                parameter.gradient.fill(0.0);
            }
        }
        let mut tape = std::mem::take(&mut self.tape);
        let (mut cx, layers) = self.context(workers, labels.len(), Statistics::Batch);
        tape.backward(&mut cx, layers, logits, gradient)?;
        self.tape = tape;
        Ok(measured)
    }

    /// The logits of a batch, `[image][class]`, in training mode with [`Statistics::Batch`], where running statistics move,
    /// and as in inference with [`Statistics::Running`] (there to the engine's bits only as far as the sums are exact).
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn logits(
        &mut self,
        workers: &Workers,
        images: &[f32],
        batch: usize,
        statistics: Statistics,
    ) -> Result<Vec<f32>, TrainError> {
        let logits = workers.enter(|| self.forward(workers, images, batch, statistics))?;
        let values = self.tape.value(logits).values.to_vec();
        self.tape.clear(&mut self.buffers);
        Ok(values)
    }

    fn forward(
        &mut self,
        workers: &Workers,
        images: &[f32],
        batch: usize,
        statistics: Statistics,
    ) -> Result<Var, TrainError> {
        let shape = self.network.input;
        let expected = shape.len() * batch;
        if images.len() != expected || batch == 0 {
            return Err(TrainError::Length { name: "the batch".to_owned(), found: images.len(), expected });
        }
        let mut picture = self.buffers.take(images.len());
        picture.copy_from_slice(images);
        let mut tape = std::mem::take(&mut self.tape);
        tape.clear(&mut self.buffers);
        let mut vars = vec![tape.constant(Tensor::new(shape, picture))];
        let nodes = std::mem::take(&mut self.nodes);
        let (mut cx, layers) = self.context(workers, batch, statistics);
        let mut result = Ok(());
        for (index, node) in nodes.iter().enumerate() {
            let inputs: Vec<Var> = node.inputs.iter().map(|input| vars[*input]).collect();
            match tape.apply(&mut cx, layers, index, &inputs) {
                Ok(var) => vars.push(var),
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        self.nodes = nodes;
        self.tape = tape;
        result.map(|()| vars[vars.len() - 1])
    }

    fn context<'a>(
        &'a mut self,
        workers: &'a Workers,
        batch: usize,
        statistics: Statistics,
    ) -> (Context<'a>, &'a mut [Box<dyn Layer>]) {
        let cx = Context { workers, buffers: &mut self.buffers, parameters: &mut self.parameters, batch, statistics };
        (cx, &mut self.layers)
    }
}
