//! Every instruction set against plain scalar loops of the same sums, by `==`.
#![allow(clippy::print_stderr, reason = "a test tells what it skipped")]

use super::super::tests::executors;
use super::super::{GradMode, Input, InputGradient, OutputGradient, Weights};
use super::*;
use crate::kernels::lanes::{Kernel, Lanes, dispatch, pair};
use crate::kernels::{Isa, Precision};
use crate::parallel::Workers;
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use syq_core::{ConvGeometry, Padding, Window};

/// Σ a·b in the given order, with the instruction set's own multiplication.
struct Sum<'a>(&'a [[f32; 2]]);

impl Kernel for Sum<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> f32 {
        let element = |values: &[[f32; 2]], of: usize| match values {
            _ if L::PRODUCTS == 1 => values[0][of].to_bits(),
            [low, high] => pair(low[of], high[of]),
            _ => pair(values[0][of], 0.0),
        };
        let mut sum = lanes.zero();
        for values in self.0.chunks(L::PRODUCTS) {
            let [a, b] = [0, 1].map(|of| element(values, of));
            sum = lanes.multiply_add(sum, lanes.load(&[a; 16]), b);
        }
        lanes.values(sum)[0]
    }
}

/// Where sums are made.
type Executor = (Isa, Precision);

/// Random numbers in [−1, 1), with all their bits.
fn random(seed: u64, len: usize) -> Vec<f32> {
    let mut rng = Pcg32::new(seed, 9);
    (0..len).map(|_| rng.next_u32() as f32 / (1u64 << 31) as f32 - 1.0).collect()
}

/// A map `[row][column][channel]`, zero outside.
#[derive(Clone, Copy)]
struct Map<'a> {
    values: &'a [f32],
    shape: Shape,
}

impl Map<'_> {
    fn at(&self, row: isize, column: isize, channel: usize) -> f32 {
        let inside = |at: isize, len: usize| usize::try_from(at).ok().filter(|at| *at < len);
        match (inside(row, self.shape.height), inside(column, self.shape.width)) {
            (Some(row), Some(column)) => self.values[(row * self.shape.width + column) * self.shape.channels + channel],
            _ => 0.0,
        }
    }

    /// Bᵀ d B of the tile whose first element is at that place.
    fn turned(&self, row: isize, column: isize, channel: usize) -> [[f32; 4]; 4] {
        let b = |d: [f32; 4]| [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]];
        twice(|y, x| self.at(row + y as isize, column + x as isize, channel), b)
    }
}

/// A matrix from the left and from the right: first on the columns, then on the rows.
fn twice<const N: usize, const M: usize>(
    of: impl Fn(usize, usize) -> f32,
    matrix: impl Fn([f32; N]) -> [f32; M],
) -> [[f32; M]; M] {
    let columns: [[f32; M]; N] = std::array::from_fn(|x| matrix(std::array::from_fn(|y| of(y, x))));
    std::array::from_fn(|y| matrix(std::array::from_fn(|x| columns[x][y])))
}

fn g([a, b, c]: [f32; 3]) -> [f32; 4] {
    [a, 0.5 * ((a + c) + b), 0.5 * ((a + c) - b), c]
}

fn outputs([a, b, c, d]: [f32; 4]) -> [f32; 2] {
    [(a + b) + c, (b - c) - d]
}

/// z of one image; `weight(output, row, column, input)`, and what is before the first row and column.
fn convolve(
    map: Map<'_>,
    to: Shape,
    before: [usize; 2],
    weight: impl Fn(usize, usize, usize, usize) -> f32,
    (isa, precision): Executor,
) -> Vec<f32> {
    let mut z = vec![f32::NAN; to.len()];
    let inputs = map.shape.channels;
    let turned: Vec<Vec<[[f32; 4]; 4]>> = (0..to.channels)
        .map(|output| (0..inputs).map(|input| twice(|y, x| weight(output, y, x, input), g)).collect())
        .collect();
    for row in (0..to.height).step_by(2) {
        for column in (0..to.width).step_by(2) {
            let from = [row, column].map(|at| at as isize);
            let tile: Vec<_> = (0..inputs)
                .map(|c| map.turned(from[0] - before[0] as isize, from[1] - before[1] as isize, c))
                .collect();
            for output in 0..to.channels {
                let sum = |y: usize, x: usize| {
                    let products: Vec<_> = (0..inputs).map(|c| [turned[output][c][y][x], tile[c][y][x]]).collect();
                    dispatch(isa, precision, Sum(&products))
                };
                for (y, values) in twice(sum, outputs).into_iter().enumerate() {
                    for (x, value) in values.into_iter().enumerate() {
                        z[((row + y) * to.width + column + x) * to.channels + output] = value;
                    }
                }
            }
        }
    }
    z
}

/// Σ of the products of some tiles in each position, an element's tiles together; `turned` gives V and D.
fn products(turned: &[[[[f32; 4]; 4]; 2]], (isa, precision): Executor) -> [[f32; 4]; 4] {
    let at = |y: usize, x: usize| {
        let products: Vec<_> = turned.iter().map(|[v, d]| [d[y][x], v[y][x]]).collect();
        dispatch(isa, precision, Sum(&products))
    };
    std::array::from_fn(|y| std::array::from_fn(|x| at(y, x)))
}

