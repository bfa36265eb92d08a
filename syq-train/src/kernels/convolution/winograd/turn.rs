//! Maps in the domain where positions are multiplied: tiles of sixteen channels turned, and the operand of outputs.

use super::{Grid, stride};
use crate::kernels::lanes::Lanes;
use std::ops::Range;

pub(super) type Vector = [f32; 16];

/// Sixteen channels of a tile where they lie in their map. One slice with places that are the same for all tiles: slices of
/// each row and pixel would cost more than what is done with them.
#[derive(Clone, Copy)]
pub(super) struct Tile<'a> {
    pub(super) map: &'a [Vector],
    /// The first vector, and the vectors from one row and from one column to the next.
    pub(super) first: usize,
    pub(super) row: usize,
    pub(super) column: usize,
}

impl Tile<'_> {
    /// Other sixteen channels, `block` times sixteen behind these.
    #[inline(always)]
    pub(super) fn block(self, block: usize) -> Self {
        Self { first: self.first + block, ..self }
    }

    #[inline(always)]
    pub(super) fn at<L: Lanes>(&self, lanes: L, row: usize, column: usize) -> L::Sums {
        lanes.floats(&self.map[self.first + row * self.row + column * self.column])
    }
}

/// What an element of bf16 holds two of.
pub(super) trait Join {
    fn join<L: Lanes>(lanes: L, low: &Vector, high: &Vector) -> [u32; 16];
}

/// Two channels that follow each other, of one tile; `low` and `high` are sixteen and the next sixteen.
pub(super) enum Channels {}

/// One channel of two tiles.
pub(super) enum Tiles {}

impl Join for Channels {
    #[inline(always)]
    fn join<L: Lanes>(lanes: L, low: &Vector, high: &Vector) -> [u32; 16] {
        lanes.pairs(&bytemuck::cast([*low, *high]))
    }
}

impl Join for Tiles {
    #[inline(always)]
    fn join<L: Lanes>(lanes: L, low: &Vector, high: &Vector) -> [u32; 16] {
        lanes.couple(low, high)
    }
}

