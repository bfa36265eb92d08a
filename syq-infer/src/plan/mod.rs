//! Compiles a model into a plan: fused steps with their kernels, packed weights and buffers.
//!
//! A step produces the rows of one feature map, finishes them (bias, batch norm, residual, ReLU) and
//! hands every row to its sinks, each of which stores it in the form that some later step reads:
//! floats, codes, or codes laid out for a kernel, zero padding included. A max pooling behind a convolution
//! is part of its step: the rows that it pools never leave the working space. No step only moves data,
//! but for flattening and for the picture itself.

mod compile;
mod error;
mod forms;
mod pooling;
mod slots;
mod step;
mod traffic;
mod work;

pub use error::PlanError;
pub use step::{PlanStep, StepKind};

pub(crate) use step::{Pool, PoolOrder, Producer, SinkKind, Slot, Step};
pub(crate) use work::pixels_at_once;

use crate::isa::Isa;
use crate::kernels::Kernels;
use syq_core::Shape;
use syq_pack::Model;

/// A compiled model: immutable, and shared by every session that runs it.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) kernels: Kernels,
    pub(crate) steps: Vec<Step>,
    /// Elements of each slot (4 bytes for words and floats, 1 for codes).
    pub(crate) slots: Vec<SlotSize>,
    pub(crate) output: Slot,
    pub(crate) input_shape: Shape,
    pub(crate) classes: usize,
}

/// How large a slot is, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotSize {
    pub(crate) element: Element,
    pub(crate) len: usize,
}

/// The type of a slot's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Element {
    Float,
    Word,
    Code,
}

/// Nanoseconds until a sleeping thread works, and what it finds in the caches of the other one.
const WAKING: f64 = 200_000.0;

impl Plan {
    /// Compiles `model` for the kernels of one instruction set.
    ///
    /// # Errors
    /// A model that does not fit together, or a layer that no kernel can run.
    pub fn new(model: &Model, kernels: Kernels) -> Result<Self, PlanError> {
        compile::compile(model, kernels)
    }

    /// The instruction set.
    pub fn isa(&self) -> Isa {
        self.kernels.isa()
    }

    /// Shape of the input, `[row][column][channel]`.
    pub fn input(&self) -> Shape {
        self.input_shape
    }

    /// Number of logits.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// What the steps do, in the order in which they run.
    pub fn steps(&self) -> impl Iterator<Item = PlanStep<'_>> {
        self.steps.iter().map(|step| PlanStep::of(step, self.kernels))
    }

    /// Bytes of the packed weights in memory.
    pub fn weight_bytes(&self) -> usize {
        self.steps.iter().map(Step::weight_bytes).sum()
    }

    /// Bytes of feature maps that a session of that many threads needs for each image that it works on at a time.
    pub fn scratch_bytes(&self, threads: usize) -> usize {
        let bytes = |slot: &SlotSize| slot.len * if slot.element == Element::Code { 1 } else { 4 };
        self.slots.iter().map(bytes).sum::<usize>() + 4 * (self.work_len() + threads * self.tables_len())
    }

    /// Whether one image is done sooner by several threads than by one: what is saved on the steps that are worth
    /// sharing has to pay for waking them.
    pub(crate) fn is_worth_sharing(&self) -> bool {
        let shared = self.steps.iter().filter(|step| step.is_worth_sharing(self.kernels));
        shared.map(|step| step.nanoseconds(self.kernels) / 2.0).sum::<f64>() > WAKING
    }

    /// Elements in which each thread makes tables.
    pub(crate) fn tables_len(&self) -> usize {
        self.steps.iter().map(Step::tables_len).max().unwrap_or(0)
    }

    /// The executor's working space: enough for every step to be shared out by rows.
    pub(crate) fn work_len(&self) -> usize {
        self.steps.iter().map(|step| step.work_len(step.shape.height * step.shape.width)).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syq_core::{ActivationQuantizer, ActivationRange, BitWidth, Codebook, Granularity};
    use syq_pack::zoo::{Architecture, FirstLast, Scheme};

    #[test]
    fn large_networks_are_worth_sharing_and_small_ones_are_not() {
        let activation = ActivationQuantizer { bits: BitWidth::Two, range: ActivationRange::Learned };
        let (codebook, granularity) = (Codebook::Ternary, Granularity::Pixel);
        let scheme = Scheme::Quantized { codebook, granularity, activation, first_last: FirstLast::EIGHT_BIT };
        for (architecture, image, shared) in [
            (Architecture::ResNet20, 16, false),
            (Architecture::VggSmall, 32, true),
            (Architecture::ResNet18, 112, true),
        ] {
            let model = Model::random(architecture.build(scheme, image, 10), 1).unwrap();
            for isa in Isa::available() {
                let plan = Plan::new(&model, Kernels::new(isa).unwrap()).unwrap();
                assert!(plan.is_worth_sharing() == shared || !shared && isa == Isa::Portable, "{architecture:?} {isa}");
            }
        }
    }

    #[test]
    fn sums_are_pooled_where_that_is_exact() {
        let activation = ActivationQuantizer { bits: BitWidth::Two, range: ActivationRange::Learned };
        let (codebook, granularity) = (Codebook::Ternary, Granularity::Pixel);
        for (first_last, order) in
            [(FirstLast::EIGHT_BIT, Some(PoolOrder::Sums)), (FirstLast::Float, Some(PoolOrder::Finished))]
        {
            let scheme = Scheme::Quantized { codebook, granularity, activation, first_last };
            // Random batch norms have negative factors, which an 8-bit layer can take over and a float one cannot.
            let model = Model::random(Architecture::ResNet18.build(scheme, 64, 10), 1).unwrap();
            let plan = Plan::new(&model, Kernels::detect()).unwrap();
            let pooled = plan.steps.iter().find(|step| step.pool.is_some()).unwrap();
            assert_eq!(pooled.pool.map(|pool| pool.order), order);
            let negative =
                pooled.affine.as_ref().is_some_and(|[factors, _]| factors.iter().any(|factor| *factor < 0.0));
            assert_eq!(negative, order == Some(PoolOrder::Finished));
        }
    }
}
