//! Running a packed layer: the arguments checked, then one dispatch to the instruction set.

use super::choose::lookup_chunk;
use super::error::check_len;
use super::generic::tile::Job;
use super::layout::{InputFormat, Selectors, product};
use super::packed::Weights;
use super::soon::Soon;
use super::{InputLayout, KernelError, Kernels, PackedConv};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::isa::Isa;
use std::ops::Range;
use syq_core::Padding;

/// A convolution's input: one padded image and how it lies there.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The layout.
    pub layout: InputLayout,
    /// `layout.len()` elements.
    pub data: InputData<'a>,
}

/// The elements of an input.
#[derive(Clone, Copy, Debug)]
pub enum InputData<'a> {
    /// Bit planes, tables, or two or four codes an element.
    Words(&'a [u32]),
    /// f32 values.
    Floats(&'a [f32]),
}

/// Which outputs of a layer one call computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputRange {
    /// Output pixels, as row · width + column.
    pub pixels: Range<usize>,
    /// Blocks of 16 filters, see [`PackedConv::blocks`].
    pub blocks: Range<usize>,
}

/// The pixels of a call, and what its input holds.
struct Call {
    /// Elements of the input.
    len: usize,
    /// The first element of the window of pixel 0.
    origin: usize,
    columns: usize,
    pixels: Range<usize>,
    soon: Soon,
}

/// A job with the type of its elements and its weights settled.
pub(super) enum Work<'a> {
    /// Binary weights on bit planes.
    Binary(Job<'a, u32>, &'a [super::Lanes<u32>]),
    /// Ternary weights on bit planes.
    Ternary(Job<'a, u32>, &'a [[super::Lanes<u32>; 2]]),
    /// Binary weights that select codes to add.
    LookupBinary(Job<'a, u32>, &'a [Selectors]),
    /// Ternary weights that select codes to add and to subtract.
    LookupTernary(Job<'a, u32>, &'a [[Selectors; 2]]),
    /// Binary weights that find sums in registers.
    PermuteBinary(Job<'a, u32>, &'a [super::Lanes<u32>]),
    /// Ternary weights that find sums in registers.
    PermuteTernary(Job<'a, u32>, &'a [[super::Lanes<u32>; 2]]),
    /// Bytes with weights −1, 0 and +1.
    Int8(Job<'a, u32>, &'a [super::Lanes<u32>]),
    /// Bytes with 8-bit weights.
    EightBit(Job<'a, u32>, &'a [super::Lanes<u32>]),
    /// 16-bit codes with 8-bit weights.
    Wide(Job<'a, u32>, &'a [super::Lanes<u32>]),
    /// Floats.
    Float(Job<'a, f32>, &'a [super::Lanes<f32>]),
}

impl PackedConv {
    /// All outputs.
    pub fn all(&self) -> OutputRange {
        let output = self.geometry.output;
        OutputRange { pixels: 0..output.height * output.width, blocks: 0..self.blocks() }
    }

    /// Elements that a run over `range` writes.
    pub fn output_len(&self, range: &OutputRange) -> usize {
        range.pixels.len() * self.filters(range.blocks.clone()).len()
    }

    /// Computes the outputs of `range` (before any bias) into `output`, `[pixel][filter]` of the range
    /// alone.
    ///
    /// # Errors
    /// An input laid out for another layer, a range beyond the layer, or a buffer of the wrong length.
    pub fn run(
        &self,
        kernels: Kernels,
        input: Input<'_>,
        range: &OutputRange,
        output: &mut [f32],
    ) -> Result<(), KernelError> {
        self.check_layout(&input.layout)?;
        let rows = 0..self.layout.padded_height();
        self.run_rows(kernels, (rows, input.data), range, Soon::NOTHING, output)
    }

