//! What a convolution reads: its input as that lies in memory, or tables made of its codes, of some rows at a time.
//!
//! Tables take four to eight times as much as codes. Made with the codes, those of a large map would have left the
//! second-level cache before they are read.

use super::buffers::Buffers;
use crate::kernels::{Input, InputData, InputFormat, InputLayout, KernelError, Kernels, OutputRange, PackedConv, Soon};
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
        self.run_before(Soon::NOTHING, range, output)
    }

    /// [`Self::run`] where finishing the outputs will read or write `soon`.
    pub(super) fn run_before(
        &mut self,
        soon: Soon,
        range: &OutputRange,
        output: &mut [f32],
    ) -> Result<(), KernelError> {
        let (kernels, packed) = (self.kernels, self.packed);
        match &mut self.source {
            Source::Stored(Input { layout, data }) => {
                packed.run_rows(kernels, (0..layout.padded_height(), *data), range, soon, output)
            }
            Source::Tables(tables) => {
                tables.make(kernels, packed.layout(), packed.input_rows(&range.pixels))?;
                let words = &tables.memory[..tables.rows.len() * packed.layout().row_len()];
                packed.run_rows(kernels, (tables.rows.clone(), InputData::Words(words)), range, soon, output)
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
        // Rows with their padding are pixels like others, one behind the other.
        if self.rows.end < needed.end {
            let to = &mut self.memory[self.rows.len() * row_len..][..(needed.end - self.rows.end) * row_len];
            let codes = self.codes.get(self.rows.end * codes_len..needed.end * codes_len).unwrap_or_default();
            kernels.place_codes(bytemuck::cast_slice(codes), layout, to)?;
            self.rows.end = needed.end;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Isa;
    use crate::kernels::{QuantizedKernel, QuantizedWeights};
    use rand_pcg::Pcg32;
    use rand_pcg::rand_core::Rng;
    use syq_core::{BitWidth, Codebook, ConvGeometry, Granularity, Levels, Padding, Shape, Window};

    /// Whole outputs from tables that are all there, and parts of them in any order from those of some rows.
    #[test]
    #[allow(clippy::print_stderr, reason = "a test tells what it skipped")]
    fn tables_of_some_rows_give_what_all_do() {
        for isa in Isa::ALL.into_iter().filter(|isa| !isa.is_available()) {
            eprintln!("tables_of_some_rows_give_what_all_do: skipped {isa}, this machine does not have it");
        }
        let mut rng = Pcg32::new(5, 5);
        let mut below = |end: usize| rng.next_u32() as usize % end;
        for case in 0..60 {
            let (kernel, stride) = ([1 + case % 3, 1 + below(3)], [1 + below(2), 1 + below(2)]);
            let padding = Padding { top: below(kernel[0]), bottom: 0, left: below(kernel[1]), right: 0 };
            let (groups, channels) = (1 + below(2), 4 * (1 + below(9)));
            let input = Shape::new(kernel[0] + 3 + below(9), kernel[1] + below(7), groups * channels);
            let window = Window { kernel, stride, padding };
            let geometry = ConvGeometry::new(input, groups * (1 + below(40)), window, groups).unwrap();
            let width = [BitWidth::Two, BitWidth::Four, BitWidth::Eight][case % 3];
            let codebook = Codebook::ALL[case % 2];
            let kind = if width == BitWidth::Eight { QuantizedKernel::Permute } else { QuantizedKernel::Lookup };
            let extra = Padding { top: 1, bottom: 2, left: 1, right: 0 };
            let [layout, stored] = [kind.format(codebook, width), InputFormat::Codes]
                .map(|format| InputLayout::of(&geometry, format).unwrap().covering(extra).unwrap());
            let levels = Levels { step: 0.37, inverse_step: 1.0 / 0.37, largest: width.largest(), zero: 0 };
            let entries: &[i8] = if codebook == Codebook::Binary { &[-1, 1] } else { &[-1, 0, 1] };
            let codes: Vec<i8> = (0..geometry.weights()).map(|_| entries[below(entries.len())]).collect();
            let subgroups = Granularity::Pixel.subgroups(kernel);
            let scales: Vec<f32> = (0..subgroups).map(|_| 0.1 + below(100) as f32 / 64.0).collect();
            let weights =
                QuantizedWeights { codebook, granularity: Granularity::Pixel, codes: &codes, scales: &scales };
            let packed = PackedConv::quantized("conv", &geometry, &layout, levels, weights).unwrap();
            let image: Vec<u8> = (0..input.len()).map(|_| below(usize::from(width.largest()) + 1) as u8).collect();
            for isa in Isa::available() {
                let kernels = Kernels::new(isa).unwrap();
                let lay_out = |layout: &InputLayout| {
                    let mut words = vec![0u32; layout.len()];
                    for (y, row) in image.chunks(input.width * input.channels).enumerate() {
                        kernels.place_codes(row, layout, &mut words[layout.row(y)]).unwrap();
                    }
                    words
                };
                let (all, codes) = (lay_out(&layout), lay_out(&stored));
                let mut expected = vec![0.0; packed.output_len(&packed.all())];
                let data = InputData::Words(&all);
                packed.run(kernels, Input { layout, data }, &packed.all(), &mut expected).unwrap();

                let pixels = geometry.output.height * geometry.output.width;
                let most = pixels.min(1 + below(2 * geometry.output.width));
                // The rows that so many pixels need wherever they begin, and sometimes more.
                let rows = (most.div_ceil(geometry.output.width)) * stride[0] + kernel[0] + below(5);
                let mut memory = vec![u32::MAX; rows * layout.row_len()];
                let tables = Tables { stored, codes: &codes, memory: &mut memory, rows: 0..0 };
                let mut operand = Operand { kernels, packed: &packed, source: Source::Tables(tables) };
                let mut start = 0;
                for turn in 0..40 {
                    start = if turn % 8 == 7 { below(pixels) } else { start % pixels };
                    let range = operand.whole(start..(start + 1 + below(most)).min(pixels));
                    let mut found = vec![f32::NAN; packed.output_len(&range)];
                    operand.run(&range, &mut found).unwrap();
                    let filters = geometry.filters();
                    let wanted = &expected[range.pixels.start * filters..range.pixels.end * filters];
                    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                    assert_eq!(bits(&found), bits(wanted), "{isa}, case {case}, {:?} of {geometry:?}", range.pixels);
                    start = range.pixels.end;
                }
                let tables = Tables { stored, codes: &codes, memory: &mut [], rows: 0..0 };
                let mut small = Operand { kernels, packed: &packed, source: Source::Tables(tables) };
                let range = small.whole(0..1);
                let error = small.run(&range, &mut vec![0.0; geometry.filters()]).unwrap_err();
                assert!(matches!(error, KernelError::Range { what: "rows of tables", .. }), "{error}");
            }
        }
    }
}
