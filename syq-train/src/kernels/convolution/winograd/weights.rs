//! Weights in the domain where positions are multiplied, and weight gradients back from there.

use super::super::ConvOp;
use super::super::backward::scatter;
use super::super::pack::{Direction, pack, pack_block};
use super::turn::Vector;
use super::{Grid, POSITIONS};
use crate::kernels::isa::Precision;
use crate::kernels::lanes::{Kernel, Lanes, dispatch};
use crate::parallel::{Scratch, Workers};

/// Packed weights in the form that `grid` reads, `[block][position][element][16]`, or without one as they are packed.
pub(in super::super) fn packed<'a>(
    op: &ConvOp,
    workers: &'a Workers,
    direction: Direction,
    taps: &[usize],
    weights: &[f32],
    grid: Option<Grid>,
) -> Scratch<'a> {
    let Some(grid) = grid else { return pack(op, workers, direction, taps, weights) };
    let plain = ConvOp { precision: Precision::F32, ..*op };
    let [from, to] = [9 * grid.inputs, POSITIONS * grid.elements()].map(|vectors| vectors * 16);
    let mut turned = workers.room(grid.outputs / 16 * to);
    workers.chunks(&mut turned, to, |block, turned| {
        // A block at a time, while it is in the cache.
        let mut packed = workers.room(from);
        let packed: &mut [[u32; 16]] = bytemuck::cast_slice_mut(&mut packed);
        pack_block(&plain, direction, taps, weights, [0, 16 * block], packed);
        let to = bytemuck::cast_slice_mut::<_, u32>(turned).as_chunks_mut().0;
        dispatch(op.isa, op.precision, Turn { from: bytemuck::cast_slice(packed), to, inputs: grid.inputs });
    });
    turned
}

/// The weights of one block of outputs.
struct Turn<'a> {
    /// `[tap][input]`.
    from: &'a [Vector],
    /// `[position][element]`.
    to: &'a mut [[u32; 16]],
    inputs: usize,
}

impl Kernel for Turn<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let elements = self.inputs / L::PRODUCTS;
        for element in 0..elements {
            let low = self.tile(lanes, element * L::PRODUCTS);
            if L::PRODUCTS == 1 {
                for (position, low) in low.into_iter().enumerate() {
                    self.to[position * elements + element] = bytemuck::cast(low);
                }
            } else {
                let high = self.tile(lanes, element * L::PRODUCTS + 1);
                for (position, (low, high)) in low.iter().zip(&high).enumerate() {
                    self.to[position * elements + element] = lanes.couple(low, high);
                }
            }
        }
    }
}

impl Turn<'_> {
    /// G g Gᵀ of one input.
    #[inline(always)]
    fn tile<L: Lanes>(&self, lanes: L, input: usize) -> [Vector; POSITIONS] {
        let mut columns = [[lanes.zero(); 4]; 3];
        for (column, four) in columns.iter_mut().enumerate() {
            let [a, b, c] = [0, 1, 2].map(|row| &self.from[(3 * row + column) * self.inputs + input]);
            *four = four_of_three(lanes, [lanes.floats(a), lanes.floats(b), lanes.floats(c)]);
        }
        let mut turned = [[0.0; 16]; POSITIONS];
        for row in 0..4 {
            let four = four_of_three(lanes, [columns[0][row], columns[1][row], columns[2][row]]);
            for column in 0..4 {
                turned[4 * row + column] = lanes.values(four[column]);
            }
        }
        turned
    }
}

/// The product of G with three values.
#[inline(always)]
fn four_of_three<L: Lanes>(lanes: L, [a, b, c]: [L::Sums; 3]) -> [L::Sums; 4] {
    let ends = lanes.add(a, c);
    [a, lanes.scale(0.5, lanes.add(ends, b)), lanes.scale(0.5, lanes.subtract(ends, b)), c]
}

/// Turns `sums`, `[position][block][input][16]`, back and brings them, times `step`, into the order of the weights.
pub(in super::super) fn turned_back(
    op: &ConvOp,
    workers: &Workers,
    grid: Grid,
    sums: &[f32],
    step: f32,
    dw: &mut [f32],
) {
    let len = op.geometry.filter_len();
    workers.chunks(dw, 16 * len, |block, dw| {
        let mut back = workers.room(len * 16);
        let back = back.as_chunks_mut().0;
        let sums = sums.as_chunks().0;
        dispatch(op.isa, Precision::F32, Back { sums, grid, block, back });
        scatter(len, 16, back, step, dw);
    });
}

/// The weight gradient of one block of filters.
struct Back<'a> {
    sums: &'a [Vector],
    grid: Grid,
    block: usize,
    /// `[tap][input]`.
    back: &'a mut [Vector],
}

impl Kernel for Back<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let inputs = self.grid.inputs;
        let plane = self.grid.position_len() / 16;
        for input in 0..inputs {
            let mut columns = [[lanes.zero(); 3]; 4];
            for (column, three) in columns.iter_mut().enumerate() {
                let of = |row: usize| &self.sums[(4 * row + column) * plane + self.block * inputs + input];
                let [a, b, c, d] = [of(0), of(1), of(2), of(3)];
                let four = [lanes.floats(a), lanes.floats(b), lanes.floats(c), lanes.floats(d)];
                *three = three_of_four(lanes, four);
            }
            for row in 0..3 {
                let three = three_of_four(lanes, columns.map(|three| three[row]));
                for (column, value) in three.into_iter().enumerate() {
                    self.back[(3 * row + column) * inputs + input] = lanes.values(value);
                }
            }
        }
    }
}

/// The product of the weights' Aᵀ with four values.
#[inline(always)]
fn three_of_four<L: Lanes>(lanes: L, [a, b, c, d]: [L::Sums; 4]) -> [L::Sums; 3] {
    let middle = lanes.add(b, c);
    [lanes.add(a, middle), lanes.subtract(b, c), lanes.subtract(middle, d)]
}
