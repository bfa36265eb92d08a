//! Prints the time of layers other than ResNet-18's 3×3 convolutions, of the row functions and of
//! the packing, one core.
//!
//! `cargo run --release --example layer_speed [isa]`
#![allow(clippy::print_stdout)]

use std::time::Instant;
use syq_core::{BitWidth, Codebook, ConvGeometry, Granularity, Levels, Padding, Shape, Window};
use syq_infer::Isa;
use syq_infer::kernels::{
    Activation, Affine, Finish, Input, InputData, InputFormat, InputLayout, KernelError, Kernels, PackedConv,
    QuantizedKernel, QuantizedWeights,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let isa = std::env::args().nth(1).map_or_else(Isa::from_env, |name| Isa::from_name(&name))?;
    let kernels = Kernels::new(isa)?;
    let square = |size, channels, filters, kernel, stride, padding| {
        let window = Window::square(kernel, stride, Padding::uniform(padding));
        ConvGeometry::new(Shape::new(size, size, channels), filters, window, 1)
    };
    for (name, geometry) in [
        ("ResNet stem 7×7/2 3→64", square(224, 3, 64, 7, 2, 3)?),
        ("AlexNet stem 12×12/4 3→96", square(224, 3, 96, 12, 4, 0)?),
        ("ResNet-20 stem 3×3 3→16", square(32, 3, 16, 3, 1, 1)?),
        ("shortcut 1×1/2 64→128", square(56, 64, 128, 1, 2, 0)?),
        ("fully connected 512→1000", square(1, 512, 1000, 1, 1, 0)?),
        ("fully connected 4096→1000", square(1, 4096, 1000, 1, 1, 0)?),
    ] {
        float(kernels, name, &geometry)?;
    }
    for (name, geometry) in [
        ("ResNet-20 32²×16", square(32, 16, 16, 3, 1, 1)?),
        ("ResNet-20 16²×32", square(16, 32, 32, 3, 1, 1)?),
        ("ResNet-20 8²×64", square(8, 64, 64, 3, 1, 1)?),
        ("ResNet-18 56²×64", square(56, 64, 64, 3, 1, 1)?),
        ("ResNet-18 7²×512", square(7, 512, 512, 3, 1, 1)?),
        ("bottleneck 1×1 14² 1024→256", square(14, 1024, 256, 1, 1, 0)?),
        ("fully connected 9216→4096", square(1, 9216, 4096, 1, 1, 0)?),
    ] {
        for width in [BitWidth::One, BitWidth::Two, BitWidth::Four, BitWidth::Eight] {
            for kernel in QuantizedKernel::ALL
                .into_iter()
                .filter(|kernel| kernel.fits(&geometry, Granularity::Pixel, width.largest()))
            {
                quantized(kernels, name, &geometry, width, kernel)?;
            }
        }
    }
    rows(kernels)?;
    Ok(())
}

/// The best of several calls, in seconds.
fn best(mut call: impl FnMut() -> Result<(), KernelError>) -> Result<f64, KernelError> {
    let (begin, mut best, mut runs) = (Instant::now(), f64::INFINITY, 0);
    while runs < 3 || begin.elapsed().as_millis() < 40 {
        let start = Instant::now();
        call()?;
        best = best.min(start.elapsed().as_secs_f64());
        runs += 1;
    }
    Ok(best)
}

fn report(name: &str, packed: &PackedConv, seconds: f64, packing: f64) {
    let rate = packed.geometry().macs() as f64 / seconds / 1e9;
    println!(
        "{name:30} {:14} {:9.1} µs {rate:8.1} GMAC/s, packed in {:8.1} µs",
        packed.kernel(),
        seconds * 1e6,
        packing * 1e6
    );
}

fn float(kernels: Kernels, name: &str, geometry: &ConvGeometry) -> Result<(), KernelError> {
    let weights: Vec<f32> = (0..geometry.weights()).map(|i| (i % 17) as f32 / 16.0 - 0.5).collect();
    let layout = InputLayout::of(geometry, InputFormat::Float)?;
    let values: Vec<f32> = (0..layout.len()).map(|i| (i % 13) as f32).collect();
    let packing = best(|| PackedConv::float(name, geometry, &layout, &weights).map(drop))?;
    let packed = PackedConv::float(name, geometry, &layout, &weights)?;
    let (input, range) = (Input { layout, data: InputData::Floats(&values) }, packed.all());
    let mut output = vec![0f32; packed.output_len(&range)];
    report(name, &packed, best(|| packed.run(kernels, input, &range, &mut output))?, packing);
    Ok(())
}

fn quantized(
    kernels: Kernels,
    name: &str,
    geometry: &ConvGeometry,
    width: BitWidth,
    kernel: QuantizedKernel,
) -> Result<(), KernelError> {
    let codes: Vec<i8> = (0..geometry.weights()).map(|i| [1, 0, -1][i * 7919 % 1013 % 3]).collect();
    let scales = vec![0.25; geometry.positions()];
    let weights = QuantizedWeights {
        codebook: Codebook::Ternary,
        granularity: Granularity::Pixel,
        codes: &codes,
        scales: &scales,
    };
    let levels = Levels { step: 0.5, inverse_step: 2.0, largest: width.largest(), zero: 0 };
    let layout = InputLayout::of(geometry, kernel.format(Codebook::Ternary, width))?;
    let packing = best(|| PackedConv::quantized(name, geometry, &layout, levels, weights).map(drop))?;
    let packed = PackedConv::quantized(name, geometry, &layout, levels, weights)?;
    let words: Vec<u32> = (0..layout.len() as u32).map(|i| i.wrapping_mul(2_654_435_761)).collect();
    let (input, range) = (Input { layout, data: InputData::Words(&words) }, packed.all());
    let mut output = vec![0f32; packed.output_len(&range)];
    let seconds = best(|| packed.run(kernels, input, &range, &mut output))?;
    report(&format!("{name} W2A{}", width.bits()), &packed, seconds, packing);
    Ok(())
}

fn rows(kernels: Kernels) -> Result<(), KernelError> {
    let [width, channels] = [56, 64];
    let (scale, offset) = (vec![1.0001; channels], vec![0.001; channels]);
    let mut values: Vec<f32> = (0..width * channels).map(|i| (i % 7) as f32 - 3.0).collect();
    let residual = vec![0.001; values.len()];
    let finish = Finish {
        bias: None,
        affine: Some(Affine { scale: &scale, offset: &offset }),
        residual: Some(&residual),
        activation: Activation::Relu,
    };
    let per_value = |seconds: f64| seconds * 1e9 / (width * channels) as f64;
    println!("finish {:.3} ns/value", per_value(best(|| kernels.finish(&mut values, channels, &finish))?));
    for width_bits in BitWidth::ALL {
        let levels = Levels { step: 0.5, inverse_step: 2.0, largest: width_bits.largest(), zero: 0 };
        for kernel in QuantizedKernel::ALL {
            let shape = Shape::new(1, width, channels);
            let layout = InputLayout::new(kernel.format(Codebook::Ternary, width_bits), shape, Padding::NONE, 1)?;
            let mut buffer = vec![0u32; layout.len()];
            let seconds = best(|| kernels.place_values(&values, levels, &layout, &mut buffer))?;
            println!("place {} bits {kernel:?} {:.3} ns/value", width_bits.bits(), per_value(seconds));
        }
    }
    Ok(())
}
