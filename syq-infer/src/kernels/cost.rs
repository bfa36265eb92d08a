//! What the kernels cost on a layer: models of their loops, with constants that were measured.

use super::choose::{QuantizedKernel, lookup_chunk};
use super::layout::{BLOCK, Lanes};
use crate::isa::Isa;
use syq_core::{BitWidth, Codebook, ConvGeometry, Granularity};

/// Blocks of filters that AVX-512's wide tiles of byte products have (`avx512/bytes.rs`).
pub(super) const WIDE_TILE_BLOCKS: usize = 4;

/// Whether the byte weights of a wide tile, so many registers a block, stay in a second-level cache beside everything else:
/// more are computed two blocks at a time.
pub(super) const fn wide_tile_is_near(block_len: usize) -> bool {
    WIDE_TILE_BLOCKS * block_len * size_of::<Lanes<u32>>() <= 256 << 10
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
            Isa::Avx512 => self.avx512_cost(geometry, codebook, granularity, bits).of(geometry, granularity),
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

    /// What a layer costs, fitted on a Zen 4 (`kernel_speed avx512`; tables and their look-ups, which in a network
    /// come from the second-level cache: `syq bench --profile`). An Ice Lake differs in its byte products, and in how long it
    /// waits for the third-level cache (`syq bench --profile` of ResNet-50).
    fn avx512_cost(
        self,
        geometry: &ConvGeometry,
        codebook: Codebook,
        granularity: Granularity,
        bits: BitWidth,
    ) -> Cost {
        let format = self.format(codebook, bits);
        let planes = format.planes() as f64;
        let words = geometry.group_channels().div_ceil(format.channels());
        // Short runs have tiles of their own (`avx512/runs.rs`, `avx512/permute_runs.rs`).
        let short = granularity == Granularity::Pixel
            && match self {
                Self::Popcount => format.planes() <= 2 && (words <= 2 || words <= 4 && codebook == Codebook::Binary),
                Self::Int8 => words <= 8,
                Self::Permute => true,
                Self::Lookup => false,
            };
        // The sums of a single block are too few to hide how long their steps take.
        let single = if geometry.group_filters() <= BLOCK { 1.0 } else { 0.0 };
        let word = planes * if codebook == Codebook::Binary { 0.43 } else { 0.53 };
        let table = planes * if codebook == Codebook::Binary { 0.405 } else { 0.74 };
        // Of a table of sixteen channels, or of the two of 8-bit codes.
        let making = 2.55 * planes - 1.5;
        let two_products = two_products();
        let product = if two_products && wide_tiles(geometry) { 0.205 } else { 0.274 };
        let (channels, subgroup, step, table) = match (self, codebook) {
            (Self::Popcount, _) if short => (32, 0.34 + 0.04 * planes, word, 0.0),
            (Self::Popcount, Codebook::Binary) => (32, 0.33 + 0.13 * planes + 0.35 * single, word, 0.0),
            (Self::Popcount, Codebook::Ternary) => (32, 0.43 + 0.21 * planes + 0.35 * single, 0.46 * planes, 0.0),
            (Self::Permute, _) if short => (BLOCK, 0.33 + 0.08 * single, table, making),
            (Self::Permute, Codebook::Binary) => (BLOCK, 0.6 + 0.18 * single, table, making),
            (Self::Permute, Codebook::Ternary) => (BLOCK, 0.84 + 0.18 * single, table, making),
            (Self::Int8, _) if short => (4, 0.31 + 0.12 * single, 0.274, 0.0),
            (Self::Int8, _) => (4, 0.38 + 0.35 * single, product, 0.0),
            (Self::Lookup, _) => (4, f64::INFINITY, 0.0, 0.0),
        };
        let memory = if two_products { 0.05 * self.weight_bits(codebook) / 8.0 } else { 0.0 };
        Cost { filters: BLOCK, channels, subgroup, step, table, memory }
    }

    /// Bits of a weight in memory.
    const fn weight_bits(self, codebook: Codebook) -> f64 {
        match (self, codebook) {
            (Self::Popcount, Codebook::Binary) => 1.0,
            (Self::Popcount, Codebook::Ternary) | (Self::Lookup | Self::Permute, Codebook::Binary) => 2.0,
            (Self::Lookup | Self::Permute, Codebook::Ternary) => 4.0,
            (Self::Int8, _) => 8.0,
        }
    }

    /// What a layer costs, fitted on a Zen 3 (`kernel_speed avx2`).
    fn avx2_cost(self, geometry: &ConvGeometry, codebook: Codebook, bits: BitWidth) -> Cost {
        let planes = self.format(codebook, bits).planes() as f64;
        // Bytes are folded into words after each chunk.
        let fold = planes / lookup_chunk(bits) as f64;
        // Sums of several planes go through memory; those of one stay in registers on their way to the scale.
        let stored_planes = if planes > 1.0 { planes } else { 0.0 };
        // A single pair of blocks does alone what two pairs of binary filters share.
        let single_pair = if geometry.group_filters() <= 2 * BLOCK { 2.2 } else { 0.0 };
        let (filters, subgroup, step) = match (self, codebook) {
            (Self::Popcount, Codebook::Binary) => (16, 2.5 + 2.1 * stored_planes, 0.175 * planes),
            (Self::Popcount, Codebook::Ternary) => (16, 2.6 + 2.3 * stored_planes, 0.204 * planes),
            (Self::Lookup, Codebook::Binary) => (32, 2.2 + single_pair + 2.1 * planes, 0.21 * planes + 0.78 * fold),
            (Self::Lookup, Codebook::Ternary) => (32, 1.7 + 2.0 * planes, 0.45 * planes + 1.19 * fold),
            (Self::Permute, _) => (16, f64::INFINITY, 0.0),
            (Self::Int8, _) => (16, 1.4, 0.43),
        };
        // Seen in whole networks (`syq bench --profile`): tables that the L2 cache does not hold cost more.
        let table = match self {
            Self::Lookup if table_bytes(geometry, planes) > TABLES_IN_CACHE => 4.5 * planes,
            Self::Lookup => 0.4 * planes,
            Self::Popcount | Self::Permute | Self::Int8 => 0.0,
        };
        Cost { filters, channels: 4, subgroup, step, table, memory: 0.0 }
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

/// Whether the processor begins two byte products in a cycle.
fn two_products() -> bool {
    #[cfg(target_arch = "x86_64")]
    return super::avx512::units::products() == super::avx512::units::Products::Two;
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Whether byte products of such a processor share an input element among 64 filters.
const fn wide_tiles(geometry: &ConvGeometry) -> bool {
    let block_len = geometry.positions() * geometry.group_channels().div_ceil(4);
    geometry.group_filters() >= WIDE_TILE_BLOCKS * BLOCK && wide_tile_is_near(block_len)
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
