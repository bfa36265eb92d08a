//! Which kernel a quantized layer gets, and about how long it takes: the one place where that is decided.

use super::layout::{BLOCK, InputFormat, Lanes};
use super::packed::{PackedConv, Weights};
use crate::isa::Isa;
use syq_core::{BitWidth, Codebook, ConvGeometry, Granularity, WeightShape};

/// Which kernel computes a quantized layer. All give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QuantizedKernel {
    /// Logic and bit counts on bit planes; 1 or 2 bits a weight in memory.
    Popcount,
    /// Sums of four codes, looked up; 2 or 4 bits a weight in memory. Only for layers whose sums fit 16
    /// bits, see [`QuantizedKernel::fits`].
    Lookup,
    /// The same sums, looked up for sixteen channels and sixteen filters by one byte permutation; 2 or 4 bits
    /// a weight in memory.
    Permute,
    /// Byte products; 8 bits a weight in memory.
    Int8,
}

/// What the sum of a plane of a subgroup may reach in the lookup kernel: it is kept in 16 bits, doubled or
/// with a sign.
pub(super) const LOOKUP_LIMIT: usize = (1 << 15) - 1;

/// Bytes of byte weights of 64 filters that stay in a second-level cache beside everything else: more are computed 32 filters at
/// a time.
pub(super) const WIDE_TILE_WEIGHTS: usize = 256 << 10;

/// Bytes of tables that stay in a second-level cache of 512 KB.
const TABLES_IN_CACHE: f64 = 450_000.0;

/// Bytes of a layer's tables.
fn table_bytes(geometry: &ConvGeometry, planes: f64) -> f64 {
    geometry.input.len() as f64 * planes * 4.0
}

/// The largest half of a code.
pub(super) const HALF: u8 = 15;

/// Sums of four codes, or of their halves, that fit a byte together.
pub(super) const fn lookup_chunk(bits: BitWidth) -> usize {
    let largest = if bits.largest() > HALF { HALF } else { bits.largest() };
    u8::MAX as usize / (4 * largest as usize)
}

impl QuantizedKernel {
    /// Whether the kernel can compute a layer with activation codes up to `largest`.
    pub fn fits(self, geometry: &ConvGeometry, granularity: Granularity, largest: u8) -> bool {
        match self {
            Self::Lookup => Self::lookup_bound(geometry, granularity, largest) <= LOOKUP_LIMIT,
            Self::Popcount | Self::Permute | Self::Int8 => true,
        }
    }

    /// What the sums of a plane of a subgroup may reach in the lookup kernel.
    pub(super) fn lookup_bound(geometry: &ConvGeometry, granularity: Granularity, largest: u8) -> usize {
        WeightShape::from(geometry).subgroup_len(granularity).saturating_mul(usize::from(largest.min(HALF)))
    }

    /// The input format that the kernel takes for weights of `codebook` and activations of that many bits.
    pub const fn format(self, codebook: Codebook, bits: BitWidth) -> InputFormat {
        match self {
            Self::Popcount => InputFormat::Planes(bits),
            Self::Lookup => InputFormat::Tables(bits),
            Self::Permute => InputFormat::WideTables(bits, codebook),
            Self::Int8 => InputFormat::Codes,
        }
    }

    /// The format in which that input lies between two layers: tables, which take four to eight times as much, are made of
    /// codes while a convolution needs them, if those of a pixel lie side by side. (Those of the lookups only where the
    /// cache does not hold them: narrower registers take longer to make them again.)
    pub fn stored(self, geometry: &ConvGeometry, codebook: Codebook, bits: BitWidth) -> InputFormat {
        let format = self.format(codebook, bits);
        let made = match self {
            Self::Permute => true,
            Self::Lookup => table_bytes(geometry, format.planes() as f64) > TABLES_IN_CACHE,
            Self::Popcount | Self::Int8 => false,
        };
        if made && geometry.group_channels().is_multiple_of(4) { InputFormat::Codes } else { format }
    }

    /// All kernels.
    pub const ALL: [Self; 4] = [Self::Popcount, Self::Lookup, Self::Permute, Self::Int8];

