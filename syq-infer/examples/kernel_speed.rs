//! Prints the speed of every convolution kernel on the 3×3 shapes of ResNet-18 and of ResNet-20's narrow layers, one core.
//!
//! `cargo run --release --example kernel_speed [isa] [kernel substring]`
#![allow(clippy::print_stdout)]

use std::time::Instant;
use syq_core::{BitWidth, Codebook, ConvGeometry, EightBitWeights, Granularity, Levels, Padding, Shape, Window};
use syq_infer::Isa;
use syq_infer::kernels::{
    Input, InputData, InputFormat, InputLayout, Kernels, PackedConv, QuantizedKernel, QuantizedWeights,
    eight_bit_format,
};

/// Height and width, and channels.
const SHAPES: [[usize; 2]; 6] = [[56, 64], [28, 128], [14, 256], [7, 512], [32, 16], [16, 32]];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let isa = arguments.next().map_or_else(Isa::from_env, |name| Isa::from_name(&name))?;
    let wanted = arguments.next().unwrap_or_default();
    let kernels = Kernels::new(isa)?;
    let names = SHAPES.map(|[size, channels]| format!("{:>8}", format!("{size}²×{channels}")));
    println!("{:34} {}  GMAC/s", "kernel", names.join(" "));
    for granularity in [Granularity::Pixel, Granularity::Layer] {
        for codebook in Codebook::ALL {
            for width in BitWidth::ALL {
                for kernel in QuantizedKernel::ALL {
                    let name = format!(
                        "{}_{isa} W{}A{} {}-wise",
                        match kernel {
                            QuantizedKernel::Int8 => "int8",
                            QuantizedKernel::Lookup => "lookup",
                            QuantizedKernel::Permute => "permute",
                            QuantizedKernel::Popcount => "popcount",
                        },
                        codebook.bits(),
                        width.bits(),
                        granularity.name()
                    );
                    if name.contains(&wanted) {
                        let speeds =
                            SHAPES.map(|shape| quantized(kernels, shape, codebook, granularity, width, kernel));
                        print(&name, speeds);
                    }
                }
            }
        }
    }
    let name = format!("w8_{isa} W8A8");
    if name.contains(&wanted) {
        print(&name, SHAPES.map(|shape| eight_bit(kernels, shape)));
    }
    let name = format!("float_{isa}");
    if name.contains(&wanted) {
        print(&name, SHAPES.map(|shape| float(kernels, shape)));
    }
    Ok(())
}

fn print(name: &str, speeds: [f64; SHAPES.len()]) {
    println!("{name:34} {}", speeds.map(|speed| format!("{speed:8.1}")).join(" "));
}

fn geometry([size, channels]: [usize; 2]) -> ConvGeometry {
    let window = Window::square(3, 1, Padding::uniform(1));
    ConvGeometry::new(Shape::new(size, size, channels), channels, window, 1).expect("a shape of SHAPES")
}

fn quantized(
    kernels: Kernels,
    shape: [usize; 2],
    codebook: Codebook,
    granularity: Granularity,
    width: BitWidth,
    kernel: QuantizedKernel,
) -> f64 {
    let geometry = geometry(shape);
    if !kernel.fits(&geometry, granularity, width.largest()) {
        return f64::NAN;
    }
    let entries: &[i8] = if codebook == Codebook::Binary { &[1, -1] } else { &[1, 0, -1] };
    let codes: Vec<i8> = (0..geometry.weights()).map(|i| entries[i * 7919 % 1013 % entries.len()]).collect();
    let scales = vec![0.25; granularity.subgroups([3, 3])];
    let weights = QuantizedWeights { codebook, granularity, codes: &codes, scales: &scales };
    let levels = Levels { step: 0.5, inverse_step: 2.0, largest: width.largest(), zero: 0 };
    let layout = InputLayout::of(&geometry, kernel.format(codebook, width)).expect("a shape of SHAPES");
    let packed = PackedConv::quantized("conv", &geometry, &layout, levels, weights).expect("valid weights");
    time(kernels, &packed, InputData::Words(line_start(&words(layout.len()), layout.len())))
}

fn eight_bit(kernels: Kernels, shape: [usize; 2]) -> f64 {
    let geometry = geometry(shape);
    let codes: Vec<i8> = (0..geometry.weights()).map(|i| ((i * 7919 % 255) as i16 - 127) as i8).collect();
    let scales = vec![0.25; geometry.filters()];
    let weights = EightBitWeights { codes: &codes, scales: &scales };
    let levels = Levels { step: 0.5, inverse_step: 2.0, largest: 255, zero: 128 };
    let layout = InputLayout::of(&geometry, eight_bit_format(kernels.isa())).expect("a shape of SHAPES").with_zero(128);
    let packed = PackedConv::eight_bit("conv", &geometry, &layout, levels, weights).expect("valid weights");
    time(kernels, &packed, InputData::Words(line_start(&words(layout.len()), layout.len())))
}

/// Some words, and as many as a cache line has.
fn words(len: usize) -> Vec<u32> {
    (0..len as u32 + 16).map(|i| i.wrapping_mul(2_654_435_761)).collect()
}

/// The first `len` words from a cache line on, as a session's buffers lie.
fn line_start(words: &[u32], len: usize) -> &[u32] {
    &words[words.as_ptr().align_offset(64).min(words.len() - len)..][..len]
}

fn float(kernels: Kernels, shape: [usize; 2]) -> f64 {
    let geometry = geometry(shape);
    let weights: Vec<f32> = (0..geometry.weights()).map(|i| (i % 17) as f32 / 16.0 - 0.5).collect();
    let layout = InputLayout::of(&geometry, InputFormat::Float).expect("a shape of SHAPES");
    let packed = PackedConv::float("conv", &geometry, &layout, &weights).expect("valid weights");
    let values: Vec<f32> = (0..layout.len()).map(|i| (i % 13) as f32).collect();
    time(kernels, &packed, InputData::Floats(&values))
}

/// Giga multiply-accumulates a second, the best of several runs. (A kernel that does not fit has NaN.)
fn time(kernels: Kernels, packed: &PackedConv, data: InputData<'_>) -> f64 {
    let (input, range) = (Input { layout: *packed.layout(), data }, packed.all());
    let mut output = vec![0f32; packed.output_len(&range)];
    let mut best = f64::INFINITY;
    let begin = Instant::now();
    let mut runs = 0;
    while runs < 3 || begin.elapsed().as_millis() < 60 {
        let start = Instant::now();
        packed.run(kernels, input, &range, &mut output).expect("buffers of the layer's sizes");
        best = best.min(start.elapsed().as_secs_f64());
        runs += 1;
    }
    packed.geometry().macs() as f64 / best / 1e9
}
