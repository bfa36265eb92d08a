//! The three passes against plain loops in f64, and the quantized forward pass against the reference
//! convolution by `==`, on every instruction set of the machine.
#![allow(clippy::print_stderr, reason = "a test tells what it skipped")]

use super::*;
use crate::kernels::elementwise;
use crate::layers::Activation;
use crate::tape::Tensor;
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use syq_core::reference::{CodedWeights, coded_convolution};
use syq_core::{Codebook, Padding, Shape, Window};

/// Input, filters, kernel, stride, padding, groups.
type Case = (Shape, usize, [usize; 2], [usize; 2], Padding, usize);

const SHAPES: [Case; 20] = [
    (Shape::new(8, 8, 16), 16, [3, 3], [1, 1], Padding::uniform(1), 1),
    (Shape::new(8, 8, 16), 32, [3, 3], [2, 2], Padding::uniform(1), 1),
    (Shape::new(7, 5, 33), 17, [3, 3], [1, 1], Padding { top: 0, bottom: 1, left: 2, right: 0 }, 1),
    (Shape::new(9, 10, 3), 5, [3, 3], [2, 2], Padding { top: 0, bottom: 1, left: 0, right: 1 }, 1),
    (Shape::new(11, 9, 5), 16, [5, 4], [3, 2], Padding::uniform(2), 1),
    (Shape::new(13, 12, 3), 18, [12, 7], [4, 1], Padding::uniform(6), 1),
    (Shape::new(6, 6, 32), 48, [1, 1], [1, 1], Padding::NONE, 1),
    (Shape::new(7, 8, 17), 33, [1, 1], [2, 3], Padding::NONE, 1),
    (Shape::new(6, 7, 6), 4, [3, 2], [1, 2], Padding::uniform(1), 2),
    (Shape::new(5, 5, 48), 36, [3, 3], [2, 1], Padding::uniform(1), 3),
    (Shape::new(1, 1, 50), 10, [1, 1], [1, 1], Padding::NONE, 1),
    (Shape::new(10, 3, 2), 1, [2, 3], [5, 1], Padding::NONE, 1),
    (Shape::new(4, 4, 64), 64, [3, 3], [1, 1], Padding::uniform(1), 1),
    (Shape::new(3, 4, 8), 8, [3, 3], [1, 1], Padding::uniform(1), 8),
    // By tiles.
    (Shape::new(12, 10, 32), 48, [3, 3], [1, 1], Padding::uniform(1), 1),
    (Shape::new(12, 10, 16), 32, [3, 3], [1, 1], Padding::NONE, 1),
    (Shape::new(26, 32, 16), 16, [3, 3], [1, 1], Padding { top: 2, bottom: 0, left: 1, right: 1 }, 1),
    // Weight gradients that are summed by filters.
    (Shape::new(3, 2, 333), 90, [3, 3], [1, 1], Padding::uniform(1), 1),
    (Shape::new(4, 3, 256), 240, [3, 3], [2, 1], Padding::uniform(1), 2),
    (Shape::new(1, 1, 600), 450, [1, 1], [1, 1], Padding::NONE, 1),
];

fn geometries() -> impl Iterator<Item = ConvGeometry> {
    SHAPES.into_iter().map(|(input, filters, kernel, stride, padding, groups)| {
        ConvGeometry::new(input, filters, Window { kernel, stride, padding }, groups).unwrap()
    })
}

/// Every instruction set and precision of this machine.
pub(super) fn executors() -> Vec<(Isa, Precision)> {
    let all = Isa::ALL.into_iter().flat_map(|isa| [(isa, Precision::F32), (isa, Precision::Bf16)]);
    all.filter(|(isa, precision)| {
        if !isa.is_available() {
            eprintln!("skipped: this machine has no {}", isa.name());
        }
        isa.is_available() && isa.check(*precision).is_ok()
    })
    .collect()
}

/// Random numbers in [−1, 1) that bf16 holds exactly, so that both precisions have one reference.
fn random(seed: u64, len: usize) -> Vec<f32> {
    let mut rng = Pcg32::new(seed, 7);
    (0..len).map(|_| (rng.next_u32() >> 25) as f32 / 64.0 - 1.0).collect()
}

