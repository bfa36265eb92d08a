//! What the kernels cost on a layer: models of their loops, with constants that were measured.

mod avx2;
mod avx512;

use self::avx512::Coded;
use super::choose::QuantizedKernel;
use super::layout::Lanes;
use crate::isa::Isa;
use syq_core::{BitWidth, Codebook, ConvGeometry, Granularity};

/// Blocks of filters that AVX-512's wide tiles of byte products have (`avx512/bytes.rs`).
pub(super) const WIDE_TILE_BLOCKS: usize = 4;

/// Whether a subgroup's byte weights for a wide tile, so many registers a block, stay in a second-level cache beside everything
/// else: more are computed two blocks at a time.
pub(super) const fn wide_tile_is_near(subgroup_len: usize) -> bool {
    WIDE_TILE_BLOCKS * subgroup_len * size_of::<Lanes<u32>>() <= 256 << 10
}

/// Bytes of tables that stay in a second-level cache of 512 KB.
pub(super) const TABLES_IN_CACHE: f64 = 450_000.0;

/// Bytes of a layer's tables.
pub(super) fn table_bytes(geometry: &ConvGeometry, planes: f64) -> f64 {
    geometry.input.len() as f64 * planes * 4.0
}

impl QuantizedKernel {
    /// What a layer costs, in a unit of the instruction set's own.
    pub(super) fn cost(
        self,
        isa: Isa,
        geometry: &ConvGeometry,
        codebook: Codebook,
        granularity: Granularity,
        bits: BitWidth,
    ) -> f64 {
        match isa {
            Isa::Avx512 => self.avx512_cost(&Coded { geometry, codebook, granularity, bits }).of(geometry, granularity),
            Isa::Avx2 => self.avx2_cost(geometry, codebook, bits).of(geometry, granularity),
            _ => self.steps(isa, geometry, codebook, bits),
        }
    }

    /// Cost of a kernel position in int8 steps of four channels, where only two kernels were measured.
    fn steps(self, isa: Isa, geometry: &ConvGeometry, codebook: Codebook, bits: BitWidth) -> f64 {
        let steps = geometry.group_channels().div_ceil(self.format(codebook, bits).channels()) as f64;
        match self {
            // A plane costs its words and then a doubling, a fold or a constant, about one step.
            Self::Popcount => f64::from(bits.bits()) * (steps * word_cost(isa, codebook) + 1.0),
            Self::Lookup | Self::Permute => f64::INFINITY,
            Self::Int8 => steps + 1.0,
        }
    }
}

/// What the loops of a kernel cost on one instruction set, in nanoseconds.
struct Cost {
    /// Filters that are computed together.
    filters: usize,
    /// Channels of a step.
    channels: usize,
    /// A subgroup, whatever its size.
    subgroup: f64,
    /// A step at a kernel position.
    step: f64,
    /// The table of a step's channels, which is made once a pixel.
    table: f64,
    /// A weight that comes from far away, once a layer.
    memory: f64,
}

impl Cost {
    /// Nanoseconds for the filters of a group at one pixel.
    fn of(&self, geometry: &ConvGeometry, granularity: Granularity) -> f64 {
        let subgroups = granularity.subgroups(geometry.window.kernel) as f64;
        let steps = geometry.group_channels().div_ceil(self.channels) as f64;
        let [input, output] = [geometry.input, geometry.output].map(|shape| (shape.height * shape.width) as f64);
        geometry.group_filters().div_ceil(self.filters) as f64
            * (subgroups * self.subgroup + geometry.positions() as f64 * steps * self.step)
            + input / output * steps * self.table
            + geometry.weights() as f64 * self.memory / output
    }
}

/// What a popcount step of one word costs, in int8 steps of four channels. Portable Rust is measured on a
/// Zen 4, NEON is counted in instructions.
const fn word_cost(isa: Isa, codebook: Codebook) -> f64 {
    match (isa, codebook) {
        // Have models of their own.
        (Isa::Avx512 | Isa::Avx2, _) => f64::INFINITY,
        (Isa::Neon, _) => 1.5,
        (Isa::Portable, Codebook::Binary) => 2.0,
        (Isa::Portable, Codebook::Ternary) => 2.4,
    }
}
