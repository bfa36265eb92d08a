//! The costs of AVX-512's kernels, on the two kinds of processors that have it (`avx512/units.rs`).

use super::{Cost, WIDE_TILE_BLOCKS, wide_tile_is_near};
use crate::kernels::choose::QuantizedKernel;
use crate::kernels::layout::BLOCK;
use syq_core::{BitWidth, Codebook, ConvGeometry, Granularity};

/// A layer with a codebook.
pub(super) struct Coded<'a> {
    pub(super) geometry: &'a ConvGeometry,
    pub(super) codebook: Codebook,
    pub(super) granularity: Granularity,
    pub(super) bits: BitWidth,
}

impl QuantizedKernel {
    /// What a layer costs.
    pub(super) fn avx512_cost(self, layer: &Coded<'_>) -> Cost {
        if two_products() { self.two_products_cost(layer) } else { self.one_product_cost(layer) }
    }

    /// Fitted on a Zen 4 (`kernel_speed avx512`; tables and their look-ups, which in a network come from the second-level
    /// cache: `syq bench --profile`).
    fn one_product_cost(self, layer: &Coded<'_>) -> Cost {
        let &Coded { geometry, codebook, granularity, bits } = layer;
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
        let single = of_single_block(geometry);
        let word = planes * if codebook == Codebook::Binary { 0.43 } else { 0.53 };
        let table = planes * if codebook == Codebook::Binary { 0.405 } else { 0.74 };
        // Of a table of sixteen channels, or of the two of 8-bit codes.
        let making = 2.55 * planes - 1.5;
        let (channels, subgroup, step, table) = match (self, codebook) {
            (Self::Popcount, _) if short => (32, 0.34 + 0.04 * planes, word, 0.0),
            (Self::Popcount, Codebook::Binary) => (32, 0.33 + 0.13 * planes + 0.35 * single, word, 0.0),
            (Self::Popcount, Codebook::Ternary) => (32, 0.43 + 0.21 * planes + 0.35 * single, 0.46 * planes, 0.0),
            (Self::Permute, _) if short => (BLOCK, 0.33 + 0.08 * single, table, making),
            (Self::Permute, Codebook::Binary) => (BLOCK, 0.6 + 0.18 * single, table, making),
            (Self::Permute, Codebook::Ternary) => (BLOCK, 0.84 + 0.18 * single, table, making),
            (Self::Int8, _) if short => (4, 0.31 + 0.12 * single, 0.274, 0.0),
            (Self::Int8, _) => (4, 0.38 + 0.35 * single, 0.274, 0.0),
            (Self::Lookup, _) => (4, f64::INFINITY, 0.0, 0.0),
        };
        Cost { filters: BLOCK, channels, subgroup, step, table, memory: 0.0 }
    }

    /// Fitted on an Ice Lake, to what layers take within networks (`syq bench --profile` of ResNet-18, -50, -20, AlexNet and
    /// VGG-small with one kernel for all of their layers): byte products and permutations slow the clock for what
    /// follows, and the third-level cache is far away.
    fn two_products_cost(self, layer: &Coded<'_>) -> Cost {
        let &Coded { geometry, codebook, granularity, bits } = layer;
        let planes = self.format(codebook, bits).planes() as f64;
        let single = of_single_block(geometry);
        let product = if has_wide_tiles(geometry, granularity) { 0.205 } else { 0.274 };
        // Of a table of sixteen channels, or of the two of 8-bit codes.
        let making = 2.8 * planes - 0.5;
        let (channels, subgroup, step, table) = match (self, codebook) {
            (Self::Popcount, Codebook::Binary) => (32, 0.6 + 0.15 * planes, 0.58 * planes, 0.0),
            (Self::Popcount, Codebook::Ternary) => (32, 0.1 + 0.15 * planes + 0.4 * single, 0.63 * planes, 0.0),
            (Self::Permute, Codebook::Binary) => (BLOCK, 0.8, 0.435 * planes - 0.03, making),
            (Self::Permute, Codebook::Ternary) => (BLOCK, 0.7, 0.77 * planes, making),
            (Self::Int8, _) if has_triples(geometry, granularity) => (4, 0.7, 0.23, 0.0),
            (Self::Int8, _) => (4, 0.95 + 0.4 * single, product, 0.0),
            (Self::Lookup, _) => (4, f64::INFINITY, 0.0, 0.0),
        };
        let memory = 0.02 * self.weight_bits(codebook) / 8.0;
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
}

/// 1 where a group has a single block of filters, whose sums are too few to hide how long their steps take.
fn of_single_block(geometry: &ConvGeometry) -> f64 {
    if geometry.group_filters() <= BLOCK { 1.0 } else { 0.0 }
}

/// Whether the processor begins two byte products in a cycle.
fn two_products() -> bool {
    #[cfg(target_arch = "x86_64")]
    return crate::kernels::avx512::units::products() == crate::kernels::avx512::units::Products::Two;
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Whether byte products of such a processor share an input element among 64 filters.
fn has_wide_tiles(geometry: &ConvGeometry, granularity: Granularity) -> bool {
    let block_len = geometry.positions() * geometry.group_channels().div_ceil(4);
    let subgroups = granularity.subgroups(geometry.window.kernel);
    geometry.group_filters() >= WIDE_TILE_BLOCKS * BLOCK && wide_tile_is_near(block_len.div_ceil(subgroups))
}

/// Whether byte products of such a processor share an input element among three kernel columns (`avx512/triples.rs`).
fn has_triples(geometry: &ConvGeometry, granularity: Granularity) -> bool {
    let window = geometry.window;
    granularity == Granularity::Pixel
        && (window.kernel[1], window.stride[1], geometry.groups) == (3, 1, 1)
        && matches!(geometry.group_channels().div_ceil(4), 4 | 8)
}
