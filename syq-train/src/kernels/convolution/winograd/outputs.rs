//! Outputs, or gradients of inputs: turned inputs times turned weights, summed over the channels, and turned back.

use super::{GROUP, Grid, POSITIONS, TURNED, stride};
use crate::kernels::lanes::Lanes;
use std::ops::Range;

/// Sixteen outputs of each position and waiting tile; of several blocks of outputs those of the first block come first.
/// They begin at a cache line.
#[repr(align(64))]
struct Products([[[f32; 16]; GROUP]; POSITIONS]);

impl Grid {
    /// Tiles of `images` images that are turned at a time.
    fn at_hand(&self, images: usize) -> usize {
        (TURNED / (POSITIONS * self.elements())).max(24).min(images * self.count())
    }

    /// Elements of the turned inputs at hand, `[position][tile][element]`.
    pub(in super::super) fn turned_len(&self) -> usize {
        POSITIONS * stride(self.at_hand(self.images()) * self.elements())
    }

    /// Computes every output of some images, at most [`Self::images`]. `weights` are [`super::packed`]; `turned` is
    /// [`Self::turned_len`] elements for the inputs. Σ z and Σ z² of each image's filters are written to `moments`, two
    /// vectors a block, where there is room.
    #[inline(always)]
    pub(in super::super) fn run<L: Lanes>(
        &self,
        lanes: L,
        operands: &[f32],
        weights: &[[u32; 16]],
        turned: &mut [u32],
        output: &mut [f32],
        moments: &mut [[[f32; 16]; 2]],
    ) {
        let run = Run { grid: self, operands, weights };
        if L::TWO_BLOCKS && self.outputs.is_multiple_of(32) {
            run.images::<L, 8, 2>(lanes, turned, output, moments);
        } else if L::ACCUMULATORS >= 8 {
            run.images::<L, 8, 1>(lanes, turned, output, moments);
        } else if L::ACCUMULATORS >= 6 {
            // Six would fit, but the compiler then kept one of them in memory, which took three times as long.
            run.images::<L, 4, 1>(lanes, turned, output, moments);
        } else {
            run.images::<L, 2, 1>(lanes, turned, output, moments);
        }
    }
}

/// What is read of some images.
#[derive(Clone, Copy)]
struct Run<'a> {
    grid: &'a Grid,
    operands: &'a [f32],
    weights: &'a [[u32; 16]],
}

impl Run<'_> {
    /// `P` tiles and `B` blocks of sixteen outputs at a time.
    #[inline(always)]
    fn images<L: Lanes, const P: usize, const B: usize>(
        self,
        lanes: L,
        turned: &mut [u32],
        output: &mut [f32],
        moments: &mut [[[f32; 16]; 2]],
    ) {
        let images = output.len() / self.grid.image[1];
        let (count, at_hand) = (images * self.grid.count(), self.grid.at_hand(images));
        let blocks = self.grid.outputs / 16;
        let mut products = Products([[[0.0; 16]; GROUP]; POSITIONS]);
        for moments in moments.iter_mut() {
            *moments = [[0.0; 16]; 2];
        }
        for first in (0..count).step_by(at_hand) {
            let tiles = first..(first + at_hand).min(count);
            self.grid.turn_inputs(lanes, self.operands, tiles.clone(), turned);
            for start in (0..tiles.len()).step_by(GROUP / B) {
                let some = start..(start + GROUP / B).min(tiles.len());
                for block in (0..blocks).step_by(B) {
                    self.products::<L, P, B>(lanes, turned, tiles.len(), some.clone(), block, &mut products);
                    for b in 0..B {
                        let waiting = Waiting { products: &products, first: b * (GROUP / B), block: block + b };
                        let tiles = tiles.start + some.start..tiles.start + some.end;
                        self.back(lanes, waiting, tiles, output, moments);
                    }
                }
            }
        }
    }

    /// Σ over the channels of `some` of the `count` tiles at hand, in every position, for the blocks from `block` on.
    #[inline(always)]
    fn products<L: Lanes, const P: usize, const B: usize>(
        self,
        lanes: L,
        turned: &[u32],
        count: usize,
        some: Range<usize>,
        block: usize,
        products: &mut Products,
    ) {
        let elements = self.grid.elements();
        for (position, products) in products.0.iter_mut().enumerate() {
            let mut weights: [&[[u32; 16]]; B] = [&[]; B];
            for (b, weights) in weights.iter_mut().enumerate() {
                *weights = &self.weights[((block + b) * POSITIONS + position) * elements..][..elements];
            }
            let turned =
                &turned[position * stride(count * elements) + some.start * elements..][..some.len() * elements];
            let mut done = 0;
            while some.len() - done >= P {
                sums::<L, P, B>(lanes, weights, &turned[done * elements..][..P * elements], products, [done, P]);
                done += P;
            }
            if some.len() - done >= 4 {
                sums::<L, 4, B>(lanes, weights, &turned[done * elements..][..4 * elements], products, [done, 4]);
                done += 4;
            }
            if some.len() > done {
                let rest = some.len() - done;
                sums::<L, 3, B>(lanes, weights, &turned[done * elements..], products, [done, rest]);
            }
        }
    }

    /// Turns some tiles back and stores their outputs of one block, image by image.
    #[inline(always)]
    fn back<L: Lanes>(
        self,
        lanes: L,
        waiting: Waiting<'_>,
        tiles: Range<usize>,
        output: &mut [f32],
        moments: &mut [[[f32; 16]; 2]],
    ) {
        let (count, blocks) = (self.grid.count(), self.grid.outputs / 16);
        let mut place = self.grid.place(tiles.start);
        let mut index = 0;
        while index < tiles.len() {
            // The tiles of one image.
            let next = (index + (place.image + 1) * count - (tiles.start + index)).min(tiles.len());
            let moments = moments.get_mut(place.image * blocks + waiting.block);
            let mut m = [lanes.zero(); 2];
            if let Some([sum, squares]) = &moments {
                m = [lanes.floats(sum), lanes.floats(squares)];
            }
            for index in index..next {
                let to = self.grid.to(place) + waiting.block * 16;
                back(lanes, waiting.products, waiting.first + index, self.grid, to, output, &mut m);
                place = self.grid.next(place);
            }
            if let Some(moments) = moments {
                *moments = [lanes.values(m[0]), lanes.values(m[1])];
            }
            index = next;
        }
    }
}

