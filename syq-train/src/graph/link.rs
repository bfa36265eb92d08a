//! Links batch norms with the convolutions around them, so that neither goes over a feature map that
//! the other reads or writes anyway.
//!
//! The output of a batch norm that one convolution alone reads is never stored: the convolution computes
//! it while it fills its operand. The first pass of a batch norm's gradient (ReLU's mask and two sums) is
//! done by the convolution that contributes last; the second by the convolution before it.

use super::Node;
use crate::layers::{BatchNorm, Convolution, Fusion, GradientPass, OutputPass};
use crate::tape::Layer;

/// A layer while the graph is built.
pub(super) enum Built {
    Convolution(Box<Convolution>),
    BatchNorm(BatchNorm),
    Other(Box<dyn Layer>),
}

/// Links what can be linked, and gives the layers as the tape takes them.
pub(super) fn link(mut layers: Vec<Built>, nodes: &mut [Node]) -> Vec<Box<dyn Layer>> {
    // Before anything is linked: a convolution that is given a batch norm's input is no reader of it.
    let mut readers = vec![Vec::new(); nodes.len() + 1];
    for (reader, node) in nodes.iter().enumerate() {
        node.inputs.iter().for_each(|value| readers[*value].push(reader));
    }
    for index in 0..layers.len() {
        let Built::BatchNorm(_) = layers[index] else { continue };
        let inputs = nodes[index].inputs.clone();
        let mut fusion = Fusion::default();
        if let [input, ..] = inputs[..]
            && input > 0
            && let Built::Convolution(maker) = &layers[input - 1]
            && maker.can_finish_gradient()
            && readers[input] == [index]
        {
            fusion.gradient = GradientPass::Maker;
        }
        // The tape walks back, so the first reader contributes last.
        let readers = &readers[index + 1];
        if let Some(first) = readers.first()
            && matches!(layers[*first], Built::Convolution(_))
            && nodes[*first].inputs.len() == 1
        {
            nodes[*first].inputs.push(inputs[0]);
            if readers.len() == 1 && inputs.len() == 1 {
                fusion.output = OutputPass::Reader;
            }
        }
        if let Built::BatchNorm(norm) = &mut layers[index] {
            norm.fuse(fusion);
        }
    }
    let boxed = |layer| -> Box<dyn Layer> {
        match layer {
            Built::Convolution(layer) => layer,
            Built::BatchNorm(layer) => Box::new(layer),
            Built::Other(layer) => layer,
        }
    };
    layers.into_iter().map(boxed).collect()
}
