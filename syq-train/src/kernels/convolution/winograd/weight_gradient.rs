//! Weight gradients: turned inputs times turned output gradients, summed over the tiles, a position at a time.

use super::super::GradMode;
use super::tiles::Slots;
use super::{Grid, POSITIONS};
use crate::kernels::lanes::Lanes;

/// Elements of one position's inputs that every block of filters is summed over before the next: a fraction of an L2 cache.
const INPUTS: usize = 1 << 16;

/// Elements of turned inputs and gradients that are at hand: they and the sums of a small layer fit an L2 cache.
const TURNED_TILES: usize = 1 << 17;

/// Slots at hand at least, so that reading and writing the sums does not count for more than the products.
const FEWEST_SLOTS: usize = 64;

impl Grid {
    /// Elements of the sums, `[position][block][input][16]`.
    pub(in super::super) fn sums_len(&self) -> usize {
        POSITIONS * self.position_len()
    }

    /// Elements of one position's sums.
    pub(in super::super) fn position_len(&self) -> usize {
        self.inputs * self.outputs
    }

    /// Tiles that are turned at a time where their products are added to sums at once.
    pub(super) fn gradient_tiles(&self, images: usize) -> usize {
        let most = TURNED_TILES / (POSITIONS * (self.inputs + self.outputs));
        (self.products * most.max(FEWEST_SLOTS)).min(images * self.count())
    }

    /// Elements of the turned inputs and gradients of [`Self::weight_gradient`].
    pub(in super::super) fn turned_lens(&self, images: usize) -> [usize; 2] {
        self.slot_lens(self.slots_of(self.gradient_tiles(images)))
    }

    /// Makes the gradient of `images` images, or adds it to `sums`. `turned` is room for [`Self::turned_lens`].
    #[inline(always)]
    pub(in super::super) fn weight_gradient<L: Lanes>(
        &self,
        lanes: L,
        maps: [&[f32]; 2],
        images: usize,
        turned: [&mut [u32]; 2],
        sums: &mut [[f32; 16]],
        mut mode: GradMode,
    ) {
        let [inputs, gradients] = turned;
        let (count, at_hand) = (images * self.count(), self.gradient_tiles(images));
        for first in (0..count).step_by(at_hand) {
            let tiles = first..(first + at_hand).min(count);
            let slots = Slots { room: self.slots_of(tiles.len()), first: 0 };
            self.turn_tiles(lanes, maps, tiles, slots, [inputs, gradients]);
            let lens = [inputs.len(), gradients.len()];
            let turned = Turned { inputs, gradients, lens, room: slots.room };
            for (position, sums) in sums.chunks_exact_mut(self.position_len() / 16).enumerate() {
                self.position(lanes, turned, position, sums, mode);
            }
            mode = GradMode::Accumulate;
        }
    }

    /// Makes the sums of one position of some tiles, or adds to them.
    #[inline(always)]
    pub(in super::super) fn position<L: Lanes>(
        &self,
        lanes: L,
        turned: Turned<'_>,
        position: usize,
        sums: &mut [[f32; 16]],
        mut mode: GradMode,
    ) {
        let Turned { lens, room, .. } = turned;
        let slots = Slots { room, first: 0 };
        let [from, gradients_from] = [self.inputs, self.outputs].map(|channels| position * slots.stride(channels));
        let together = (INPUTS / (room * self.inputs)).max(1);
        let stretches = turned.inputs.chunks(together * lens[0]).zip(turned.gradients.chunks(together * lens[1]));
        for (inputs, gradients) in stretches {
            let gradients = Stretches { turned: gradients, len: lens[1], from: gradients_from };
            let inputs = Stretches { turned: inputs, len: lens[0], from };
            let both = Both { inputs, gradients, room };
            if L::TWO_BLOCKS && self.outputs.is_multiple_of(32) {
                both.pairs_of_blocks(lanes, self.inputs, sums, mode);
            } else {
                both.blocks_alone(lanes, self.inputs, sums, mode);
            }
            mode = GradMode::Accumulate;
        }
    }
}

/// Stretches of turned tiles.
#[derive(Clone, Copy)]
pub(in super::super) struct Turned<'a> {
    pub(in super::super) inputs: &'a [u32],
    pub(in super::super) gradients: &'a [u32],
    /// Elements of a stretch of either.
    pub(in super::super) lens: [usize; 2],
    /// Slots of a stretch.
    pub(in super::super) room: usize,
}

/// Blocks of channels of stretches of turned tiles.
#[derive(Clone, Copy)]
struct Stretches<'a> {
    turned: &'a [u32],
    /// Elements of a stretch, and the first block's first.
    len: usize,
    from: usize,
}