/// Calls `visit(output, input, weight)` for every product of one image.
fn for_each_product(g: &ConvGeometry, mut visit: impl FnMut(usize, usize, usize)) {
    let (window, channels) = (g.window, g.group_channels());
    for output in 0..g.output.len() {
        let (pixel, filter) = (output / g.filters(), output % g.filters());
        for element in 0..g.filter_len() {
            let (position, channel) = (element / channels, element % channels);
            let row = pixel / g.output.width * window.stride[0] + position / window.kernel[1];
            let column = pixel % g.output.width * window.stride[1] + position % window.kernel[1];
            let (row, column) = (row.wrapping_sub(window.padding.top), column.wrapping_sub(window.padding.left));
            if row < g.input.height && column < g.input.width {
                let channel = filter / g.group_filters() * channels + channel;
                let input = (row * g.input.width + column) * g.input.channels + channel;
                visit(output, input, filter * g.filter_len() + element);
            }
        }
    }
}

fn assert_close(what: &str, found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1e-3f64, |m, e| m.max(e.abs()));
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f64::from(*f) - e).abs() <= tolerance * largest, "{what}[{i}]: {f} instead of {e}");
    }
}

const BATCH: usize = 5;

fn given(dy: &[f32]) -> OutputGradient<'_> {
    OutputGradient { dy, normalized: None }
}

struct Reference {
    z: Vec<f64>,
    dx: Vec<f64>,
    dw: Vec<f64>,
}

fn reference(g: &ConvGeometry, x: &[f32], w: &[f32], dz: &[f32]) -> Reference {
    let mut r = Reference { z: vec![0.0; dz.len()], dx: vec![0.0; x.len()], dw: vec![0.0; w.len()] };
    for image in 0..dz.len() / g.output.len() {
        let (to, from) = (image * g.output.len(), image * g.input.len());
        for_each_product(g, |o, i, j| {
            let (x, w, dz) = (f64::from(x[from + i]), f64::from(w[j]), f64::from(dz[to + o]));
            r.z[to + o] += x * w;
            r.dx[from + i] += w * dz;
            r.dw[j] += x * dz;
        });
    }
    r
}

/// What may be rounded, of the largest value: turned tiles are rounded to bf16.
fn tolerance(g: &ConvGeometry, precision: Precision) -> f64 {
    let by_tiles = (g.window.kernel, g.window.stride, g.groups) == ([3, 3], [1, 1], 1)
        && [g.input.channels, g.filters()].iter().all(|channels| channels.is_multiple_of(16));
    if by_tiles && precision == Precision::Bf16 { 1e-2 } else { 2e-6 }
}

#[test]
fn float_passes_match_plain_loops() {
    let workers = Workers::new(1).unwrap();
    for g in geometries() {
        let (x, w) = (random(1, BATCH * g.input.len()), random(2, g.weights()));
        let dz = random(3, BATCH * g.output.len());
        let expected = reference(&g, &x, &w, &dz);
        for (isa, precision) in executors() {
            let what = |which: &str| format!("{which} of {g:?} with {} {precision:?}", isa.name());
            let op = ConvOp::new(g, precision, isa);
            let tolerance = tolerance(&g, precision);
            let mut z = vec![f32::NAN; dz.len()];
            let sums = op.forward(&workers, Input::float(&x), Weights::Float(&w), &mut z);
            assert_close(&what("z"), &z, &expected.z, tolerance);
            for filter in 0..g.filters() {
                let of = |power: i32| {
                    z.iter().skip(filter).step_by(g.filters()).map(|z| f64::from(*z).powi(power)).sum::<f64>()
                };
                assert!((sums.sum[filter] - of(1)).abs() < 1e-3, "{}", what("Σ z"));
                assert!((sums.sum_of_squares[filter] - of(2)).abs() < 1e-5 * of(2) + 1e-4, "{}", what("Σ z²"));
            }
            let (mut dx, mut dw) = (vec![f32::NAN; x.len()], vec![f32::NAN; w.len()]);
            let into = Some(InputGradient { dx: &mut dx, mode: GradMode::Overwrite, producer: None });
            let step = op.backward(&workers, Input::float(&x), Weights::Float(&w), given(&dz), into, &mut dw);
            assert_eq!(step, BackwardSums::default());
            assert_close(&what("dx"), &dx, &expected.dx, tolerance);
            assert_close(&what("dw"), &dw, &expected.dw, tolerance);
            let into = Some(InputGradient { dx: &mut dx, mode: GradMode::Accumulate, producer: None });
            op.backward(&workers, Input::float(&x), Weights::Float(&w), given(&dz), into, &mut dw);
            let twice: Vec<f64> = expected.dx.iter().map(|g| 2.0 * g).collect();
            assert_close(&what("accumulated dx"), &dx, &twice, tolerance);
            let mut alone = vec![0.0; w.len()];
            op.backward(&workers, Input::float(&x), Weights::Float(&w), given(&dz), None, &mut alone);
            assert_eq!(alone, dw, "{}", what("dw without dx"));
        }
    }
}

