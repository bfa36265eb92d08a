//! 3×3 windows of stride 1 with 16 products where the plain sum has 36: F(2×2, 3×3) for outputs and input
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
//! Maps are turned in f32. In bf16 what is multiplied is rounded after it was turned, in pairs of what is summed over:
//! two channels, or two tiles.
//!
//! Float layers go this way, and the backward passes of quantized ones: it rounds otherwise than the contract's order of
//! sums, which the forward pass of quantized layers keeps.

mod outputs;
#[cfg(test)]
mod tests;
mod tiles;
mod turn;
mod weight_gradient;
mod weights;

pub(super) use tiles::Slots;
pub(super) use weight_gradient::Turned;
pub(super) use weights::{packed, turned_back};

use super::ConvOp;
use super::operand::{Packing, Placement};
use syq_core::Shape;

/// Positions of a turned tile.
const POSITIONS: usize = 16;

/// Tiles whose products wait for each other, a multiple of what the registers hold: those of all positions and
/// sixteen outputs stay in the first-level cache.
const GROUP: usize = 16;

/// Tiles at hand from which on the turning of weights and maps is paid for.
const FEWEST: usize = 12;

/// Images whose tiles are taken together where each has few.
const MOST_IMAGES: usize = 4;

/// Elements of the turned inputs that are at hand: a fraction of an L2 cache.
const TURNED: usize = 3 << 14;

/// Elements from one position of turned tiles to the next: a cache line more than they need, because stretches of whole
/// pages would drive each other out of the cache.
const fn stride(elements: usize) -> usize {
    elements + 16
}

/// The tiles of some images in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    /// Rows and columns of an image's tiles.
    tiles: [usize; 2],
    /// Channels of the operand.
    inputs: usize,
    /// Elements of a row of the operand, and its first element that a tile sees.
    row: usize,
    origin: usize,
    /// Channels of the output.
    outputs: usize,
    /// Elements of an image's operand, and of its output.
    image: [usize; 2],
    /// Products of an element: 2 in bf16.
    products: usize,
}

impl Grid {
    /// The tiles of a pass to `output`, whose first window begins at element `origin` of the operand in f32; none where the
    /// plain sum is as good.
    pub(super) fn of(op: &ConvOp, placement: &Placement, origin: usize, output: Shape) -> Option<Self> {
        let g = &op.geometry;
        let inputs = placement.channels;
        let products = op.precision.products();
        let fits = g.groups == 1
            && (g.window.kernel, g.window.stride) == ([3, 3], [1, 1])
            && [output.height, output.width].iter().all(|len| len.is_multiple_of(2))
            && inputs.is_multiple_of(16 * products)
            && output.channels.is_multiple_of(16);
        let tiles = [output.height / 2, output.width / 2];
        let row = placement.padded[1] * inputs;
        let image = [placement.len(Packing::Single), output.len()];
        let grid = Self { tiles, inputs, row, origin, outputs: output.channels, image, products };
        (fits && grid.images() * grid.count() >= FEWEST).then_some(grid)
    }

    /// Images whose tiles are taken together: as many as have a group's.
    pub(super) fn images(&self) -> usize {
        GROUP.div_ceil(self.count().max(1)).min(MOST_IMAGES)
    }

    /// Tiles of an image.
    fn count(&self) -> usize {
        self.tiles[0] * self.tiles[1]
    }

    /// Where a tile lies.
    fn place(&self, tile: usize) -> Place {
        let (image, tile) = (tile / self.count(), tile % self.count());
        Place { image, row: tile / self.tiles[1], column: tile % self.tiles[1] }
    }

    /// Where the tile behind it lies: divisions would take as long as a tile's additions.
    fn next(&self, Place { image, row, column }: Place) -> Place {
        if column + 1 < self.tiles[1] {
            Place { image, row, column: column + 1 }
        } else if row + 1 < self.tiles[0] {
            Place { image, row: row + 1, column: 0 }
        } else {
            Place { image: image + 1, row: 0, column: 0 }
        }
    }

    /// The first element of a tile in the operands.
    fn from(&self, place: Place) -> usize {
        place.image * self.image[0] + self.origin + 2 * (place.row * self.row + place.column * self.inputs)
    }

    /// The first element of a tile in the outputs, whose rows have [`Self::output_row`] elements.
    fn to(&self, place: Place) -> usize {
        place.image * self.image[1] + 2 * (place.row * self.output_row() + place.column * self.outputs)
    }

    /// Elements of a row of outputs.
    fn output_row(&self) -> usize {
        2 * self.tiles[1] * self.outputs
    }
}

/// A tile's image, and its row and column among the tiles of that image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    image: usize,
    row: usize,
    column: usize,
}
