//! Outputs, or gradients of inputs: turned inputs times turned weights, summed over the channels, and turned back.

use super::{GROUP, Grid, POSITIONS, TURNED, stride};
use crate::kernels::lanes::Lanes;
use std::ops::Range;

/// Sixteen outputs of each position and waiting tile.
type Products = [[[f32; 16]; GROUP]; POSITIONS];

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
        if L::ACCUMULATORS >= 8 {
            run.images::<L, 8>(lanes, turned, output, moments);
        } else if L::ACCUMULATORS >= 6 {
            // Six would fit, but the compiler then kept one of them in memory, which took three times as long.
            run.images::<L, 4>(lanes, turned, output, moments);
        } else {
            run.images::<L, 2>(lanes, turned, output, moments);
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
    #[inline(always)]
    fn images<L: Lanes, const P: usize>(
        self,
        lanes: L,
        turned: &mut [u32],
        output: &mut [f32],
        moments: &mut [[[f32; 16]; 2]],
    ) {
        let images = output.len() / self.grid.image[1];
        let (count, at_hand) = (images * self.grid.count(), self.grid.at_hand(images));
        let blocks = self.grid.outputs / 16;
        let mut products = [[[0.0; 16]; GROUP]; POSITIONS];
        for moments in moments.iter_mut() {
            *moments = [[0.0; 16]; 2];
        }
        for first in (0..count).step_by(at_hand) {
            let tiles = first..(first + at_hand).min(count);
            self.grid.turn_inputs(lanes, self.operands, tiles.clone(), turned);
            for start in (0..tiles.len()).step_by(GROUP) {
                let some = start..(start + GROUP).min(tiles.len());
                for block in 0..blocks {
                    self.products::<L, P>(lanes, turned, tiles.len(), some.clone(), block, &mut products);
                    let mut index = 0;
                    while index < some.len() {
                        // The tiles of one image.
                        let tile = tiles.start + some.start + index;
                        let image = tile / self.grid.count();
                        let next = (index + (image + 1) * self.grid.count() - tile).min(some.len());
                        let moments = moments.get_mut(image * blocks + block);
                        let mut m = [lanes.zero(); 2];
                        if let Some([sum, squares]) = &moments {
                            m = [lanes.floats(sum), lanes.floats(squares)];
                        }
                        for index in index..next {
                            let to = self.grid.to(tiles.start + some.start + index).map(|to| to + block * 16);
                            back(lanes, &products, index, to, self.grid.outputs, output, &mut m);
                        }
                        if let Some(moments) = moments {
                            *moments = [lanes.values(m[0]), lanes.values(m[1])];
                        }
                        index = next;
                    }
                }
            }
        }
    }

    /// Σ over the channels of `some` of the `count` tiles at hand, in every position.
    #[inline(always)]
    fn products<L: Lanes, const P: usize>(
        self,
        lanes: L,
        turned: &[u32],
        count: usize,
        some: Range<usize>,
        block: usize,
        products: &mut Products,
    ) {
        let elements = self.grid.elements();
        for (position, products) in products.iter_mut().enumerate() {
            let weights = &self.weights[(block * POSITIONS + position) * elements..][..elements];
            let turned =
                &turned[position * stride(count * elements) + some.start * elements..][..some.len() * elements];
            let (mut turned, mut products) = (turned, &mut products[..some.len()]);
            while products.len() >= P {
                let (now, later) = turned.split_at(P * elements);
                let (to, rest) = products.split_at_mut(P);
                sums::<L, P>(lanes, weights, now, to);
                (turned, products) = (later, rest);
            }
            if products.len() >= 4 {
                let (now, later) = turned.split_at(4 * elements);
                let (to, rest) = products.split_at_mut(4);
                sums::<L, 4>(lanes, weights, now, to);
                (turned, products) = (later, rest);
            }
            if !products.is_empty() {
                sums::<L, 3>(lanes, weights, turned, products);
            }
        }
    }
}

/// Turns a tile back, stores its outputs in rows that start at `to` and adds them to the moments.
#[inline(always)]
fn back<L: Lanes>(
    lanes: L,
    products: &Products,
    index: usize,
    to: [usize; 2],
    outputs: usize,
    output: &mut [f32],
    m: &mut [L::Sums; 2],
) {
    let mut columns = [[lanes.zero(); 2]; 4];
    for (column, two) in columns.iter_mut().enumerate() {
        // Not by a closure, which could stay a call.
        let a = lanes.floats(&products[column][index]);
        let b = lanes.floats(&products[4 + column][index]);
        let c = lanes.floats(&products[8 + column][index]);
        let d = lanes.floats(&products[12 + column][index]);
        *two = outputs_of(lanes, [a, b, c, d]);
    }
    for row in 0..2 {
        let two = outputs_of(lanes, [columns[0][row], columns[1][row], columns[2][row], columns[3][row]]);
        for column in 0..2 {
            if let Some(to) = output[to[row] + column * outputs..].first_chunk_mut() {
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

/// Σ over the channels of at most `P` tiles, as many as there are products.
#[inline(always)]
fn sums<L: Lanes, const P: usize>(lanes: L, weights: &[[u32; 16]], turned: &[u32], products: &mut [[f32; 16]]) {
    let elements = weights.len();
    let last = products.len() - 1;
    let mut sums = [lanes.zero(); P];
    let mut tiles: [&[u32]; P] = [&[]; P];
    for p in 0..P {
        // The last tile stands in for those that are missing.
        tiles[p] = &turned[p.min(last) * elements..][..elements];
    }
    // The loop of `Floats::add`, which made a step of ResNet-20 a seventh slower here.
    for e in 0..elements {
        let w = lanes.load(&weights[e]);
        for p in 0..P {
            sums[p] = lanes.multiply_add(sums[p], w, tiles[p][e]);
        }
    }
    for (product, sum) in products.iter_mut().zip(sums) {
        *product = lanes.values(sum);
    }
}
