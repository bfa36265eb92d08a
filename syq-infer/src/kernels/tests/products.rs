//! Byte products in the tiles of either kind of processor with AVX-512, whichever this one is.

use super::support::{Source, all_kernels, bits, lay_out_codes, levels};
use crate::kernels::avx512::units::{FORCED, Products};
use crate::kernels::{Input, InputData, InputLayout, PackedConv, QuantizedKernel, QuantizedWeights};
use syq_core::reference::{CodedWeights, coded_convolution};
use syq_core::{BitWidth, Codebook, ConvGeometry, Granularity, Padding, Shape, Window};

#[test]
fn both_kinds_of_tiles_give_the_same_bits() {
    let kernels = all_kernels("both_kinds_of_tiles_give_the_same_bits");
    let mut source = Source::new(31);
    let window = Window::square(3, 1, Padding::uniform(1));
    // The weights of 64 filters of 520 channels are too many for the wider tiles.
    for (channels, filters, groups) in [(40, 64, 1), (37, 83, 1), (66, 130, 1), (74, 128, 2), (520, 70, 1)] {
        let geometry = ConvGeometry::new(Shape::new(5, 4, channels), filters, window, groups).unwrap();
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
                    let input = Input { layout, data: InputData::Words(&words) };
                    let mut output = vec![f32::NAN; packed.output_len(&packed.all())];
                    packed.run(kernels, input, &packed.all(), &mut output).unwrap();
                    assert!(bits(&output) == expected, "{products:?} {} {granularity:?} {geometry:?}", kernels.isa());
                }
            }
        }
    }
}