    /// The fastest kernel for a layer, after measurements (`examples/kernel_speed.rs`, `layer_speed.rs`). A
    /// single output pixel, as of a fully connected layer, is bound by memory: there the weights stay
    /// packed.
    pub fn choose(
        isa: Isa,
        geometry: &ConvGeometry,
        codebook: Codebook,
        granularity: Granularity,
        bits: BitWidth,
    ) -> Self {
        if geometry.output.height * geometry.output.width == 1 {
            return Self::Popcount;
        }
        let cost = |kernel: &Self| match isa {
            Isa::Avx512 => kernel.avx512_cost(geometry, codebook, granularity, bits).of(geometry, granularity),
            Isa::Avx2 => kernel.avx2_cost(geometry, codebook, bits).of(geometry, granularity),
            _ => kernel.steps(isa, geometry, codebook, bits),
        };
        let fitting = Self::ALL.into_iter().filter(|kernel| kernel.fits(geometry, granularity, bits.largest()));
        fitting.min_by(|a, b| cost(a).total_cmp(&cost(b))).unwrap_or(Self::Int8)
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
    let words = geometry.positions() * geometry.group_channels().div_ceil(4);
    geometry.group_filters() >= 4 * BLOCK && 4 * words * size_of::<Lanes<u32>>() <= WIDE_TILE_WEIGHTS
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

/// The input format of a layer with 8-bit weights. AVX2 has no exact product of bytes, and widening both
/// sides in the loop costs more than it saves.
pub const fn eight_bit_format(isa: Isa) -> InputFormat {
    match isa {
        Isa::Avx2 => InputFormat::Wide,
        Isa::Avx512 | Isa::Neon | Isa::Portable => InputFormat::Codes,
    }
}

impl PackedConv {
    /// Roughly how long the whole layer takes on one thread.
    pub(crate) fn nanoseconds(&self, isa: Isa) -> f64 {
        let planes = self.layout().format().planes() as f64;
        // Multiply-accumulates a nanosecond, measured on layers of 64 to 512 channels.
        let (planes, rate) = match (isa, &self.weights) {
            (Isa::Avx512, Weights::Float(_)) => (1.0, 52.0),
            (Isa::Avx512, Weights::Int8(_) | Weights::EightBit(_) | Weights::Wide(_)) => (1.0, 200.0),
            (Isa::Avx512, _) => (planes, 800.0),
            (Isa::Avx2, Weights::Float(_)) => (1.0, 40.0),
            (Isa::Avx2, Weights::Int8(_)) => (1.0, 110.0),
            (Isa::Avx2, Weights::EightBit(_) | Weights::Wide(_)) => (1.0, 60.0),
            (Isa::Avx2, _) => (planes, 250.0),
            (Isa::Neon, Weights::Float(_)) => (1.0, 15.0),
            (Isa::Neon, _) => (planes, 60.0),
            (Isa::Portable, Weights::Float(_)) => (1.0, 0.9),
            (Isa::Portable, _) => (planes, 15.0),
        };
        self.geometry().macs() as f64 * planes / rate
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "x86_64")]
    use super::super::avx512::units::{FORCED, Products};
    use super::*;
    use syq_core::{Padding, Shape, Window};

    /// Byte products are faster beside the others on processors that begin two in a cycle, where their weights are near.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn two_products_a_cycle_change_the_choice() {
        let square = |size, channels, filters, kernel| {
            let window = Window::square(kernel, 1, Padding::uniform(kernel / 2));
            ConvGeometry::new(Shape::new(size, size, channels), filters, window, 1).unwrap()
        };
        for (geometry, codebook, bits, [one, two]) in [
            (
                square(56, 64, 64, 3),
                Codebook::Binary,
                BitWidth::Eight,
                [QuantizedKernel::Permute, QuantizedKernel::Int8],
            ),
            (square(7, 512, 512, 3), Codebook::Binary, BitWidth::Eight, [QuantizedKernel::Permute; 2]),
            (
                square(28, 512, 128, 1),
                Codebook::Ternary,
                BitWidth::Four,
                [QuantizedKernel::Permute, QuantizedKernel::Int8],
            ),
            (square(14, 256, 256, 3), Codebook::Ternary, BitWidth::Four, [QuantizedKernel::Permute; 2]),
            (square(56, 64, 64, 3), Codebook::Ternary, BitWidth::Two, [QuantizedKernel::Popcount; 2]),
        ] {
            for (products, winner) in [(Products::One, one), (Products::Two, two)] {
                FORCED.set(Some(products));
                let chosen = QuantizedKernel::choose(Isa::Avx512, &geometry, codebook, Granularity::Pixel, bits);
                assert_eq!(chosen, winner, "{products:?} {geometry:?} {codebook:?} {bits:?}");
            }
        }
    }

