//! Byte products in the tiles of either kind of processor with AVX-512, whichever this one is.

use super::support::{Source, all_kernels, bits, lay_out_codes, levels, run};
use crate::kernels::avx512::units::{FORCED, Products};
use crate::kernels::{InputData, InputLayout, PackedConv, QuantizedKernel, QuantizedWeights};
use syq_core::reference::{CodedWeights, coded_convolution};
use syq_core::{BitWidth, Codebook, ConvGeometry, Granularity, Padding, Shape, Window};

#[test]
fn both_kinds_of_tiles_give_the_same_bits() {
    let kernels = all_kernels("both_kinds_of_tiles_give_the_same_bits");
    let mut source = Source::new(31);
    let window = Window::square(3, 1, Padding::uniform(1));
    // 64 filters of 520 channels are taken some positions at a time, with one scale a layer not at all; up to 32 channels share
    // inputs among kernel columns.
    let wide = [(40, 64, 1), (37, 83, 1), (66, 130, 1), (74, 128, 2), (520, 70, 1)];
    let narrow = [(16, 16, 1), (13, 40, 1), (32, 33, 1), (29, 5, 1), (24, 32, 1), (32, 32, 2)];
    for (channels, filters, groups) in wide.into_iter().chain(narrow) {
        let geometry = ConvGeometry::new(Shape::new(5, 7, channels), filters, window, groups).unwrap();
        let levels = levels(BitWidth::Eight.largest());
        let input = source.codes(geometry.input.len(), levels.largest);
        for granularity in Granularity::ALL {
            let codebook = Codebook::Ternary;
            let codes = source.weights(geometry.weights(), codebook);
            let scales = source.floats(granularity.subgroups(window.kernel));
            let coded = CodedWeights { codebook, granularity, codes: &codes, scales: &scales };
            let expected = bits(&coded_convolution("conv", &geometry, &input, levels, coded).unwrap());
            let layout = InputLayout::of(&geometry, QuantizedKernel::Int8.format(codebook, BitWidth::Eight)).unwrap();
            let weights = QuantizedWeights { codebook, granularity, codes: &codes, scales: &scales };
            let packed = PackedConv::quantized("conv", &geometry, &layout, levels, weights).unwrap();
            let words = lay_out_codes(&layout, &input);
            for products in [Products::One, Products::Two] {
                FORCED.set(Some(products));
                for &kernels in &kernels {
                    let output = run(&packed, kernels, InputData::Words(&words));
                    assert!(bits(&output) == expected, "{products:?} {} {granularity:?} {geometry:?}", kernels.isa());
                }
            }
        }
    }
}
