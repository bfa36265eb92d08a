//! A thread whose processor takes subnormal numbers for zeros, as audio programs and some compilers' start-up code ask for.

use super::support::{Source, all_kernels, bits, lay_out_codes, levels};
use crate::kernels::{Input, InputData, InputLayout, PackedConv, QuantizedKernel, QuantizedWeights};
use std::arch::asm;
use syq_core::reference::{CodedWeights, coded_convolution};
use syq_core::{BitWidth, Codebook, ConvGeometry, Granularity, Padding, Shape, Window};

/// Results and operands that are subnormal are zeros: the bits FTZ and DAZ of MXCSR.
const FLUSH: u32 = 0x8040;

/// Runs `run` in that mode, and gives the processor its old one back.
fn flushing<T>(run: impl FnOnce() -> T) -> T {
    let mut old = 0u32;
    // SAFETY: stores the control register to a variable.
    unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut old, options(nostack, preserves_flags)) };
    let set = |mode: u32| {
        // SAFETY: loads the control register from a variable that was stored from it, but for two bits that every
        // processor with AVX2 has; no float is computed between here and there by code that is compiled for another mode
        // than the tested kernels themselves.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const mode, options(nostack, preserves_flags)) };
    };
    set(old | FLUSH);
    let result = run();
    set(old);
    result
}

#[test]
fn subnormals_that_vanish_change_nothing() {
    let flushed =
        flushing(|| std::hint::black_box(std::hint::black_box(f32::from_bits(1)) + f32::from_bits(1)).to_bits());
    assert_eq!(flushed, 0, "the mode is not what it should be");
    let mut source = Source::new(27);
    let window = Window::square(3, 1, Padding::uniform(1));
    for (width, codebook) in BitWidth::ALL.into_iter().flat_map(|width| Codebook::ALL.map(|book| (width, book))) {
        let geometry = ConvGeometry::new(Shape::new(5, 5, 150), 40, window, 1).unwrap();
        let levels = levels(width.largest());
        let input = source.codes(geometry.input.len(), levels.largest);
        let codes = source.weights(geometry.weights(), codebook);
        let scales = source.floats(9);
        let granularity = Granularity::Pixel;
        let coded = CodedWeights { codebook, granularity, codes: &codes, scales: &scales };
        let expected = bits(&coded_convolution("conv", &geometry, &input, levels, coded).unwrap());
        let layout = InputLayout::of(&geometry, QuantizedKernel::Popcount.format(codebook, width)).unwrap();
        let weights = QuantizedWeights { codebook, granularity, codes: &codes, scales: &scales };
        let packed = PackedConv::quantized("conv", &geometry, &layout, levels, weights).unwrap();
        let words = lay_out_codes(&layout, &input);
        for kernels in all_kernels("subnormals_that_vanish_change_nothing") {
            let mut output = vec![f32::NAN; packed.output_len(&packed.all())];
            let input = Input { layout, data: InputData::Words(&words) };
            flushing(|| packed.run(kernels, input, &packed.all(), &mut output)).unwrap();
            assert!(bits(&output) == expected, "{} {} {width:?}", packed.kernel(), kernels.isa());
        }
    }
}
