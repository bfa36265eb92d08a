//! Sinks while a step runs: the memory of some consecutive rows, in the form that a reader wants.

use super::buffers::Buffer;
use crate::kernels::{InputLayout, KernelError, Kernels};
use crate::plan::SinkKind;
use syq_core::{Levels, Padding, Shape};

/// The rows of one sink that one task writes.
#[derive(Debug)]
pub(super) enum RowSink<'a> {
    Floats { rows: &'a mut [f32], row: InputLayout },
    Codes { rows: &'a mut [u8], levels: Option<Levels> },
    Placed { rows: &'a mut [u32], row: InputLayout, levels: Option<Levels> },
}

/// The layout of a single row, its padding columns included.
fn single_row(layout: &InputLayout) -> Result<InputLayout, KernelError> {
    let (shape, padding) = (layout.shape(), layout.padding());
    let padding = Padding { top: 0, bottom: 0, ..padding };
    let shape = Shape { height: 1, ..shape };
    Ok(InputLayout::new(layout.format(), shape, padding, layout.groups())?)
}

/// Clears the padding of a sink's buffer and divides its rows among tasks that end at `ends`.
pub(super) fn divide<'a>(
    buffer: &'a mut Buffer,
    kind: &SinkKind,
    shape: Shape,
    ends: &[usize],
) -> Result<Vec<RowSink<'a>>, KernelError> {
    Ok(match (buffer, kind) {
        (Buffer::Floats(values), SinkKind::Floats(layout)) => {
            let row = single_row(layout)?;
            let area = padded_area(values, layout);
            split(area, row.len(), ends).map(|rows| RowSink::Floats { rows, row }).collect()
        }
        (Buffer::Codes(codes), SinkKind::Codes(levels)) => {
            let len = shape.width * shape.channels;
            split(codes, len, ends).map(|rows| RowSink::Codes { rows, levels: *levels }).collect()
        }
        (Buffer::Words(words), SinkKind::Placed(layout, levels)) => {
            let row = single_row(layout)?;
            let area = padded_area(words, layout);
            split(area, row.len(), ends).map(|rows| RowSink::Placed { rows, row, levels: *levels }).collect()
        }
        // The plan gives every sink a slot of its element type.
        _ => Vec::new(),
    })
}

/// The rows of the image, padding columns included, with the value 0 in all padding.
fn padded_area<'a, T: bytemuck::AnyBitPattern>(buffer: &'a mut [T], layout: &InputLayout) -> &'a mut [T] {
    let len = layout.len().min(buffer.len());
    let buffer = &mut buffer[..len];
    if layout.padding() != Padding::NONE {
        layout.clear_padding(buffer);
    }
    let first = layout.padding().top * layout.row_len();
    &mut buffer[first.min(len)..]
}

fn split<'a, T>(mut rest: &'a mut [T], row: usize, ends: &[usize]) -> impl Iterator<Item = &'a mut [T]> {
    let mut start = 0;
    ends.iter().map(move |end| {
        let len = ((end - start) * row).min(rest.len());
        start = *end;
        let (now, later) = std::mem::take(&mut rest).split_at_mut(len);
        rest = later;
        now
    })
}

impl RowSink<'_> {
    /// Stores row `y` of the task, given as floats.
    pub(super) fn store_values(&mut self, kernels: Kernels, y: usize, values: &[f32]) -> Result<(), KernelError> {
        match self {
            Self::Floats { rows, row } => {
                let inside = row.row(0);
                let start = y * row.len() + inside.start;
                rows[start..start + inside.len()].copy_from_slice(values);
                Ok(())
            }
            Self::Codes { rows, levels: Some(levels) } => {
                kernels.quantize(values, *levels, &mut rows[y * values.len()..][..values.len()])
            }
            Self::Placed { rows, row, levels: Some(levels) } => {
                kernels.place_values(values, *levels, row, 0, &mut rows[y * row.len()..][..row.len()])
            }
            // The plan gives levels to every sink behind floats.
            Self::Codes { .. } | Self::Placed { .. } => Ok(()),
        }
    }

    /// Stores row `y` of the task, given as codes.
    pub(super) fn store_codes(&mut self, kernels: Kernels, y: usize, codes: &[u8]) -> Result<(), KernelError> {
        match self {
            Self::Codes { rows, .. } => {
                rows[y * codes.len()..][..codes.len()].copy_from_slice(codes);
                Ok(())
            }
            Self::Placed { rows, row, .. } => {
                kernels.place_codes(codes, row, 0, &mut rows[y * row.len()..][..row.len()])
            }
            // A step that gives codes has no float sinks.
            Self::Floats { .. } => Ok(()),
        }
    }
}