/// Products of some tiles with one block of outputs.
#[derive(Clone, Copy)]
struct Waiting<'a> {
    products: &'a Products,
    /// The first tile's place among them.
    first: usize,
    block: usize,
}

/// Turns a tile back, stores sixteen channels of its outputs, of which the first is `to`, and adds them to the moments.
#[inline(always)]
fn back<L: Lanes>(
    lanes: L,
    products: &Products,
    index: usize,
    grid: &Grid,
    to: usize,
    output: &mut [f32],
    m: &mut [L::Sums; 2],
) {
    let mut columns = [[lanes.zero(); 2]; 4];
    for (column, two) in columns.iter_mut().enumerate() {
        // Not by a closure, which could stay a call.
        let a = lanes.floats(&products.0[column][index]);
        let b = lanes.floats(&products.0[4 + column][index]);
        let c = lanes.floats(&products.0[8 + column][index]);
        let d = lanes.floats(&products.0[12 + column][index]);
        *two = outputs_of(lanes, [a, b, c, d]);
    }
    for row in 0..2 {
        let two = outputs_of(lanes, [columns[0][row], columns[1][row], columns[2][row], columns[3][row]]);
        for column in 0..2 {
            if let Some(to) = output[to + row * grid.output_row() + column * grid.outputs..].first_chunk_mut() {
                *to = lanes.values(two[column]);
            }
            *m = [lanes.add(m[0], two[column]), lanes.square_add(two[column], m[1])];
        }
    }
}

/// The product of Aᵀ with four values.
#[inline(always)]
fn outputs_of<L: Lanes>(lanes: L, [a, b, c, d]: [L::Sums; 4]) -> [L::Sums; 2] {
    [lanes.add(lanes.add(a, b), c), lanes.subtract(lanes.subtract(b, c), d)]
}

/// Σ over the channels of at most `P` tiles, `count` of them, for `B` blocks; they go to the places from `first` on.
#[inline(always)]
fn sums<L: Lanes, const P: usize, const B: usize>(
    lanes: L,
    weights: [&[[u32; 16]]; B],
    turned: &[u32],
    products: &mut [[f32; 16]; GROUP],
    [first, count]: [usize; 2],
) {
    let elements = weights[0].len();
    let mut sums = [[lanes.zero(); B]; P];
    let mut tiles: [&[u32]; P] = [&[]; P];
    for p in 0..P {
        // The last tile stands in for those that are missing.
        tiles[p] = &turned[p.min(count - 1) * elements..][..elements];
    }
    // The loop of `Floats::add`, which made a step of ResNet-20 a seventh slower here.
    for e in 0..elements {
        let mut w = [lanes.load(&weights[0][e]); B];
        for b in 1..B {
            w[b] = lanes.load(&weights[b][e]);
        }
        for p in 0..P {
            for b in 0..B {
                sums[p][b] = lanes.multiply_add(sums[p][b], w[b], tiles[p][e]);
            }
        }
    }
    for b in 0..B {
        for (p, product) in products[b * (GROUP / B) + first..][..count].iter_mut().enumerate() {
            *product = lanes.values(sums[p][b]);
        }
    }
}
