//! 3×3 windows of stride 1 in f32 with 16 products where the plain sum has 36: F(2×2, 3×3) for outputs and input
//! gradients, F(3×3, 2×2) for weight gradients (Winograd; Lavin and Gray, "Fast Algorithms for Convolutional Neural
//! Networks", CVPR 2016).
//!
//! A tile is 2×2 outputs and the 4×4 inputs that they see. Inputs d, weights g and output gradients e are turned,
//!
//! ```text
//! V = Bᵀ d B        U = G g Gᵀ        D = H e Hᵀ
//! Bᵀ = 1  0 −1  0   G = 1  0  0       H = 1  0
//!      0  1  1  0       ½  ½  ½           ½  ½
//!      0 −1  1  0       ½ −½  ½           ½ −½
//!      0  1  0 −1       0  0  1           0  1
//! ```
//!
//! multiplied position by position and summed, over channels (V·U) or over tiles (V·D), and turned back by
//!
//! ```text
//! Aᵀ = 1  1  1  0   of outputs        1  1  1  0   of weights
//!      0  1 −1 −1                     0  1 −1  0
//!                                     0  1  1 −1
//! ```
//!
//! Float layers go this way, and the backward passes of quantized ones: it rounds otherwise than the contract's order of
//! sums, which the forward pass of quantized layers keeps.

mod backward;
mod outputs;
#[cfg(test)]
mod tests;
mod turn;

pub(super) use turn::{weights as turn_weights, weights_back as turn_weights_back};

use super::ConvOp;
use super::operand::Placement;
use crate::kernels::isa::Precision;
use syq_core::Shape;

/// Positions of a turned tile.
const POSITIONS: usize = 16;

/// Tiles of an image from which on the turning of weights and maps is paid for.
const FEWEST: usize = 12;

/// Elements of the turned inputs that are at hand: a fraction of an L2 cache.
const TURNED: usize = 3 << 14;

/// Elements from one position of turned tiles to the next: a cache line more than they need, because stretches of whole
/// pages would drive each other out of the cache.
const fn stride(tiles: usize, channels: usize) -> usize {
    tiles * channels + 16
}

/// The tiles of one image in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    /// Rows and columns of tiles.
    tiles: [usize; 2],
    /// Channels of the operand.
    inputs: usize,
    /// Elements of a row of the operand, and its first element that a tile sees.
    row: usize,
    origin: usize,
    /// Channels of the output.
    outputs: usize,
}

impl Grid {
    /// The tiles of a pass to `output`, whose first window begins at element `origin` of the operand; none where the plain
    /// sum is as good.
    pub(super) fn of(op: &ConvOp, placement: &Placement, origin: usize, output: Shape) -> Option<Self> {
        let g = &op.geometry;
        let inputs = placement.channels;
        let fits = op.precision == Precision::F32
            && g.groups == 1
            && (g.window.kernel, g.window.stride) == ([3, 3], [1, 1])
            && [output.height, output.width].iter().all(|len| len.is_multiple_of(2))
            && [inputs, output.channels].iter().all(|len| len.is_multiple_of(16));
        let tiles = [output.height / 2, output.width / 2];
        let row = placement.padded[1] * inputs;
        let grid = Self { tiles, inputs, row, origin, outputs: output.channels };
        (fits && grid.count() >= FEWEST).then_some(grid)
    }

    /// Tiles of an image.
    fn count(&self) -> usize {
        self.tiles[0] * self.tiles[1]
    }

    /// Tiles that are turned at a time.
    fn at_hand(&self) -> usize {
        (TURNED / (POSITIONS * self.inputs)).max(24).min(self.count())
    }

    /// Elements of the turned inputs at hand, `[position][tile][channel]`.
    pub(super) fn turned_len(&self) -> usize {
        POSITIONS * stride(self.at_hand(), self.inputs)
    }

    /// The first element of a tile in the operand.
    fn from(&self, tile: usize) -> usize {
        let [y, x] = self.place(tile);
        self.origin + y * self.row + x * self.inputs
    }

    /// The row and the column of a tile's first output.
    fn place(&self, tile: usize) -> [usize; 2] {
        [2 * (tile / self.tiles[1]), 2 * (tile % self.tiles[1])]
    }

    /// The first elements of a tile's two rows of outputs.
    fn to(&self, tile: usize) -> [usize; 2] {
        let [y, x] = self.place(tile);
        [y, y + 1].map(|y| (y * 2 * self.tiles[1] + x) * self.outputs)
    }
}
