//! What a convolution reads: its input as that lies in memory, or tables made of its codes, of some rows at a time.
//!
//! Tables take four to eight times as much as the codes. Made by the convolution that before produced the codes, those of a
//! large map would be out of the second-level cache before they are read.

use super::buffers::Buffers;
use crate::kernels::{Input, InputData, InputFormat, InputLayout, KernelError, Kernels, OutputRange, PackedConv};
use crate::plan::Slot;
use std::ops::Range;

/// The input of one task's convolution.
#[derive(Debug)]
pub(super) struct Operand<'a> {
    kernels: Kernels,
    packed: &'a PackedConv,
    source: Source<'a>,
}

#[derive(Debug)]
enum Source<'a> {
    Stored(Input<'a>),
    Tables(Tables<'a>),
}

/// The tables of consecutive rows, padding rows counted.
#[derive(Debug)]
struct Tables<'a> {
    stored: InputLayout,
    codes: &'a [u32],
    memory: &'a mut [u32],
    rows: Range<usize>,
}

impl<'a> Operand<'a> {
    /// The input in `slot`, which lies as `stored` says; `memory` is room for tables.
    pub(super) fn new(
        kernels: Kernels,
        packed: &'a PackedConv,
        (slot, stored): (Slot, InputLayout),
        buffers: &'a Buffers,
        memory: &'a mut [u32],
    ) -> Self {
        let source = if stored == *packed.layout() {
            Source::Stored(input(packed, buffers, slot))
        } else {
            Source::Tables(Tables { stored, codes: buffers.words(slot, stored.len()), memory, rows: 0..0 })
        };
        Self { kernels, packed, source }
    }

    /// All filters of some pixels.
    pub(super) fn whole(&self, pixels: Range<usize>) -> OutputRange {
        OutputRange { pixels, blocks: 0..self.packed.blocks() }
    }

    /// Computes outputs, as [`PackedConv::run`].
    pub(super) fn run(&mut self, range: &OutputRange, output: &mut [f32]) -> Result<(), KernelError> {
        let (kernels, packed) = (self.kernels, self.packed);
        match &mut self.source {
            Source::Stored(input) => packed.run(kernels, *input, range, output),
            Source::Tables(tables) => {
                tables.make(kernels, packed.layout(), packed.input_rows(&range.pixels))?;
                let words = &tables.memory[..tables.rows.len() * packed.layout().row_len()];
                packed.run_rows(kernels, tables.rows.clone(), words, range, output)
            }
        }
    }
}

impl Tables<'_> {
    /// Sees to it that the tables of the `needed` rows are there.
    fn make(&mut self, kernels: Kernels, layout: &InputLayout, needed: Range<usize>) -> Result<(), KernelError> {
        let (row_len, codes_len) = (layout.row_len(), self.stored.row_len());
        let room = self.memory.len() / row_len.max(1);
        if needed.len() > room {
            let (start, end) = (needed.start, needed.end);
            return Err(KernelError::Range { what: "rows of tables", start, end, count: room });
        }
        if !(self.rows.start..=self.rows.end).contains(&needed.start) {
            self.rows = needed.start..needed.start;
        }
        if needed.end - self.rows.start > room {
            let kept = needed.start.min(self.rows.end) - self.rows.start;
            self.memory.copy_within(kept * row_len..self.rows.len() * row_len, 0);
            self.rows.start += kept;
        }
        while self.rows.end < needed.end {
            let row = self.rows.end;
            let to = &mut self.memory[self.rows.len() * row_len..][..row_len];
            let codes = self.codes.get(row * codes_len..(row + 1) * codes_len).unwrap_or_default();
            kernels.place_codes(bytemuck::cast_slice(codes), layout, to)?;
            self.rows.end += 1;
        }
        Ok(())
    }
}

/// The input of a packed layer that lies as its kernel reads it.
pub(super) fn input<'a>(packed: &PackedConv, buffers: &'a Buffers, slot: Slot) -> Input<'a> {
    let layout = *packed.layout();
    let data = match layout.format() {
        InputFormat::Float => InputData::Floats(buffers.floats(slot, layout.len())),
        _ => InputData::Words(buffers.words(slot, layout.len())),
    };
    Input { layout, data }
}