fn codes(seed: u64, len: usize) -> Vec<i8> {
    random(seed, len).into_iter().map(|v| (v * 1.4).round() as i8).collect()
}

fn scales(count: usize) -> Vec<f32> {
    (0..count).map(|i| 0.3 + 0.0437 * i as f32).collect()
}

#[test]
fn quantized_forward_is_the_reference_bit_for_bit() {
    let workers = Workers::new(1).unwrap();
    for (g, largest) in geometries().zip([1u8, 3, 15, 255].into_iter().cycle()) {
        let levels =
            Levels { step: 0.7 / f32::from(largest), inverse_step: f32::from(largest) / 0.7, largest, zero: 0 };
        let (x, codes) = (random(4, BATCH * g.input.len()), codes(5, g.weights()));
        for granularity in Granularity::ALL {
            let scales = scales(granularity.subgroups(g.window.kernel));
            let coded = CodedWeights { codebook: Codebook::Ternary, granularity, codes: &codes, scales: &scales };
            let mut expected = Vec::new();
            for image in x.chunks_exact(g.input.len()) {
                let input: Vec<u8> = image.iter().map(|x| levels.code(*x)).collect();
                expected.extend(coded_convolution("c", &g, &input, levels, coded).unwrap());
            }
            for (isa, precision) in executors() {
                let weights = Weights::Codes { codes: &codes, scales: &scales, granularity };
                let mut z = vec![f32::NAN; expected.len()];
                let op = ConvOp::new(g, precision, isa);
                op.forward(&workers, Input::quantized(&x, levels), weights, &mut z);
                let same = z.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits());
                assert!(same, "{g:?} {granularity:?} {} {precision:?}", isa.name());
            }
        }
    }
}

/// One operand quantized, the other not: the dequantized values take part.
#[test]
fn mixed_forward_uses_dequantized_values() {
    let workers = Workers::new(1).unwrap();
    // A power of two, so that bf16 holds the products exactly.
    let levels = Levels { step: 0.25, inverse_step: 4.0, largest: 3, zero: 0 };
    for g in geometries() {
        let (x, w) = (random(6, g.input.len()), random(7, g.weights()));
        let codes = codes(8, g.weights());
        let values: Vec<f32> = x.iter().map(|x| levels.value(levels.code(*x))).collect();
        let dz = vec![0.0; g.output.len()];
        for (isa, precision) in executors() {
            let op = ConvOp::new(g, precision, isa);
            let mut z = vec![f32::NAN; dz.len()];
            op.forward(&workers, Input::quantized(&x, levels), Weights::Float(&w), &mut z);
            assert_close("quantized input", &z, &reference(&g, &values, &w, &dz).z, 2e-6);
            let granularity = Granularity::Row;
            let scales: Vec<f32> = (0..g.window.kernel[0]).map(|i| 0.25 + 0.125 * i as f32).collect();
            let at = |j: usize| j / (g.group_channels() * g.window.kernel[1]) % g.window.kernel[0];
            let scaled: Vec<f32> = codes.iter().enumerate().map(|(j, c)| f32::from(*c) * scales[at(j)]).collect();
            let weights = Weights::Codes { codes: &codes, scales: &scales, granularity };
            op.forward(&workers, Input::float(&x), weights, &mut z);
            assert_close("coded weights", &z, &reference(&g, &x, &scaled, &dz).z, 2e-6);
        }
    }
}

