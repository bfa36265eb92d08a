//! The operands of weight gradients: turned inputs and output gradients whose elements hold as many tiles as they have
//! products.

use super::turn::{Vector, gradients_of, input_row};
use super::{Grid, POSITIONS, stride};
use crate::kernels::lanes::Lanes;
use std::ops::Range;

/// Where the elements of some tiles stand: `[position][block of 16 channels][slot][16]`, a slot being the tiles of an
/// element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Slots {
    /// The slots that there is room for.
    pub(in super::super) room: usize,
    /// The first one to be written.
    pub(in super::super) first: usize,
}

impl Slots {
    /// Elements of one position of `channels` channels, and to the next position.
    pub(super) fn stride(self, channels: usize) -> usize {
        stride(self.room * channels)
    }
}

impl Grid {
    /// Slots of the tiles of `images` images.
    pub(in super::super) fn slots(&self, images: usize) -> usize {
        self.slots_of(images * self.count())
    }

    /// Slots of `tiles` tiles.
    pub(super) fn slots_of(&self, tiles: usize) -> usize {
        tiles.div_ceil(self.products)
    }

    /// Elements of inputs and of gradients in `room` slots.
    pub(in super::super) fn slot_lens(&self, room: usize) -> [usize; 2] {
        [self.inputs, self.outputs].map(|channels| POSITIONS * Slots { room, first: 0 }.stride(channels))
    }

    /// Turns the inputs and the output gradients of some tiles.
    #[inline(always)]
    pub(in super::super) fn turn_tiles<L: Lanes>(
        &self,
        lanes: L,
        [operands, dz]: [&[f32]; 2],
        tiles: Range<usize>,
        slots: Slots,
        [inputs, gradients]: [&mut [u32]; 2],
    ) {
        let [input_blocks, output_blocks] = [self.inputs / 16, self.outputs / 16];
        let strides = [self.inputs, self.outputs].map(|channels| slots.stride(channels) / 16);
        let (inputs, gradients) = (inputs.as_chunks_mut::<16>().0, gradients.as_chunks_mut::<16>().0);
        for (slot, tile) in tiles.clone().step_by(L::PRODUCTS).enumerate() {
            // The last of an odd number is paired with itself: its second gradient is zero.
            let other = (tile + L::PRODUCTS).min(tiles.end) - 1;
            let rows = [tile, other].map(|tile| self.input_rows(operands, tile));
            for block in 0..input_blocks {
                let to = block * slots.room + slots.first + slot;
                turn_row::<L, 0>(lanes, rows, [input_blocks, block], inputs, [to, strides[0]]);
                turn_row::<L, 1>(lanes, rows, [input_blocks, block], inputs, [to, strides[0]]);
                turn_row::<L, 2>(lanes, rows, [input_blocks, block], inputs, [to, strides[0]]);
                turn_row::<L, 3>(lanes, rows, [input_blocks, block], inputs, [to, strides[0]]);
            }
            let rows = [tile, other].map(|tile| self.gradient_rows(dz, tile));
            let alone = if L::PRODUCTS == 2 && tile == other { 0xffff } else { u32::MAX };
            for block in 0..output_blocks {
                let to = [block * slots.room + slots.first + slot, strides[1]];
                turn_gradients(lanes, rows, [output_blocks, block], alone, gradients, to);
            }
        }
    }

    /// [`Self::turn_tiles`] of all tiles of `images` images.
    #[inline(always)]
    pub(in super::super) fn turn_images<L: Lanes>(
        &self,
        lanes: L,
        maps: [&[f32]; 2],
        images: usize,
        slots: Slots,
        turned: [&mut [u32]; 2],
    ) {
        self.turn_tiles(lanes, maps, 0..images * self.count(), slots, turned);
    }
}

/// Stores row `ROW` of sixteen channels of the turned tiles of an element.
#[inline(always)]
fn turn_row<L: Lanes, const ROW: usize>(
    lanes: L,
    rows: [[&[Vector]; 4]; 2],
    blocks: [usize; 2],
    turned: &mut [[u32; 16]],
    [to, stride]: [usize; 2],
) {
    let low = input_row::<L, ROW>(lanes, rows[0], blocks);
    if L::PRODUCTS == 1 {
        for column in 0..4 {
            turned[to + (4 * ROW + column) * stride] = bytemuck::cast(low[column]);
        }
    } else {
        let high = input_row::<L, ROW>(lanes, rows[1], blocks);
        for column in 0..4 {
            turned[to + (4 * ROW + column) * stride] = lanes.couple(&low[column], &high[column]);
        }
    }
}

/// Stores sixteen filters of the turned gradients of an element; `mask` keeps what there is of it.
#[inline(always)]
fn turn_gradients<L: Lanes>(
    lanes: L,
    rows: [[&[Vector]; 2]; 2],
    [blocks, block]: [usize; 2],
    mask: u32,
    turned: &mut [[u32; 16]],
    [to, stride]: [usize; 2],
) {
    let mut columns = [[[lanes.zero(); 4]; 2]; 2];
    for (columns, [above, below]) in columns.iter_mut().zip(rows).take(L::PRODUCTS) {
        for (column, four) in columns.iter_mut().enumerate() {
            let at = column * blocks + block;
            *four = gradients_of(lanes, [lanes.floats(&above[at]), lanes.floats(&below[at])]);
        }
    }
    for row in 0..4 {
        let low = gradients_of(lanes, [columns[0][0][row], columns[0][1][row]]);
        if L::PRODUCTS == 1 {
            for column in 0..4 {
                turned[to + (4 * row + column) * stride] = bytemuck::cast(lanes.values(low[column]));
            }
        } else {
            let high = gradients_of(lanes, [columns[1][0][row], columns[1][1][row]]);
            for column in 0..4 {
                let mut both = lanes.couple(&lanes.values(low[column]), &lanes.values(high[column]));
                both.iter_mut().for_each(|element| *element &= mask);
                turned[to + (4 * row + column) * stride] = both;
            }
        }
    }
}