    /// [`Self::run`] where only some rows of the input are at hand, padding rows counted: at least
    /// [`Self::input_rows`] of the pixels, which lie as [`Self::layout`] says. `soon` is what finishing the outputs of all
    /// filters will read or write.
    ///
    /// # Errors
    /// As [`Self::run`], or too few rows.
    pub(crate) fn run_rows(
        &self,
        kernels: Kernels,
        (rows, data): (Range<usize>, InputData<'_>),
        range: &OutputRange,
        soon: Soon,
        output: &mut [f32],
    ) -> Result<(), KernelError> {
        self.check_range(range)?;
        check_len("the output buffer", output.len(), self.output_len(range))?;
        let needed = self.input_rows(&range.pixels);
        if needed.start < rows.start || rows.end < needed.end {
            let (start, end, count) = (needed.start, needed.end, rows.end);
            return Err(KernelError::Range { what: "input rows", start, end, count });
        }
        let (columns, row_len) = (self.geometry.output.width, self.layout.row_len());
        // Counted from the pixels' first row on, so that nothing lies before the rows at hand.
        let above = range.pixels.start / columns.max(1) * columns;
        let call = Call {
            len: product([rows.len(), row_len])?,
            origin: (needed.start - rows.start) * row_len + self.spare()[1] * self.layout.pixel_len(),
            columns,
            pixels: range.pixels.start - above..range.pixels.end - above,
            soon,
        };
        self.dispatch(kernels, data, range, call, output)
    }

    /// The rows of the input, padding rows counted, that output pixels need.
    pub(crate) fn input_rows(&self, pixels: &Range<usize>) -> Range<usize> {
        let (window, columns) = (&self.geometry.window, self.geometry.output.width.max(1));
        if pixels.is_empty() {
            return 0..0;
        }
        let [first, last] =
            [pixels.start, pixels.end - 1].map(|pixel| self.spare()[0] + pixel / columns * window.stride[0]);
        first..last + window.kernel[0]
    }

    /// Rows and columns before the first window: the layout covers the window's padding, and may have more of it.
    const fn spare(&self) -> [usize; 2] {
        let (window, padding) = (self.geometry.window.padding, self.layout.padding());
        [padding.top - window.top, padding.left - window.left]
    }

    /// Computes a fully connected layer for `count` images at once, whose inputs lie one after the
    /// other in `input`: each weight is fetched once for several images. `output` is
    /// `[image][filter]` of the blocks in `range`.
    ///
    /// # Errors
    /// As [`PackedConv::run`], or a layer that is not fully connected (one pixel in, one pixel out).
    pub fn run_vectors(
        &self,
        kernels: Kernels,
        input: Input<'_>,
        count: usize,
        range: &OutputRange,
        output: &mut [f32],
    ) -> Result<(), KernelError> {
        let (shape, padding) = (self.layout.shape(), self.layout.padding());
        if (shape.height, shape.width) != (1, 1) || padding != Padding::NONE {
            return Err(KernelError::NotVector { layer: self.layer.clone() });
        }
        self.check_layout(&input.layout)?;
        self.check_range(range)?;
        check_len("the output buffer", output.len(), product([self.output_len(range), count])?)?;
        let call = Call {
            len: product([self.layout.len(), count])?,
            // There is no padding.
            origin: 0,
            columns: count,
            pixels: 0..count * range.pixels.len(),
            soon: Soon::NOTHING,
        };
        self.dispatch(kernels, input.data, range, call, output)
    }

    fn check_layout(&self, layout: &InputLayout) -> Result<(), KernelError> {
        if *layout != self.layout {
            let (found, expected) = (Box::new(*layout), Box::new(self.layout));
            return Err(KernelError::Layout { layer: self.layer.clone(), found, expected });
        }
        Ok(())
    }

    fn check_range(&self, range: &OutputRange) -> Result<(), KernelError> {
        check_range("output pixels", &range.pixels, self.geometry.output.height * self.geometry.output.width)?;
        check_range("filter blocks", &range.blocks, self.blocks())
    }

    fn dispatch(
        &self,
        kernels: Kernels,
        data: InputData<'_>,
        range: &OutputRange,
        call: Call,
        output: &mut [f32],
    ) -> Result<(), KernelError> {
        let work = match (&self.weights, data) {
            (Weights::Binary(w), InputData::Words(x)) => Work::Binary(self.job(x, range, call, output)?, w),
            (Weights::Ternary(w), InputData::Words(x)) => Work::Ternary(self.job(x, range, call, output)?, w),
            (Weights::LookupBinary(w), InputData::Words(x)) => Work::LookupBinary(self.job(x, range, call, output)?, w),
            (Weights::LookupTernary(w), InputData::Words(x)) => {
                Work::LookupTernary(self.job(x, range, call, output)?, w)
            }
            (Weights::PermuteBinary(w), InputData::Words(x)) => {
                Work::PermuteBinary(self.job(x, range, call, output)?, w)
            }
            (Weights::PermuteTernary(w), InputData::Words(x)) => {
                Work::PermuteTernary(self.job(x, range, call, output)?, w)
            }
            (Weights::Int8(w), InputData::Words(x)) => Work::Int8(self.job(x, range, call, output)?, w),
            (Weights::EightBit(w), InputData::Words(x)) => Work::EightBit(self.job(x, range, call, output)?, w),
            (Weights::Wide(w), InputData::Words(x)) => Work::Wide(self.job(x, range, call, output)?, w),
            (Weights::Float(w), InputData::Floats(x)) => Work::Float(self.job(x, range, call, output)?, w),
            _ => {
                let format = self.layout.format().name();
                return Err(KernelError::Element { layer: self.layer.clone(), format });
            }
        };
        match kernels.isa() {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a `Kernels` of AVX-512 exists only where the processor has its features.
            Isa::Avx512 => unsafe { super::avx512::convolve(work) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a `Kernels` of AVX2 exists only where the processor has its features.
            Isa::Avx2 => unsafe { super::avx2::convolve(work) },
            #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
            // SAFETY: a `Kernels` of NEON exists only where the processor has it.
            Isa::Neon => unsafe { super::neon::convolve(work) },
            _ => super::portable::convolve(work),
        }
        Ok(())
    }

    fn job<'a, E>(
        &'a self,
        input: &'a [E],
        range: &OutputRange,
        call: Call,
        output: &'a mut [f32],
    ) -> Result<Job<'a, E>, KernelError> {
        check_len("the input buffer", input.len(), call.len)?;
        let (window, layout) = (&self.geometry.window, &self.layout);
        Ok(Job {
            input,
            segments: &self.segments,
            ends: &self.ends,
            scales: &self.scales,
            scale_step: self.scale_step,
            constants: &self.constants,
            sums: &self.sums,
            chunk: if let InputFormat::Tables(bits) = layout.format() { lookup_chunk(bits) } else { 0 },
            window: self.segments.iter().map(|segment| segment.offset + segment.len).max().unwrap_or(0)
                + (layout.format().planes() - 1) * layout.plane_len(),
            block_len: self.block_len(),
            planes: layout.format().planes(),
            plane_len: layout.plane_len(),
            origin: call.origin,
            row_step: window.stride[0] * layout.row_len(),
            column_step: window.stride[1] * layout.pixel_len(),
            group_len: layout.group_len(),
            columns: call.columns,
            group_filters: self.geometry.group_filters(),
            pixels: call.pixels,
            blocks: range.blocks.clone(),
            filters: self.filters(range.blocks.clone()),
            soon: call.soon,
            output,
        })
    }
}

fn check_range(what: &'static str, range: &Range<usize>, count: usize) -> Result<(), KernelError> {
    if range.start <= range.end && range.end <= count {
        return Ok(());
    }
    Err(KernelError::Range { what, start: range.start, end: range.end, count })
}