/// The weight gradient of some images, `stretches` of tiles of all images at a time, in the order of the filters.
fn gradient(x: &[f32], dz: &[f32], geometry: &ConvGeometry, stretches: &[usize], executor: Executor) -> Vec<f32> {
    let (input, output) = (geometry.input, geometry.output);
    let padding = geometry.window.padding;
    let h = |[a, b]: [f32; 2]| [a, 0.5 * (a + b), 0.5 * (a - b), b];
    let back = |[a, b, c, d]: [f32; 4]| [a + (b + c), b - c, (b + c) - d];
    let places = || (0..output.height).step_by(2).flat_map(|y| (0..output.width).step_by(2).map(move |x| [y, x]));
    let mut dw = Vec::new();
    for filter in 0..output.channels {
        let mut of_filter = vec![0.0f32; 9 * input.channels];
        for channel in 0..input.channels {
            let mut turned = Vec::new();
            for (x, dz) in x.chunks(input.len()).zip(dz.chunks(output.len())) {
                let (x, dz) = (Map { values: x, shape: input }, Map { values: dz, shape: output });
                turned.extend(places().map(|at| at.map(|at| at as isize)).map(|[row, column]| {
                    let v = x.turned(row - padding.top as isize, column - padding.left as isize, channel);
                    [v, twice(|y, x| dz.at(row + y as isize, column + x as isize, filter), h)]
                }));
            }
            let mut sums = [[0.0f32; 4]; 4];
            let mut turned = turned.as_slice();
            for stretch in stretches {
                let (now, later) = turned.split_at(*stretch);
                turned = later;
                let some = products(now, executor);
                sums.as_flattened_mut().iter_mut().zip(some.as_flattened()).for_each(|(sum, some)| *sum += some);
            }
            for (tap, value) in twice(|y, x| sums[y][x], back).as_flattened().iter().enumerate() {
                of_filter[tap * input.channels + channel] = *value;
            }
        }
        dw.extend(of_filter);
    }
    dw
}

/// Images, input, filters, padding, and how many tiles of all images are added to a weight gradient together: of one product an
/// element, of two.
type Case = (usize, Shape, usize, Padding, [&'static [usize]; 2]);

const SHAPES: [Case; 7] = [
    (2, Shape::new(8, 8, 32), 32, Padding::uniform(1), [&[32]; 2]),
    (2, Shape::new(12, 8, 32), 64, Padding::NONE, [&[30]; 2]),
    (2, Shape::new(6, 9, 32), 16, Padding { top: 2, bottom: 0, left: 0, right: 1 }, [&[24]; 2]),
    // Few tiles an image, an odd number of them.
    (2, Shape::new(6, 6, 32), 48, Padding::uniform(1), [&[18]; 2]),
    // More tiles than are at hand at a time.
    (2, Shape::new(20, 26, 64), 64, Padding::uniform(1), [&[64, 64, 2, 64, 64, 2], &[128, 2, 128, 2]]),
    // Weight gradients that are summed by positions.
    (2, Shape::new(4, 4, 192), 192, Padding::uniform(1), [&[8]; 2]),
    (4, Shape::new(4, 4, 192), 192, Padding::uniform(1), [&[16]; 2]),
];

#[test]
fn every_pass_is_the_plain_one_to_the_bit() {
    let workers = Workers::new(1).unwrap();
    for (batch, input, filters, padding, stretches) in SHAPES {
        let geometry =
            ConvGeometry::new(input, filters, Window { kernel: [3, 3], stride: [1, 1], padding }, 1).unwrap();
        let output = geometry.output;
        let (x, dz) = (random(1, batch * input.len()), random(2, batch * output.len()));
        let w = random(3, geometry.weights());
        let weight = |filter: usize, y: usize, x: usize, c: usize| w[((filter * 3 + y) * 3 + x) * input.channels + c];
        let flipped = |channel: usize, y: usize, x: usize, filter: usize| weight(filter, 2 - y, 2 - x, channel);
        let even = |shape: Shape| [shape.height, shape.width].iter().all(|len| len.is_multiple_of(2));
        for (isa, precision) in executors() {
            let op = ConvOp::new(geometry, precision, isa);
            let products = if precision == Precision::F32 { 1 } else { 2 };
            let by_tiles = |shape: Shape, inputs: usize| even(shape) && inputs.is_multiple_of(16 * products);
            let forward = |x| {
                let map = Map { values: x, shape: input };
                convolve(map, output, [padding.top, padding.left], weight, (isa, precision))
            };
            let backward = |dz| {
                let map = Map { values: dz, shape: output };
                convolve(map, input, [2 - padding.top, 2 - padding.left], flipped, (isa, precision))
            };
            let what = format!("{input:?} {filters} {padding:?} {} {precision:?}", isa.name());
            let mut found = vec![f32::NAN; dz.len()];
            let sums = op.forward(&workers, Input::float(&x), Weights::Float(&w), &mut found);
            if by_tiles(output, input.channels) {
                let z: Vec<f32> = x.chunks(input.len()).flat_map(forward).collect();
                assert!(found == z, "z of {what}");
            }
            for filter in 0..filters {
                let sum: f64 = found.iter().skip(filter).step_by(filters).map(|z| f64::from(*z)).sum();
                assert!((sums.sum[filter] - sum).abs() < 1e-2, "Σ z of {what}");
            }
            let (mut found, mut dw) = (vec![f32::NAN; x.len()], vec![f32::NAN; w.len()]);
            let into = Some(InputGradient { dx: &mut found, mode: GradMode::Overwrite, producer: None });
            let given = OutputGradient { dy: &dz, normalized: None };
            op.backward(&workers, Input::float(&x), Weights::Float(&w), given, into, &mut dw);
            if by_tiles(input, filters) {
                let dx: Vec<f32> = dz.chunks(output.len()).flat_map(backward).collect();
                assert!(found == dx, "dx of {what}");
            }
            let stretches = stretches[products - 1];
            assert!(dw == gradient(&x, &dz, &geometry, stretches, (isa, precision)), "dw of {what}");
        }
    }
}