/// Turns a tile, or what an element holds two of, and stores its positions, the first as vector `to` and the others
/// `stride` vectors apart.
#[inline(always)]
pub(super) fn turn<L: Lanes, J: Join>(
    lanes: L,
    tiles: [Tile<'_>; 2],
    turned: &mut [[u32; 16]],
    [to, stride]: [usize; 2],
) {
    turn_row::<L, J, 0>(lanes, tiles, turned, [to, stride]);
    if L::ACCUMULATORS >= 16 {
        let low = middle_rows(lanes, tiles[0]);
        // Of one product the second tile is not read.
        let high = if L::PRODUCTS == 1 { low } else { middle_rows(lanes, tiles[1]) };
        store::<L, J>(lanes, [low[0], high[0]], turned, [to + 4 * stride, stride]);
        store::<L, J>(lanes, [low[1], high[1]], turned, [to + 8 * stride, stride]);
    } else {
        turn_row::<L, J, 1>(lanes, tiles, turned, [to, stride]);
        turn_row::<L, J, 2>(lanes, tiles, turned, [to, stride]);
    }
    turn_row::<L, J, 3>(lanes, tiles, turned, [to, stride]);
}

#[inline(always)]
fn turn_row<L: Lanes, J: Join, const ROW: usize>(
    lanes: L,
    tiles: [Tile<'_>; 2],
    turned: &mut [[u32; 16]],
    [to, stride]: [usize; 2],
) {
    let low = turned_row::<L, ROW>(lanes, tiles[0]);
    let high = if L::PRODUCTS == 1 { low } else { turned_row::<L, ROW>(lanes, tiles[1]) };
    store::<L, J>(lanes, [low, high], turned, [to + 4 * ROW * stride, stride]);
}

/// Stores a row of positions.
#[inline(always)]
fn store<L: Lanes, J: Join>(
    lanes: L,
    [low, high]: [[Vector; 4]; 2],
    turned: &mut [[u32; 16]],
    [to, stride]: [usize; 2],
) {
    for column in 0..4 {
        turned[to + column * stride] =
            if L::PRODUCTS == 1 { bytemuck::cast(low[column]) } else { J::join(lanes, &low[column], &high[column]) };
    }
}

/// Row `ROW` of a tile's product with Bᵀ from the left and B from the right. Two rows of the tile are read for it: few
/// registers do not hold all four.
#[inline(always)]
fn turned_row<L: Lanes, const ROW: usize>(lanes: L, tile: Tile<'_>) -> [Vector; 4] {
    let mut columns = [lanes.zero(); 4];
    for (column, value) in columns.iter_mut().enumerate() {
        *value = match ROW {
            0 => lanes.subtract(tile.at(lanes, 0, column), tile.at(lanes, 2, column)),
            1 => lanes.add(tile.at(lanes, 1, column), tile.at(lanes, 2, column)),
            2 => lanes.subtract(tile.at(lanes, 2, column), tile.at(lanes, 1, column)),
            _ => lanes.subtract(tile.at(lanes, 1, column), tile.at(lanes, 3, column)),
        };
    }
    across(lanes, columns)
}

/// Rows 1 and 2, which see the same two rows of the tile.
#[inline(always)]
fn middle_rows<L: Lanes>(lanes: L, tile: Tile<'_>) -> [[Vector; 4]; 2] {
    let (mut sums, mut differences) = ([lanes.zero(); 4], [lanes.zero(); 4]);
    for column in 0..4 {
        let [a, b] = [tile.at(lanes, 1, column), tile.at(lanes, 2, column)];
        sums[column] = lanes.add(a, b);
        differences[column] = lanes.subtract(b, a);
    }
    [across(lanes, sums), across(lanes, differences)]
}

/// The product of a row with B from the right.
#[inline(always)]
fn across<L: Lanes>(lanes: L, [a, b, c, d]: [L::Sums; 4]) -> [Vector; 4] {
    [
        lanes.values(lanes.subtract(a, c)),
        lanes.values(lanes.add(b, c)),
        lanes.values(lanes.subtract(c, b)),
        lanes.values(lanes.subtract(b, d)),
    ]
}

/// The product of H with two values.
#[inline(always)]
pub(super) fn gradients_of<L: Lanes>(lanes: L, [a, b]: [L::Sums; 2]) -> [L::Sums; 4] {
    [a, lanes.scale(0.5, lanes.add(a, b)), lanes.scale(0.5, lanes.subtract(a, b)), b]
}

impl Grid {
    /// The first sixteen channels of an input tile that begins at element `from`.
    #[inline(always)]
    pub(super) fn input<'a>(&self, map: &'a [Vector], from: usize) -> Tile<'a> {
        Tile { map, first: from / 16, row: self.row / 16, column: self.inputs / 16 }
    }

    /// The first sixteen filters of a tile of output gradients that begins at element `from`.
    #[inline(always)]
    pub(super) fn gradient<'a>(&self, map: &'a [Vector], from: usize) -> Tile<'a> {
        Tile { map, first: from / 16, row: self.output_row() / 16, column: self.outputs / 16 }
    }

    /// Elements of the channels of one turned tile in one position.
    pub(super) fn elements(&self) -> usize {
        self.inputs / self.products
    }

    /// Turns the inputs of some tiles, `[position][tile][element]`.
    #[inline(always)]
    pub(super) fn turn_inputs<L: Lanes>(&self, lanes: L, operands: &[f32], tiles: Range<usize>, turned: &mut [u32]) {
        let each = self.elements() / 16;
        let stride = stride(tiles.len() * self.elements()) / 16;
        let (map, turned) = (operands.as_chunks().0, turned.as_chunks_mut::<16>().0);
        let mut place = self.place(tiles.start);
        for slot in 0..tiles.len() {
            let tile = self.input(map, self.from(place));
            for block in 0..each {
                // An element has as many blocks of channels as products.
                let low = tile.block(block * L::PRODUCTS);
                let both = [low, low.block(L::PRODUCTS - 1)];
                turn::<L, Channels>(lanes, both, turned, [slot * each + block, stride]);
            }
            place = self.next(place);
        }
    }
}
