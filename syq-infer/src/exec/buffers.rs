//! The memory that one image needs on its way through a plan.

use crate::plan::{Element, Plan, Slot, SlotSize};
use syq_pack::Aligned;

/// One slot's memory.
#[derive(Clone, Debug)]
pub(crate) enum Buffer {
    Floats(Aligned<f32>),
    Words(Aligned<u32>),
    Codes(Aligned<u8>),
}

impl Buffer {
    fn new(size: &SlotSize) -> Self {
        match size.element {
            Element::Float => Self::Floats(Aligned::zeros(size.len)),
            Element::Word => Self::Words(Aligned::zeros(size.len)),
            Element::Code => Self::Codes(Aligned::zeros(size.len)),
        }
    }
}

/// The slots of a plan, and a working space for the pixels between a producer and its sinks.
#[derive(Clone, Debug)]
pub(crate) struct Buffers {
    slots: Vec<Buffer>,
    pub(super) values: Aligned<f32>,
    pub(super) code_values: Aligned<u8>,
    /// Room for each thread to make tables in.
    pub(super) tables: Aligned<u32>,
}

impl Buffers {
    /// For a run on that many threads.
    pub(crate) fn new(plan: &Plan, threads: usize) -> Self {
        let codes = plan.steps.iter().filter(|step| step.producer.gives_codes());
        Self {
            slots: plan.slots.iter().map(Buffer::new).collect(),
            values: Aligned::zeros(plan.work_len()),
            code_values: Aligned::zeros(codes.map(|step| step.shape.len()).max().unwrap_or(0)),
            tables: Aligned::zeros(threads * plan.tables_len()),
        }
    }

    /// Takes a slot out, to be written while others are read; [`Self::put`] brings it back.
    pub(super) fn take(&mut self, slot: Slot) -> Buffer {
        std::mem::replace(&mut self.slots[slot.0], Buffer::Codes(Aligned::default()))
    }

    pub(super) fn put(&mut self, slot: Slot, buffer: Buffer) {
        self.slots[slot.0] = buffer;
    }

    /// The first `len` floats of a slot; empty where the slot has none, which no kernel accepts.
    pub(super) fn floats(&self, slot: Slot, len: usize) -> &[f32] {
        match &self.slots[slot.0] {
            Buffer::Floats(values) => values.get(..len).unwrap_or_default(),
            _ => &[],
        }
    }

    /// The first `len` words of a slot.
    pub(super) fn words(&self, slot: Slot, len: usize) -> &[u32] {
        match &self.slots[slot.0] {
            Buffer::Words(words) => words.get(..len).unwrap_or_default(),
            _ => &[],
        }
    }

    /// The first `len` codes of a slot.
    pub(super) fn codes(&self, slot: Slot, len: usize) -> &[u8] {
        match &self.slots[slot.0] {
            Buffer::Codes(codes) => codes.get(..len).unwrap_or_default(),
            _ => &[],
        }
    }
}
