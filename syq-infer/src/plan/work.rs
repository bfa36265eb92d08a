//! The working space of a step, and how much of it is done at a time.

use super::step::{Pool, Producer, Step};
use crate::kernels::PackedConv;
use syq_core::Shape;

/// Values that a convolution computes before they are finished and stored: few enough to stay in the
/// cache between the passes.
const VALUES: usize = 4096;

/// Pixels that it computes at least, or nearly, and of rows longer than that a multiple: enough to use each weight often.
const PIXELS: usize = 28;

/// Bytes of weights beyond which they come from the third-level cache each time that some pixels are computed.
const FAR: usize = 512 << 10;

/// Values that such a layer computes at most to read its weights once.
const MANY_VALUES: usize = 128 << 10;

/// Bytes of weights for each value beyond which threads share the filters.
const WEIGHTS_A_VALUE: usize = 32;

/// How many times the rows that a convolution needs at once there is room for: those that are needed again are moved to
/// the front where the room ends.
const ROOM: usize = 2;

/// Pixels of a convolution of so many bytes of weights that are computed before they are finished: whole rows, if they are not
/// too long; or all, if the weights are many and the pixels few.
pub(crate) fn pixels_at_once(shape: Shape, weight_bytes: usize) -> usize {
    if weight_bytes > FAR && shape.len() <= MANY_VALUES {
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
    /// for each pooled row as much as a task needs that has no other: rows of the convolution and the
    /// pooled rows that are open.
    pub(crate) fn work_len(&self, pixels: usize) -> usize {
        let Some(pool) = self.pool else {
            // Shared filters are brought together in a place of their own.
            let places = if self.shares_filters() { 2 } else { 1 };
            return places * pixels * self.shape.channels;
        };
        let row = self.pooled_lines(&pool) * pool.shape.width + pool.open_rows() * self.shape.width;
        pixels / self.shape.width * row * self.shape.channels
    }

    /// Whether several threads share the filters instead of the pixels: of a single pixel, or where the weights are so many beside
    /// the outputs that reading all of them in every thread would take longer than bringing these together.
    pub(crate) fn shares_filters(&self) -> bool {
        let Producer::Conv { packed, stored, .. } = &self.producer else { return false };
        let far = self.weight_bytes() > FAR && self.weight_bytes() > WEIGHTS_A_VALUE * self.shape.len();
        let single = self.shape.width * self.shape.height == 1;
        self.pool.is_none() && stored == packed.layout() && (single || far)
    }

    /// Rows of a pooled convolution that a task computes at once for each pooled row that it has.
    fn pooled_lines(&self, pool: &Pool) -> usize {
        (pixels_at_once(pool.shape, self.weight_bytes()) / pool.shape.width).clamp(1, pool.window.stride[0])
    }

    /// How many rows, and how many pixels of each, a task with `rows` pooled rows computes at once.
    pub(crate) fn pooled_at_once(&self, pool: &Pool, rows: usize) -> [usize; 2] {
        let (pixels, width) = (pixels_at_once(pool.shape, self.weight_bytes()), pool.shape.width);
        [(pixels / width).clamp(1, rows.max(1) * self.pooled_lines(pool)), pixels.min(width)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_weights_are_read_once_and_few_for_whole_rows() {
        let (few, many) = (64 << 10, 2 << 20);
        for (shape, weight_bytes, pixels) in [
            (Shape::new(7, 7, 512), few, 28),
            (Shape::new(7, 7, 512), many, 49),
            (Shape::new(8, 8, 512), few, 32),
            (Shape::new(8, 8, 512), many, 64),
            (Shape::new(56, 56, 64), few, 56),
            // Too many values to wait for.
            (Shape::new(54, 54, 256), many, 28),
            (Shape::new(112, 112, 64), many, 56),
        ] {
            assert_eq!(pixels_at_once(shape, weight_bytes), pixels, "{shape:?} {weight_bytes}");
        }
    }
}
