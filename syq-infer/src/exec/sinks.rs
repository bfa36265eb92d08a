//! Sinks while a step runs: the memory of some consecutive pixels, in the form that a reader wants.

use super::buffers::Buffer;
use crate::kernels::{InputLayout, KernelError, Kernels, Placed, Windows};
use crate::plan::SinkKind;
use std::ops::Range;
use syq_core::{Levels, Padding, Shape};

/// The pixels of one sink that one task writes.
#[derive(Debug)]
pub(super) struct PixelSink<'a> {
    memory: Memory<'a>,
    place: Place,
    /// Index in the whole buffer at which `memory` begins.
    start: usize,
}

#[derive(Debug)]
enum Memory<'a> {
    Floats(&'a mut [f32]),
    Codes(&'a mut [u8], Option<Levels>),
    Placed(&'a mut [u32], InputLayout, Option<Levels>),
    Windows(&'a mut [u32], InputLayout, Windows, Levels),
}

/// Where pixels lie in a buffer.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Index of pixel (0, 0).
    first: usize,
    /// Elements from one row to the next, and from one pixel to the next; 0 where rows are stored whole, as windows.
    row: usize,
    pixel: usize,
    /// Pixels of a row.
    width: usize,
}

/// The memory of some pixels.
#[derive(Debug)]
pub(super) enum Target<'a> {
    Floats(&'a mut [f32]),
    Placed(Placed<'a>),
    /// What is stored from finished values.
    Other,
}

impl Place {
    fn of(layout: &InputLayout) -> Self {
        let width = layout.shape().width;
        Self { first: layout.row(0).start, row: layout.row_len(), pixel: layout.pixel_len(), width }
    }

    fn of_windows(layout: &InputLayout, windows: &Windows) -> Self {
        Self { pixel: 0, width: windows.shape().width, ..Self::of(layout) }
    }

    fn index(&self, pixel: usize) -> usize {
        self.first + pixel / self.width * self.row + pixel % self.width * self.pixel
    }
}

impl<'a> PixelSink<'a> {
    /// The whole of a sink's buffer, its padding cleared. The plan gives every sink a slot of its
    /// element type; `None` would be a defect of the plan.
    pub(super) fn new(buffer: &'a mut Buffer, kind: &SinkKind, shape: Shape) -> Option<Self> {
        Some(match (buffer, kind) {
            (Buffer::Floats(values), SinkKind::Floats(layout)) => {
                clear(values, layout);
                Self { memory: Memory::Floats(values), place: Place::of(layout), start: 0 }
            }
            (Buffer::Codes(codes), SinkKind::Codes(levels)) => {
                let pixel = shape.channels;
                let place = Place { first: 0, row: shape.width * pixel, pixel, width: shape.width };
                Self { memory: Memory::Codes(codes, *levels), place, start: 0 }
            }
            (Buffer::Words(words), SinkKind::Placed(layout, levels)) => {
                clear(words, layout);
                Self { memory: Memory::Placed(words, *layout, *levels), place: Place::of(layout), start: 0 }
            }
            (Buffer::Words(words), SinkKind::Windows(layout, windows, levels)) => {
                clear(words, layout);
                let place = Place::of_windows(layout, windows);
                Self { memory: Memory::Windows(words, *layout, *windows, *levels), place, start: 0 }
            }
            _ => return None,
        })
    }

    /// Divides the memory before pixel `pixel`.
    pub(super) fn split(self, pixel: usize) -> [Self; 2] {
        let Self { memory, place, start } = self;
        let middle = place.index(pixel);
        let at = middle - start;
        let [left, right] = match memory {
            Memory::Floats(values) => halves(values, at).map(Memory::Floats),
            Memory::Codes(codes, levels) => halves(codes, at).map(|codes| Memory::Codes(codes, levels)),
            Memory::Placed(words, layout, levels) => {
                halves(words, at).map(|words| Memory::Placed(words, layout, levels))
            }
            Memory::Windows(words, layout, windows, levels) => {
                halves(words, at).map(|words| Memory::Windows(words, layout, windows, levels))
            }
        };
        [Self { memory: left, place, start }, Self { memory: right, place, start: middle }]
    }

    /// Where `pixels` are stored: part of one row, or whole rows, between which no floats lie.
    pub(super) fn target(&mut self, pixels: &Range<usize>) -> Target<'_> {
        let range = self.range(pixels);
        match &mut self.memory {
            Memory::Floats(memory) => Target::Floats(&mut memory[range]),
            Memory::Placed(memory, layout, Some(levels)) => {
                let columns = pixels.len().min(self.place.width);
                Target::Placed(Placed { layout: *layout, levels: *levels, columns, elements: &mut memory[range] })
            }
            Memory::Codes(..) | Memory::Placed(..) | Memory::Windows(..) => Target::Other,
        }
    }

    /// Where the floats of `pixels` begin, if they are stored as such.
    pub(super) fn floats(&self, pixels: &Range<usize>) -> Option<*const f32> {
        let Memory::Floats(memory) = &self.memory else { return None };
        memory.get(self.range(pixels).start..).map(<[f32]>::as_ptr)
    }

    /// Stores `pixels`, which lie in one row, given as floats.
    pub(super) fn store_values(
        &mut self,
        kernels: Kernels,
        pixels: &Range<usize>,
        values: &[f32],
    ) -> Result<(), KernelError> {
        let range = self.range(pixels);
        match &mut self.memory {
            Memory::Floats(memory) => memory[range].copy_from_slice(values),
            Memory::Codes(memory, Some(levels)) => kernels.quantize(values, *levels, &mut memory[range])?,
            Memory::Placed(memory, layout, Some(levels)) => {
                kernels.place_values(values, *levels, layout, &mut memory[range])?;
            }
            Memory::Windows(memory, layout, windows, levels) => {
                kernels.place_windows(values, *levels, *windows, layout, &mut memory[range])?;
            }
            // The plan gives levels to every sink behind floats.
            Memory::Codes(..) | Memory::Placed(..) => {}
        }
        Ok(())
    }

    /// Stores `pixels`, which lie in one row, given as codes.
    pub(super) fn store_codes(
        &mut self,
        kernels: Kernels,
        pixels: &Range<usize>,
        codes: &[u8],
    ) -> Result<(), KernelError> {
        let range = self.range(pixels);
        match &mut self.memory {
            Memory::Codes(memory, _) => memory[range].copy_from_slice(codes),
            Memory::Placed(memory, layout, _) => kernels.place_codes(codes, layout, &mut memory[range])?,
            // A step that gives codes has no float sinks, and windows are made of the picture alone.
            Memory::Floats(_) | Memory::Windows(..) => {}
        }
        Ok(())
    }

    fn range(&self, pixels: &Range<usize>) -> Range<usize> {
        let start = self.place.index(pixels.start) - self.start;
        if self.place.pixel == 0 {
            return start..start + pixels.len() / self.place.width * self.place.row;
        }
        let last = pixels.end.max(pixels.start + 1) - 1;
        // Behind the last row lies padding.
        start..self.place.index(last) + self.place.pixel - self.start
    }
}

fn clear<T: bytemuck::AnyBitPattern>(buffer: &mut [T], layout: &InputLayout) {
    if layout.padding() != Padding::NONE {
        let len = layout.len().min(buffer.len());
        layout.clear_padding(&mut buffer[..len]);
    }
}

fn halves<T>(memory: &mut [T], at: usize) -> [&mut [T]; 2] {
    let (left, right) = memory.split_at_mut(at.min(memory.len()));
    [left, right]
}
