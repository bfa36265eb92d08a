//! Which of the two kernels a quantized layer gets: the one place where that is decided.

use super::layout::InputFormat;
use super::packed::{PackedConv, QuantizedKernel, Weights};
use crate::isa::Isa;
use syq_core::{BitWidth, Codebook, ConvGeometry};

impl QuantizedKernel {
    /// All kernels.
    pub const ALL: [Self; 3] = [Self::Popcount, Self::Lookup, Self::Int8];

    /// The faster kernel for a layer, after measurements (`examples/layer_speed.rs`). A single output
    /// pixel, as of a fully connected layer, is bound by memory: there the weights stay packed.
    pub fn choose(isa: Isa, geometry: &ConvGeometry, codebook: Codebook, bits: BitWidth) -> Self {
        if geometry.output.height * geometry.output.width == 1 {
            return Self::Popcount;
        }
        let steps = |format: InputFormat| geometry.group_channels().div_ceil(format.channels()) as f64;
        let planes = f64::from(bits.bits());
        // A plane costs its words and then a doubling, a fold or a constant, about one step.
        let popcount = planes * (steps(InputFormat::Planes(bits)) * word_cost(isa, codebook) + 1.0);
        if popcount <= steps(InputFormat::Codes) + 1.0 { Self::Popcount } else { Self::Int8 }
    }
}

/// What a popcount step of one word costs, in int8 steps of four channels. AVX-512, AVX2 and
/// portable are measured on a Zen 4, NEON is counted in instructions.
const fn word_cost(isa: Isa, codebook: Codebook) -> f64 {
    match (isa, codebook) {
        (Isa::Avx512, Codebook::Binary) => 1.6,
        (Isa::Avx512, Codebook::Ternary) => 1.9,
        (Isa::Avx2, Codebook::Binary) => 3.5,
        (Isa::Avx2, Codebook::Ternary) => 3.9,
        (Isa::Neon, _) => 1.5,
        (Isa::Portable, Codebook::Binary) => 2.0,
        (Isa::Portable, Codebook::Ternary) => 2.4,
    }
}

impl PackedConv {
    /// Roughly how long the whole layer takes on one thread.
    pub(crate) fn nanoseconds(&self, isa: Isa) -> f64 {
        let planes = self.layout().format().planes() as f64;
        // Multiply-accumulates a nanosecond, measured on layers of 64 to 512 channels.
        let (planes, rate) = match (isa, &self.weights) {
            (Isa::Avx512, Weights::Float(_)) => (1.0, 52.0),
            (Isa::Avx512, Weights::Int8(_) | Weights::EightBit(_)) => (1.0, 200.0),
            (Isa::Avx512, _) => (planes, 800.0),
            (Isa::Avx2, Weights::Float(_)) => (1.0, 40.0),
            (Isa::Avx2, Weights::Int8(_)) => (1.0, 100.0),
            (Isa::Avx2, Weights::EightBit(_)) => (1.0, 60.0),
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
    use super::*;
    use syq_core::{Padding, Shape, Window};

    #[test]
    fn the_measured_winners_are_chosen() {
        let window = Window::square(3, 1, Padding::uniform(1));
        let conv = |size, channels| ConvGeometry::new(Shape::new(size, size, channels), channels, window, 1).unwrap();
        let choose =
            |channels, codebook, bits| QuantizedKernel::choose(Isa::Avx512, &conv(14, channels), codebook, bits);
        for (channels, codebook, bits, winner) in [
            (16, Codebook::Ternary, BitWidth::One, QuantizedKernel::Popcount),
            (16, Codebook::Ternary, BitWidth::Two, QuantizedKernel::Int8),
            (32, Codebook::Ternary, BitWidth::Two, QuantizedKernel::Popcount),
            (64, Codebook::Binary, BitWidth::Four, QuantizedKernel::Popcount),
            (64, Codebook::Ternary, BitWidth::Four, QuantizedKernel::Int8),
            (512, Codebook::Ternary, BitWidth::Four, QuantizedKernel::Popcount),
            (512, Codebook::Binary, BitWidth::Eight, QuantizedKernel::Int8),
        ] {
            assert_eq!(choose(channels, codebook, bits), winner, "{channels} {codebook:?} {bits:?}");
        }
        let vector = ConvGeometry::new(Shape::vector(512), 10, Window::square(1, 1, Padding::NONE), 1).unwrap();
        for isa in Isa::ALL {
            let chosen = QuantizedKernel::choose(isa, &vector, Codebook::Ternary, BitWidth::Eight);
            assert_eq!(chosen, QuantizedKernel::Popcount);
        }
    }
}
