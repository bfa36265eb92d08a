//! The working space of a step, and how much of it is done at a time.

use super::step::{Producer, Step};
use crate::kernels::PackedConv;
use syq_core::Shape;

/// Values that a convolution computes before they are finished and stored: few enough to stay in the
/// cache between the passes.
const VALUES: usize = 4096;

/// Pixels that it computes at least, or nearly, and of rows longer than that a multiple: enough to use each weight often.
const PIXELS: usize = 28;

/// Bytes of weights that do not stay.
const FAR: usize = 512 << 10;
const MOST_VALUES: usize = 128 << 10;

/// How many times the rows that a convolution needs at once there is room for: those that are needed again are moved to
/// the front where the room ends.
const ROOM: usize = 2;

/// Pixels of a convolution that are computed before they are finished: whole rows, if they are not too long.
pub(crate) fn pixels_at_once(shape: Shape, weight_bytes: usize) -> usize {
    if weight_bytes > FAR && shape.len() <= MOST_VALUES {
        return shape.width * shape.height;
    }
    let (width, room) = (shape.width.max(1), VALUES / shape.channels.max(1));
    if room < PIXELS {
        // The whole rows that come nearest.
        return if width > PIXELS { PIXELS } else { (PIXELS + width / 2) / width * width };
    }
    if width > room { room / PIXELS * PIXELS } else { room / width * width }
}

impl Step {
    /// Values of working space for that many pixels of the step: their own, or where a convolution is pooled,
    /// for each pooled row as much as a task needs that has no other: a row of the convolution and the
    /// pooled rows that are open.
    pub(crate) fn work_len(&self, pixels: usize) -> usize {
        let Some(pool) = self.pool else { return pixels * self.shape.channels };
        let row = pool.window.stride[0] * pool.shape.width + pool.open_rows() * self.shape.width;
        pixels / self.shape.width * row * self.shape.channels
    }

    /// Elements of working space in which each thread makes tables of codes.
    pub(crate) fn tables_len(&self) -> usize {
        match &self.producer {
            Producer::Conv { packed, stored, .. } if stored != packed.layout() => {
                table_rows(packed) * packed.layout().row_len()
            }
            _ => 0,
        }
    }
}

/// Input rows for whose tables there is room.
fn table_rows(packed: &PackedConv) -> usize {
    let geometry = packed.geometry();
    // Pixels that do not begin with a row reach into one more.
    let rows = (pixels_at_once(geometry.output, packed.weight_bytes()) - 1).div_ceil(geometry.output.width.max(1)) + 1;
    let needed = (rows.min(geometry.output.height) - 1) * geometry.window.stride[0] + geometry.window.kernel[0];
    (ROOM * needed).min(packed.layout().padded_height())
}
