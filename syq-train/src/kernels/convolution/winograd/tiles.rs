//! The operands of weight gradients: turned inputs and output gradients whose elements hold as many tiles as they have
//! products.

use super::turn::{Join, Tile, Tiles, gradients_of, turn};
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
        let strides = [self.inputs, self.outputs].map(|channels| slots.stride(channels) / 16);
        let (operands, dz) = (operands.as_chunks().0, dz.as_chunks().0);
        let (inputs, gradients) = (inputs.as_chunks_mut::<16>().0, gradients.as_chunks_mut::<16>().0);
        let mut place = self.place(tiles.start);
        for (slot, tile) in (slots.first..).zip(tiles.clone().step_by(L::PRODUCTS)) {
            // The last of an odd number is paired with itself: its second gradient is zero.
            let alone = tile + L::PRODUCTS > tiles.end;
            let other = if L::PRODUCTS == 1 || alone { place } else { self.next(place) };
            let both = [self.input(operands, self.from(place)), self.input(operands, self.from(other))];
            for block in 0..self.inputs / 16 {
                let both = [both[0].block(block), both[1].block(block)];
                turn::<L, Tiles>(lanes, both, inputs, [block * slots.room + slot, strides[0]]);
            }
            let both = [self.gradient(dz, self.to(place)), self.gradient(dz, self.to(other))];
            let mask = if alone { 0xffff } else { u32::MAX };
            for block in 0..self.outputs / 16 {
                let both = [both[0].block(block), both[1].block(block)];
                turn_gradients(lanes, both, mask, gradients, [block * slots.room + slot, strides[1]]);
            }
            place = self.next(other);
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

/// Stores sixteen filters of the turned gradients of an element, the first position as vector `to` and the others `stride`
/// vectors apart; `mask` keeps what there is of it.
#[inline(always)]
fn turn_gradients<L: Lanes>(
    lanes: L,
    [low, high]: [Tile<'_>; 2],
    mask: u32,
    turned: &mut [[u32; 16]],
    [to, stride]: [usize; 2],
) {
    let low = down(lanes, low);
    let high = if L::PRODUCTS == 1 { low } else { down(lanes, high) };
    for row in 0..4 {
        let of_low = gradients_of(lanes, [low[0][row], low[1][row]]);
        let of_high = if L::PRODUCTS == 1 { of_low } else { gradients_of(lanes, [high[0][row], high[1][row]]) };
        for column in 0..4 {
            let position = &mut turned[to + (4 * row + column) * stride];
            if L::PRODUCTS == 1 {
                *position = bytemuck::cast(lanes.values(of_low[column]));
            } else {
                *position = Tiles::join(lanes, &lanes.values(of_low[column]), &lanes.values(of_high[column]));
                position.iter_mut().for_each(|element| *element &= mask);
            }
        }
    }
}

/// The product of H with the columns of a tile.
#[inline(always)]
fn down<L: Lanes>(lanes: L, tile: Tile<'_>) -> [[L::Sums; 4]; 2] {
    [
        gradients_of(lanes, [tile.at(lanes, 0, 0), tile.at(lanes, 1, 0)]),
        gradients_of(lanes, [tile.at(lanes, 0, 1), tile.at(lanes, 1, 1)]),
    ]
}
