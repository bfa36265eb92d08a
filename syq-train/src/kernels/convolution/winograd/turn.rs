//! Maps and output gradients in the domain where positions are multiplied, by channels: the operand of outputs.

use super::{Grid, stride};
use crate::kernels::lanes::Lanes;
use std::ops::Range;

pub(super) type Vector = [f32; 16];

/// The two rows of a tile that make row `ROW` of its product with Bᵀ, and whether they are added.
const fn rows_of<const ROW: usize>() -> ([usize; 2], bool) {
    match ROW {
        0 => ([0, 2], false),
        1 => ([1, 2], true),
        2 => ([2, 1], false),
        _ => ([1, 3], false),
    }
}

/// Row `ROW` of a turned tile of sixteen channels. `rows` are the tile's, of `blocks` vectors a pixel. (Two of them are
/// read for each row of the result, as the registers do not hold all four.)
#[inline(always)]
pub(super) fn input_row<L: Lanes, const ROW: usize>(
    lanes: L,
    rows: [&[Vector]; 4],
    [blocks, block]: [usize; 2],
) -> [Vector; 4] {
    let ([first, second], add) = const { rows_of::<ROW>() };
    let mut columns = [lanes.zero(); 4];
    for (column, value) in columns.iter_mut().enumerate() {
        let at = column * blocks + block;
        let [a, b] = [lanes.floats(&rows[first][at]), lanes.floats(&rows[second][at])];
        // Not by a closure, which could stay a call.
        *value = if add { lanes.add(a, b) } else { lanes.subtract(a, b) };
    }
    let [a, b, c, d] = columns;
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
    /// The rows of a tile's inputs, as vectors.
    #[inline(always)]
    pub(super) fn input_rows<'a>(&self, operands: &'a [f32], tile: usize) -> [&'a [Vector]; 4] {
        let from = self.from(tile);
        [0, 1, 2, 3].map(|row| operands[from + row * self.row..][..4 * self.inputs].as_chunks::<16>().0)
    }

    /// The rows of a tile's output gradients, as vectors.
    #[inline(always)]
    pub(super) fn gradient_rows<'a>(&self, dz: &'a [f32], tile: usize) -> [&'a [Vector]; 2] {
        self.to(tile).map(|from| dz[from..][..2 * self.outputs].as_chunks::<16>().0)
    }

    /// Elements of the channels of one turned tile in one position.
    pub(super) fn elements(&self) -> usize {
        self.inputs / self.products
    }

    /// Turns the inputs of some tiles, `[position][tile][element]`.
    #[inline(always)]
    pub(super) fn turn_inputs<L: Lanes>(&self, lanes: L, operands: &[f32], tiles: Range<usize>, turned: &mut [u32]) {
        let (blocks, each) = (self.inputs / 16, self.elements() / 16);
        let stride = stride(tiles.len() * self.elements()) / 16;
        let turned = turned.as_chunks_mut::<16>().0;
        for (slot, tile) in tiles.enumerate() {
            let rows = self.input_rows(operands, tile);
            for block in 0..each {
                let to = slot * each + block;
                turn_row::<L, 0>(lanes, rows, [blocks, block], turned, [to, stride]);
                turn_row::<L, 1>(lanes, rows, [blocks, block], turned, [to, stride]);
                turn_row::<L, 2>(lanes, rows, [blocks, block], turned, [to, stride]);
                turn_row::<L, 3>(lanes, rows, [blocks, block], turned, [to, stride]);
            }
        }
    }
}

/// Stores one row of a turned tile: one block of elements, which has as many blocks of channels as an element has products.
/// `[to, stride]` says where the positions go.
#[inline(always)]
fn turn_row<L: Lanes, const ROW: usize>(
    lanes: L,
    rows: [&[Vector]; 4],
    [blocks, block]: [usize; 2],
    turned: &mut [[u32; 16]],
    [to, stride]: [usize; 2],
) {
    if L::PRODUCTS == 1 {
        let four = input_row::<L, ROW>(lanes, rows, [blocks, block]);
        for column in 0..4 {
            turned[to + (4 * ROW + column) * stride] = bytemuck::cast(four[column]);
        }
    } else {
        let low = input_row::<L, ROW>(lanes, rows, [blocks, 2 * block]);
        let high = input_row::<L, ROW>(lanes, rows, [blocks, 2 * block + 1]);
        for column in 0..4 {
            turned[to + (4 * ROW + column) * stride] = lanes.pairs(&bytemuck::cast([low[column], high[column]]));
        }
    }
}