#[test]
fn quantized_backward_is_straight_through() {
    let workers = Workers::new(2).unwrap();
    let levels = Levels { step: 0.2, inverse_step: 5.0, largest: 3, zero: 0 };
    for g in geometries() {
        let x = random(9, BATCH * g.input.len());
        let (codes, dz) = (codes(10, g.weights()), random(11, BATCH * g.output.len()));
        let scales = scales(g.positions());
        let position = |j: usize| j / g.group_channels() % g.positions();
        let w: Vec<f32> = codes.iter().enumerate().map(|(j, c)| f32::from(*c) * scales[position(j)]).collect();
        let values: Vec<f32> = x.iter().map(|x| levels.value(levels.code(*x))).collect();
        let plain = reference(&g, &values, &w, &dz);
        let passed = |(x, g): (&f32, &f64)| f64::from(levels.input_gradient(*x, *g as f32));
        let expected: Vec<f64> = x.iter().zip(&plain.dx).map(passed).collect();
        let step: f64 = x.iter().zip(&plain.dx).map(|(x, g)| g * f64::from(levels.step_gradient(*x))).sum();
        let spread = plain.dx.iter().map(|g| g * g).sum::<f64>().sqrt();
        for (isa, precision) in executors() {
            // The scaled weights are rounded to bf16 on the way back.
            let tolerance = if precision == Precision::Bf16 { 4e-3 } else { 2e-6 };
            let (mut dx, mut dw) = (vec![f32::NAN; x.len()], vec![f32::NAN; w.len()]);
            let weights = Weights::Codes { codes: &codes, scales: &scales, granularity: Granularity::Pixel };
            let op = ConvOp::new(g, precision, isa);
            let into = Some(InputGradient { dx: &mut dx, mode: GradMode::Overwrite, producer: None });
            let found = op.backward(&workers, Input::quantized(&x, levels), weights, given(&dz), into, &mut dw);
            assert_close("dx", &dx, &expected, tolerance);
            assert_close("dw", &dw, &plain.dw, 2e-6);
            assert!(
                (found.step - step).abs() < 10.0 * tolerance * spread + 1e-4,
                "{} instead of {step}: {g:?}",
                found.step
            );
        }
    }
}

#[test]
fn bytes_do_not_depend_on_the_threads() {
    let levels = Levels { step: 0.2, inverse_step: 5.0, largest: 3, zero: 0 };
    for (g, batch) in geometries().zip([1usize, 19, 2, 33].into_iter().cycle()) {
        let (x, dz) = (random(12, batch * g.input.len()), random(13, batch * g.output.len()));
        let (codes, scales) = (codes(14, g.weights()), scales(g.window.kernel[0]));
        for (isa, precision) in executors() {
            let op = ConvOp::new(g, precision, isa);
            let run = |threads: usize| {
                let workers = Workers::new(threads).unwrap();
                let weights = Weights::Codes { codes: &codes, scales: &scales, granularity: Granularity::Row };
                let input = Input::quantized(&x, levels);
                let (mut z, mut dx, mut dw) = (vec![0.0; dz.len()], vec![0.0; x.len()], vec![0.0; codes.len()]);
                let sums = op.forward(&workers, input, weights, &mut z);
                let into = Some(InputGradient { dx: &mut dx, mode: GradMode::Overwrite, producer: None });
                let step = op.backward(&workers, input, weights, given(&dz), into, &mut dw);
                (z, dx, dw, sums, step)
            };
            let one = run(1);
            assert!([2, 3].into_iter().all(|threads| run(threads) == one), "{g:?} {} {precision:?}", isa.name());
        }
    }
}

