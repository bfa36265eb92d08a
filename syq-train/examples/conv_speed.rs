//! Times the training convolutions of a network: `cargo run --release -p syq-train --example
//! conv_speed [NET [THREADS [BATCH [REPETITIONS [ISA]]]]]`: `resnet20` (at 32×32) or `resnet18` (at 128×128), 2, 128
//! or 32, 7 and the best unless told. The best repetition counts.
#![allow(clippy::print_stdout, reason = "an example prints its result")]

use std::time::Instant;
use syq_core::{ConvGeometry, Granularity, Levels, Padding, Shape, Window};
use syq_pack::Aligned;
use syq_train::kernels::{ConvOp, GradMode, Input, InputGradient, Isa, OutputGradient, Precision, Weights};
use syq_train::parallel::Workers;

/// Size, channels, filters, kernel, stride, how many.
type Layer = (usize, usize, usize, usize, usize, usize);

const RESNET20: [Layer; 6] = [
    (32, 3, 16, 3, 1, 1),
    (32, 16, 16, 3, 1, 6),
    (32, 16, 32, 3, 2, 1),
    (16, 32, 32, 3, 1, 5),
    (16, 32, 64, 3, 2, 1),
    (8, 64, 64, 3, 1, 5),
];

const RESNET18: [Layer; 11] = [
    (128, 3, 64, 7, 2, 1),
    (32, 64, 64, 3, 1, 4),
    (32, 64, 128, 3, 2, 1),
    (32, 64, 128, 1, 2, 1),
    (16, 128, 128, 3, 1, 3),
    (16, 128, 256, 3, 2, 1),
    (16, 128, 256, 1, 2, 1),
    (8, 256, 256, 3, 1, 3),
    (8, 256, 512, 3, 2, 1),
    (8, 256, 512, 1, 2, 1),
    (4, 512, 512, 3, 1, 3),
];

/// What the layers but the first work on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Operands {
    Float,
    TwoBits,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = |index, default| std::env::args().nth(index).map_or(Ok(default), |n| n.parse::<usize>());
    let (net, layers, batch) = match std::env::args().nth(1).as_deref() {
        None | Some("resnet20") => ("ResNet-20", &RESNET20[..], 128),
        Some("resnet18") => ("ResNet-18", &RESNET18[..], 32),
        Some(other) => return Err(format!("{other}: only resnet20 and resnet18 are known").into()),
    };
    let [threads, batch, repetitions] = [argument(2, 2)?, argument(3, batch)?, argument(4, 7)?];
    let workers = Workers::new(threads)?;
    let isa = std::env::args().nth(5).map_or(Some(Isa::detect()), |name| Isa::from_name(&name));
    let isa = isa.ok_or("this machine has no such instruction set")?;
    let levels = Levels { step: 0.5, inverse_step: 2.0, largest: 3, zero: 0 };
    for (precision, operands) in [
        (Precision::F32, Operands::Float),
        (Precision::Bf16, Operands::Float),
        (Precision::F32, Operands::TwoBits),
        (Precision::Bf16, Operands::TwoBits),
    ] {
        if isa.check(precision).is_err() {
            println!("{precision:?}: skipped, {} has none", isa.name());
            continue;
        }
        let mut total = 0.0;
        for &(size, channels, filters, kernel, stride, count) in layers {
            let window = Window::square(kernel, stride, Padding::uniform(kernel / 2));
            let geometry = ConvGeometry::new(Shape::new(size, size, channels), filters, window, 1)?;
            let first = channels == 3;
            // As in a network: a quantized one reads its picture in f32.
            let forward = if first && operands == Operands::TwoBits { Precision::F32 } else { precision };
            let op = ConvOp::new(geometry, forward, isa).with_gradients_in(precision);
            let mut x = Aligned::zeros(batch * geometry.input.len());
            x.iter_mut().enumerate().for_each(|(i, x)| *x = (i * 7 % 13) as f32 * 0.1);
            let w: Vec<f32> = (0..geometry.weights()).map(|i| (i * 5 % 11) as f32 * 0.1 - 0.5).collect();
            let codes: Vec<i8> = (0..geometry.weights()).map(|i| (i * 5 % 11 % 3) as i8 - 1).collect();
            let (input, weights) = match operands {
                Operands::TwoBits if !first => {
                    let weights = Weights::Codes { codes: &codes, scales: &[0.1; 9], granularity: Granularity::Pixel };
                    (Input::quantized(&x, levels), weights)
                }
                _ => (Input::float(&x), Weights::Float(&w)),
            };
            let mut z = Aligned::zeros(batch * geometry.output.len());
            let mut dx = Aligned::zeros(x.len());
            let mut dw = Aligned::zeros(w.len());
            let mut best = [f64::INFINITY; 2];
            for _ in 0..repetitions {
                let start = Instant::now();
                op.forward(&workers, input, weights, &mut z);
                let forward = start.elapsed().as_secs_f64();
                let start = Instant::now();
                let into = (!first).then_some(InputGradient { dx: &mut dx, mode: GradMode::Overwrite, producer: None });
                op.backward(&workers, input, weights, OutputGradient { dy: &z, normalized: None }, into, &mut dw);
                best = [best[0].min(forward), best[1].min(start.elapsed().as_secs_f64())];
            }
            let macs = (geometry.macs() * batch as u64) as f64 / 1e9;
            let passes = if first { 1.0 } else { 2.0 };
            println!(
                "{operands:?} {precision:?} {size}x{size}x{channels} -> {filters}, {kernel}x{kernel} /{stride}: \
                 forward {:6.2} ms, {:6.1} GMAC/s, backward {:6.2} ms, {:6.1} GMAC/s",
                1e3 * best[0],
                macs / best[0],
                1e3 * best[1],
                passes * macs / best[1]
            );
            total += count as f64 * (best[0] + best[1]);
        }
        let rate = batch as f64 / total;
        println!(
            "{operands:?} {precision:?} convolutions of {net}: {rate:.0} images/s on {threads} threads, {}",
            isa.name()
        );
    }
    Ok(())
}
