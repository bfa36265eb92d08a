//! Which kernel a quantized layer gets, by what `cost/` says, and about how long it takes: the one place where that is
//! decided.

use super::cost::{TABLES_IN_CACHE, table_bytes};
use super::layout::InputFormat;
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
        let cost = |kernel: &Self| kernel.cost(isa, geometry, codebook, granularity, bits);
        let fitting = Self::ALL.into_iter().filter(|kernel| kernel.fits(geometry, granularity, bits.largest()));
        fitting.min_by(|a, b| cost(a).total_cmp(&cost(b))).unwrap_or(Self::Int8)
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
        let (binary, ternary) = (Codebook::Binary, Codebook::Ternary);
        let [popcount, permute, int8] = [QuantizedKernel::Popcount, QuantizedKernel::Permute, QuantizedKernel::Int8];
        for (geometry, codebook, bits, [one, two]) in [
            (square(56, 64, 64, 3), binary, BitWidth::Eight, [permute, int8]),
            (square(14, 256, 256, 3), binary, BitWidth::Eight, [permute, int8]),
            (square(7, 512, 512, 3), binary, BitWidth::Eight, [permute; 2]),
            (square(28, 512, 128, 1), ternary, BitWidth::Four, [permute, int8]),
            (square(14, 256, 256, 3), ternary, BitWidth::Four, [permute; 2]),
            (square(56, 64, 64, 3), ternary, BitWidth::Two, [popcount; 2]),
            (square(7, 512, 512, 3), binary, BitWidth::Two, [permute; 2]),
            (square(28, 512, 128, 1), binary, BitWidth::Two, [popcount; 2]),
            (square(32, 16, 16, 3), ternary, BitWidth::Two, [permute, int8]),
            (square(32, 16, 16, 3), binary, BitWidth::One, [popcount; 2]),
            (square(16, 32, 32, 3), ternary, BitWidth::Four, [permute; 2]),
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