    #[test]
    fn the_measured_winners_are_chosen() {
        let window = Window::square(3, 1, Padding::uniform(1));
        #[cfg(target_arch = "x86_64")]
        FORCED.set(Some(Products::One));
        let conv = |size, channels| ConvGeometry::new(Shape::new(size, size, channels), channels, window, 1).unwrap();
        let choose_for = |isa, channels, codebook, bits| {
            QuantizedKernel::choose(isa, &conv(14, channels), codebook, Granularity::Pixel, bits)
        };
        let choose = |channels, codebook, bits| choose_for(Isa::Avx512, channels, codebook, bits);
        for (channels, codebook, bits, winner) in [
            (16, Codebook::Ternary, BitWidth::One, QuantizedKernel::Popcount),
            (64, Codebook::Binary, BitWidth::One, QuantizedKernel::Popcount),
            (16, Codebook::Binary, BitWidth::Four, QuantizedKernel::Permute),
            (16, Codebook::Binary, BitWidth::Eight, QuantizedKernel::Int8),
            (32, Codebook::Binary, BitWidth::Two, QuantizedKernel::Permute),
            (64, Codebook::Binary, BitWidth::Two, QuantizedKernel::Permute),
            (512, Codebook::Binary, BitWidth::Two, QuantizedKernel::Permute),
            (64, Codebook::Ternary, BitWidth::Two, QuantizedKernel::Popcount),
            (64, Codebook::Binary, BitWidth::Four, QuantizedKernel::Permute),
            (64, Codebook::Ternary, BitWidth::Four, QuantizedKernel::Permute),
            (512, Codebook::Ternary, BitWidth::Four, QuantizedKernel::Permute),
            (512, Codebook::Ternary, BitWidth::Eight, QuantizedKernel::Int8),
            (512, Codebook::Binary, BitWidth::Eight, QuantizedKernel::Permute),
        ] {
            assert_eq!(choose(channels, codebook, bits), winner, "{channels} {codebook:?} {bits:?}");
        }
        for (channels, codebook, bits, winner) in [
            (16, Codebook::Binary, BitWidth::Two, QuantizedKernel::Int8),
            (16, Codebook::Ternary, BitWidth::Two, QuantizedKernel::Int8),
            (32, Codebook::Binary, BitWidth::One, QuantizedKernel::Popcount),
            (64, Codebook::Binary, BitWidth::Two, QuantizedKernel::Lookup),
            (256, Codebook::Binary, BitWidth::Four, QuantizedKernel::Lookup),
            (64, Codebook::Ternary, BitWidth::Two, QuantizedKernel::Lookup),
            (64, Codebook::Ternary, BitWidth::Four, QuantizedKernel::Lookup),
            (512, Codebook::Ternary, BitWidth::Eight, QuantizedKernel::Int8),
            (512, Codebook::Binary, BitWidth::Eight, QuantizedKernel::Int8),
        ] {
            assert_eq!(choose_for(Isa::Avx2, channels, codebook, bits), winner, "{channels} {codebook:?} {bits:?}");
        }
        // Tables that the cache does not hold.
        let (pixel, eight) = (Granularity::Pixel, BitWidth::Eight);
        let chosen = QuantizedKernel::choose(Isa::Avx2, &conv(56, 64), Codebook::Binary, pixel, eight);
        assert_eq!(chosen, QuantizedKernel::Int8);
        let vector = ConvGeometry::new(Shape::vector(512), 10, Window::square(1, 1, Padding::NONE), 1).unwrap();
        for isa in Isa::ALL {
            let chosen = QuantizedKernel::choose(isa, &vector, Codebook::Ternary, Granularity::Layer, BitWidth::Eight);
            assert_eq!(chosen, QuantizedKernel::Popcount);
        }
    }
}