/// L = Σ (x * w)² / 2, whose gradients are those of dz = z, against central differences in f32 of
/// one weight and one input at a time.
#[test]
fn gradients_match_finite_differences() {
    let workers = Workers::new(1).unwrap();
    for g in geometries() {
        let (x, w) = (random(15, 2 * g.input.len()), random(16, g.weights()));
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            let op = ConvOp::new(g, Precision::F32, isa);
            let mut z = vec![0.0; 2 * g.output.len()];
            let mut loss = |x: &[f32], w: &[f32]| {
                op.forward(&workers, Input::float(x), Weights::Float(w), &mut z);
                z.iter().map(|z| f64::from(*z).powi(2) / 2.0).sum::<f64>()
            };
            loss(&x, &w);
            let slope = |values: &[f32], i: usize, loss: &mut dyn FnMut(&[f32]) -> f64| {
                let step = 1.0 / 16.0;
                let mut moved = values.to_vec();
                moved[i] += step;
                let above = loss(&moved);
                moved[i] -= 2.0 * step;
                (above - loss(&moved)) / (2.0 * f64::from(step))
            };
            let (i, j) = (x.len() / 2 + 1, w.len() / 2);
            let slopes = [slope(&x, i, &mut |x| loss(x, &w)), slope(&w, j, &mut |w| loss(&x, w))];
            loss(&x, &w);
            let (mut dx, mut dw) = (vec![0.0; x.len()], vec![0.0; w.len()]);
            let into = Some(InputGradient { dx: &mut dx, mode: GradMode::Overwrite, producer: None });
            op.backward(&workers, Input::float(&x), Weights::Float(&w), given(&z), into, &mut dw);
            let largest = dx.iter().chain(&dw).fold(0.0f32, |m, g| m.max(g.abs()));
            for (found, slope) in [dx[i], dw[j]].into_iter().zip(slopes) {
                assert!((f64::from(found) - slope).abs() < 1e-3 * f64::from(largest), "{found}, {slope}: {g:?}");
            }
        }
    }
}

#[test]
fn codes_as_floats_are_the_codes() {
    let levels = Levels { step: 0.2, inverse_step: 5.0, largest: 15, zero: 0 };
    let specials = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 1e-45, f32::MAX];
    for x in random(17, 10_000).into_iter().map(|x| x * 4.0).chain(specials) {
        assert_eq!(operand::code(levels, x).to_bits(), f32::from(levels.code(x)).to_bits(), "{x}");
    }
}

/// A batch norm before the convolution and one behind it, done while operands are written or in passes of their own.
#[test]
fn fused_batch_norms_give_the_bytes_of_separate_passes() {
    let workers = Workers::new(2).unwrap();
    let two_bits = Levels { step: 0.2, inverse_step: 5.0, largest: 3, zero: 0 };
    for g in geometries() {
        let (before, w) = (random(17, BATCH * g.input.len()), random(18, g.weights()));
        let (dy, given_dx) = (random(19, BATCH * g.output.len()), random(20, before.len()));
        let factors = |seed| random(seed, g.input.channels);
        let affine = ChannelAffine::new([&factors(21), &factors(22)], Activation::Relu);
        let [gradient, input, constant] = [23, 24, 25].map(|seed| random(seed, g.filters()));
        let behind = BatchNormGradient { gradient, input, constant };
        let mut x = vec![0.0; before.len()];
        elementwise::affine(&workers, &Tensor::new(g.input, before.clone()), None, &affine, &mut x);
        let producer = Some(Producer { z: &before, floor: affine.floor() });
        for ((isa, precision), levels) in executors().into_iter().flat_map(|e| [(e, None), (e, Some(two_bits))]) {
            let op = ConvOp::new(g, precision, isa);
            let run = |input: Input<'_>, fused: bool| {
                let mut z = vec![f32::NAN; dy.len()];
                let sums = op.forward(&workers, input, Weights::Float(&w), &mut z);
                let mut dz = vec![f32::NAN; dy.len()];
                elementwise::batch_norm_gradient(&workers, &Tensor::new(g.output, z.clone()), &behind, &dy, &mut dz);
                let dz = if fused { OutputGradient { dy: &dy, normalized: Some((&behind, &z)) } } else { given(&dz) };
                let mut results = Vec::new();
                for mode in [GradMode::Overwrite, GradMode::Accumulate] {
                    let (mut dx, mut dw) = (given_dx.clone(), vec![f32::NAN; w.len()]);
                    let into = Some(InputGradient { dx: &mut dx, mode, producer });
                    let found = op.backward(&workers, input, Weights::Float(&w), dz, into, &mut dw);
                    let mut alone = vec![f32::NAN; w.len()];
                    op.backward(&workers, input, Weights::Float(&w), dz, None, &mut alone);
                    assert_eq!(alone, dw);
                    results.push((dx, dw, found));
                }
                (z, sums, results)
            };
            let fused = run(Input::float(&before).through(Some(&affine)).with(levels), true);
            let separate = run(Input::float(&x).with(levels), false);
            assert!(fused == separate, "{g:?} with {} {precision:?}, {levels:?}", isa.name());
        }
    }
}
