//! Weights, maps and gradients in the domain where positions are multiplied, and weights back from there.

use super::{Grid, POSITIONS, stride};
use crate::kernels::lanes::Lanes;
use crate::parallel::{Scratch, Workers};
use std::ops::Range;

type Vector = [f32; 16];

/// The product of G with three values.
fn four_of_three([a, b, c]: [Vector; 3]) -> [Vector; 4] {
    let mut turned = [a, [0.0; 16], [0.0; 16], c];
    for lane in 0..16 {
        let ends = a[lane] + c[lane];
        turned[1][lane] = 0.5 * (ends + b[lane]);
        turned[2][lane] = 0.5 * (ends - b[lane]);
    }
    turned
}

/// Packed weights `[block][tap][input][16]` as `[block][position][input][16]`, if there is a grid; else as they are.
pub(in super::super) fn weights<'a>(workers: &'a Workers, packed: Scratch<'a>, grid: Option<Grid>) -> Scratch<'a> {
    let Some(Grid { inputs, .. }) = grid else { return packed };
    let [from, to] = [9, POSITIONS].map(|positions| positions * inputs * 16);
    let mut turned = workers.scratch(packed.len() / from * to);
    workers.chunks(&mut turned, to, |block, turned| {
        let (packed, turned) = (packed[block * from..][..from].as_chunks().0, turned.as_chunks_mut().0);
        for input in 0..inputs {
            let of = |row: usize, column: usize| packed[(3 * row + column) * inputs + input];
            let columns = [0, 1, 2].map(|column| four_of_three([of(0, column), of(1, column), of(2, column)]));
            for row in 0..4 {
                let four = four_of_three([columns[0][row], columns[1][row], columns[2][row]]);
                for (column, vector) in four.into_iter().enumerate() {
                    turned[(4 * row + column) * inputs + input] = vector;
                }
            }
        }
    });
    turned
}

/// Sums `[block][position][input][16]` as weight gradients `[block][tap][input][16]`.
pub(in super::super) fn weights_back(sums: &[f32], inputs: usize) -> Vec<Vector> {
    let sums: &[Vector] = sums.as_chunks().0;
    let mut back = Vec::with_capacity(sums.len() / POSITIONS * 9);
    let three = |[a, b, c, d]: [Vector; 4]| -> [Vector; 3] {
        let mut three = [[0.0; 16]; 3];
        for lane in 0..16 {
            let middle = b[lane] + c[lane];
            three[0][lane] = a[lane] + middle;
            three[1][lane] = b[lane] - c[lane];
            three[2][lane] = middle - d[lane];
        }
        three
    };
    for block in sums.chunks_exact(POSITIONS * inputs) {
        let start = back.len();
        back.resize(start + 9 * inputs, [0.0; 16]);
        for input in 0..inputs {
            let of = |row: usize, column: usize| block[(4 * row + column) * inputs + input];
            let columns = [0, 1, 2, 3].map(|column| three([0, 1, 2, 3].map(|row| of(row, column))));
            for row in 0..3 {
                for (column, vector) in three(columns.map(|column| column[row])).into_iter().enumerate() {
                    back[start + (3 * row + column) * inputs + input] = vector;
                }
            }
        }
    }
    back
}

/// The product of H with two values.
#[inline(always)]
fn gradients_of<L: Lanes>(lanes: L, [a, b]: [L::Sums; 2]) -> [L::Sums; 4] {
    [a, lanes.scale(0.5, lanes.add(a, b)), lanes.scale(0.5, lanes.subtract(a, b)), b]
}

impl Grid {
    /// Turns the inputs of some tiles of `operand`, `[position][tile][channel]`.
    #[inline(always)]
    pub(super) fn turn_inputs<L: Lanes>(&self, lanes: L, operand: &[f32], tiles: Range<usize>, turned: &mut [f32]) {
        let blocks = self.inputs / 16;
        let stride = stride(tiles.len(), self.inputs) / 16;
        let turned = turned.as_chunks_mut::<16>().0;
        for (slot, tile) in tiles.enumerate() {
            let from = self.from(tile);
            let rows = [0, 1, 2, 3].map(|row| operand[from + row * self.row..][..4 * self.inputs].as_chunks::<16>().0);
            for block in 0..blocks {
                let to = slot * blocks + block;
                // Two rows are read again for each row of the result, as the registers do not hold all four.
                turn_row::<L, false>(lanes, [rows[0], rows[2]], [blocks, block], turned, [to, stride]);
                turn_row::<L, true>(lanes, [rows[1], rows[2]], [blocks, block], turned, [to + 4 * stride, stride]);
                turn_row::<L, false>(lanes, [rows[2], rows[1]], [blocks, block], turned, [to + 8 * stride, stride]);
                turn_row::<L, false>(lanes, [rows[1], rows[3]], [blocks, block], turned, [to + 12 * stride, stride]);
            }
        }
    }

    /// Turns the output gradients of some tiles, `[position][tile][filter]`.
    #[inline(always)]
    pub(super) fn turn_gradients<L: Lanes>(&self, lanes: L, dz: &[f32], tiles: Range<usize>, turned: &mut [f32]) {
        let blocks = self.outputs / 16;
        let stride = stride(tiles.len(), self.outputs) / 16;
        let turned = turned.as_chunks_mut::<16>().0;
        for (slot, tile) in tiles.enumerate() {
            let rows = self.to(tile).map(|from| dz[from..][..2 * self.outputs].as_chunks::<16>().0);
            for block in 0..blocks {
                let two = |column: usize| [0, 1].map(|row: usize| lanes.floats(&rows[row][column * blocks + block]));
                let columns = [gradients_of(lanes, two(0)), gradients_of(lanes, two(1))];
                for row in 0..4 {
                    let four = gradients_of(lanes, [columns[0][row], columns[1][row]]);
                    for column in 0..4 {
                        turned[(4 * row + column) * stride + slot * blocks + block] = lanes.values(four[column]);
                    }
                }
            }
        }
    }
}

/// One row of a turned tile: the product of Bᵀ with four columns, each the sum or the difference of two values.
/// `[blocks, block]` says which vectors of a pixel, `[to, stride]` where the four results go.
#[inline(always)]
fn turn_row<L: Lanes, const ADD: bool>(
    lanes: L,
    rows: [&[Vector]; 2],
    [blocks, block]: [usize; 2],
    turned: &mut [Vector],
    [to, stride]: [usize; 2],
) {
    let mut columns = [lanes.zero(); 4];
    for (column, value) in columns.iter_mut().enumerate() {
        let at = column * blocks + block;
        let [a, b] = [lanes.floats(&rows[0][at]), lanes.floats(&rows[1][at])];
        // Not by a closure, which could stay a call.
        *value = if ADD { lanes.add(a, b) } else { lanes.subtract(a, b) };
    }
    let [a, b, c, d] = columns;
    turned[to] = lanes.values(lanes.subtract(a, c));
    turned[to + stride] = lanes.values(lanes.add(b, c));
    turned[to + 2 * stride] = lanes.values(lanes.subtract(c, b));
    turned[to + 3 * stride] = lanes.values(lanes.subtract(b, d));
}