/// What is multiplied.
#[derive(Clone, Copy)]
struct Both<'a> {
    inputs: Stretches<'a>,
    gradients: Stretches<'a>,
    /// Slots of a stretch.
    room: usize,
}

impl<'a> Both<'a> {
    /// Two blocks of filters at a time: as of outputs, an input that is loaded serves both.
    #[inline(always)]
    fn pairs_of_blocks<L: Lanes>(self, lanes: L, inputs: usize, sums: &mut [[f32; 16]], mode: GradMode) {
        for (pair, sums) in sums.chunks_exact_mut(2 * inputs).enumerate() {
            let (first, second) = sums.split_at_mut(inputs);
            let sums = first.as_chunks_mut().0.iter_mut().zip(second.as_chunks_mut().0);
            for (input, (first, second)) in sums.enumerate() {
                let both = self.blocks(input, 2 * pair);
                both.sum::<L, 0, 8, 2>(lanes, [first, second], mode);
                both.sum::<L, 8, 8, 2>(lanes, [first, second], mode);
            }
        }
    }

    /// One block of filters at a time.
    #[inline(always)]
    fn blocks_alone<L: Lanes>(self, lanes: L, inputs: usize, sums: &mut [[f32; 16]], mode: GradMode) {
        for (output, sums) in sums.chunks_exact_mut(inputs).enumerate() {
            for (input, sums) in sums.as_chunks_mut::<16>().0.iter_mut().enumerate() {
                let both = self.blocks(input, output);
                if L::ACCUMULATORS >= 16 {
                    both.sum::<L, 0, 16, 1>(lanes, [sums], mode);
                } else if L::ACCUMULATORS >= 6 {
                    both.sum::<L, 0, 6, 1>(lanes, [sums], mode);
                    both.sum::<L, 6, 6, 1>(lanes, [sums], mode);
                    both.sum::<L, 12, 4, 1>(lanes, [sums], mode);
                } else {
                    both.sum::<L, 0, 2, 1>(lanes, [sums], mode);
                    both.sum::<L, 2, 2, 1>(lanes, [sums], mode);
                    both.sum::<L, 4, 2, 1>(lanes, [sums], mode);
                    both.sum::<L, 6, 2, 1>(lanes, [sums], mode);
                    both.sum::<L, 8, 2, 1>(lanes, [sums], mode);
                    both.sum::<L, 10, 2, 1>(lanes, [sums], mode);
                    both.sum::<L, 12, 2, 1>(lanes, [sums], mode);
                    both.sum::<L, 14, 2, 1>(lanes, [sums], mode);
                }
            }
        }
    }

    /// Those of a block of inputs, and of the block of filters `output` and those behind it.
    #[inline(always)]
    fn blocks(self, input: usize, output: usize) -> Self {
        let of = |all: Stretches<'a>, block: usize| Stretches { from: all.from + block * self.room * 16, ..all };
        Self { inputs: of(self.inputs, input), gradients: of(self.gradients, output), ..self }
    }

    /// Sums the products of `E` inputs, from the `FROM`th on, with `B` blocks of sixteen filters.
    #[inline(always)]
    fn sum<L: Lanes, const FROM: usize, const E: usize, const B: usize>(
        self,
        lanes: L,
        sums: [&mut [[f32; 16]; 16]; B],
        mode: GradMode,
    ) {
        let mut accumulators = [[lanes.zero(); B]; E];
        let inputs = self.inputs.turned.chunks_exact(self.inputs.len);
        for (inputs, gradients) in inputs.zip(self.gradients.turned.chunks_exact(self.gradients.len)) {
            let inputs = inputs[self.inputs.from..][..self.room * 16].as_chunks::<16>().0;
            let gradients = gradients[self.gradients.from..][..B * self.room * 16].as_chunks::<16>().0;
            // Slices of the loop's own length, so that nothing is checked in it.
            let mut blocks: [&[[u32; 16]]; B] = [&[]; B];
            for b in 0..B {
                blocks[b] = &gradients[b * self.room..][..inputs.len()];
            }
            for (slot, input) in inputs.iter().enumerate() {
                let mut gradients = [lanes.load(&blocks[0][slot]); B];
                for b in 1..B {
                    gradients[b] = lanes.load(&blocks[b][slot]);
                }
                for e in 0..E {
                    for b in 0..B {
                        accumulators[e][b] = lanes.multiply_add(accumulators[e][b], gradients[b], input[FROM + e]);
                    }
                }
            }
        }
        for b in 0..B {
            for e in 0..E {
                let sum = &mut sums[b][FROM + e];
                *sum = match mode {
                    GradMode::Overwrite => lanes.values(accumulators[e][b]),
                    GradMode::Accumulate => lanes.values(lanes.add(lanes.floats(sum), accumulators[e][b])),
                };
            }
        }
    }
}
