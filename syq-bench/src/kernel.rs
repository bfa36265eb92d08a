//! Kernel cases: every convolution kernel alone on ResNet-18's 3×3 layers, 116 million
//! multiply-accumulates each.

use crate::case::{Case, Description, FLOAT, Group, Workload};
use crate::error::{BenchError, Mismatch};
use crate::problem::{Elements, Problem, Quantization, same_floats};
use std::sync::Arc;
use syq_core::{BitWidth, Codebook, ConvGeometry, Granularity, Padding, Shape, Window};
use syq_infer::kernels::{Input, InputFormat, Kernels, OutputRange, PackedConv, QuantizedKernel};

/// Height and width, and channels, of a 3×3 layer.
pub const SHAPES: [[usize; 2]; 3] = [[56, 64], [28, 128], [14, 256]];

/// The kernels of a case list: weights, bits of the activations, and what computes them. The int8
/// kernel is as fast for every codebook and bit width, and stands in the table once.
const QUANTIZED: [(Codebook, BitWidth, QuantizedKernel); 13] = [
    (Codebook::Binary, BitWidth::One, QuantizedKernel::Popcount),
    (Codebook::Binary, BitWidth::Two, QuantizedKernel::Popcount),
    (Codebook::Ternary, BitWidth::One, QuantizedKernel::Popcount),
    (Codebook::Ternary, BitWidth::Two, QuantizedKernel::Popcount),
    (Codebook::Binary, BitWidth::Two, QuantizedKernel::Lookup),
    (Codebook::Ternary, BitWidth::Two, QuantizedKernel::Lookup),
    (Codebook::Binary, BitWidth::Four, QuantizedKernel::Lookup),
    (Codebook::Ternary, BitWidth::Four, QuantizedKernel::Lookup),
    (Codebook::Binary, BitWidth::Two, QuantizedKernel::Permute),
    (Codebook::Ternary, BitWidth::Two, QuantizedKernel::Permute),
    (Codebook::Binary, BitWidth::Four, QuantizedKernel::Permute),
    (Codebook::Ternary, BitWidth::Four, QuantizedKernel::Permute),
    (Codebook::Ternary, BitWidth::Eight, QuantizedKernel::Int8),
];

/// Every kernel of `kernels` on each of `shapes` (height and width, channels), pixel-wise scales.
///
/// # Errors
/// A shape that makes no layer, or [`BenchError::Wrong`].
pub fn cases(kernels: &[Kernels], shapes: &[[usize; 2]]) -> Result<Vec<Case>, BenchError> {
    let mut cases = Vec::new();
    for (codebook, bits, kernel) in QUANTIZED {
        let quantization = Quantization { codebook, granularity: Granularity::Pixel, bits };
        for shape in shapes {
            let problem = Problem::quantized(geometry(*shape)?, quantization, 1);
            problem_cases(kernels, &problem, kernel, &quantization.name(), &mut cases)?;
        }
    }
    for shape in shapes {
        for format in [InputFormat::Codes, InputFormat::Wide] {
            let problem = Problem::eight_bit(geometry(*shape)?, format, 1);
            problem_cases(kernels, &problem, QuantizedKernel::Int8, "W8A8", &mut cases)?;
        }
        problem_cases(kernels, &Problem::float(geometry(*shape)?, 1), QuantizedKernel::Int8, FLOAT, &mut cases)?;
    }
    // One criterion group a kernel: its cases stand together.
    cases.sort_by(|a, b| a.description().kernel.cmp(&b.description().kernel));
    Ok(cases)
}

fn geometry([size, channels]: [usize; 2]) -> Result<ConvGeometry, BenchError> {
    let window = Window::square(3, 1, Padding::uniform(1));
    Ok(ConvGeometry::new(Shape::new(size, size, channels), channels, window, 1)?)
}

fn problem_cases(
    kernels: &[Kernels],
    problem: &Problem,
    kernel: QuantizedKernel,
    scheme: &str,
    cases: &mut Vec<Case>,
) -> Result<(), BenchError> {
    let geometry = &problem.geometry;
    let expected: Arc<[f32]> = problem.reference()?.into();
    let (packed, input) = problem.pack(kernel)?;
    let (packed, input) = (Arc::new(packed), Arc::new(input));
    for &kernels in kernels {
        let description = Description {
            group: Group::Kernels,
            kernel: format!("{}_{}", packed.kernel(), kernels.isa()),
            problem: format!("conv 3×3 {}", geometry.input),
            scheme: scheme.to_owned(),
            isa: kernels.isa().name(),
            granularity: problem.granularity(),
            threads: 1,
            batch: 1,
            macs: geometry.macs(),
            parts: problem.parts(&packed),
        };
        let range = packed.all();
        let output = vec![0.0; packed.output_len(&range)];
        let (packed, input, expected) = (packed.clone(), input.clone(), expected.clone());
        cases.push(Case::new(description, Convolution { kernels, packed, input, range, output, expected })?);
    }
    Ok(())
}

struct Convolution {
    kernels: Kernels,
    packed: Arc<PackedConv>,
    input: Arc<Elements>,
    range: OutputRange,
    output: Vec<f32>,
    expected: Arc<[f32]>,
}

impl Workload for Convolution {
    fn run(&mut self) -> Result<(), BenchError> {
        let input = Input { layout: *self.packed.layout(), data: self.input.data() };
        Ok(self.packed.run(self.kernels, input, &self.range, &mut self.output)?)
    }

    fn check(&self) -> Result<(), Mismatch> {
        same_floats(&self.output, &self.expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syq_infer::Isa;

    #[test]
    fn every_kernel_of_this_machine_has_a_case_and_a_float_twin() {
        let kernels: Vec<Kernels> = Isa::available().into_iter().map(|isa| Kernels::new(isa).unwrap()).collect();
        let cases = cases(&kernels, &[[5, 33]]).unwrap();
        assert_eq!(cases.len(), kernels.len() * (QUANTIZED.len() + 3));
        for name in kernels.iter().flat_map(|kernels| kernels.names()) {
            assert!(cases.iter().any(|case| case.description().kernel == name), "{name}");
        }
        for case in &cases {
            let twin = |other: &&Case| other.description().scheme == FLOAT;
            let twins = cases.iter().filter(twin).filter(|other| other.description().is_twin(case.description()));
            assert_eq!(twins.count(), 1, "{}", case.description());
        }
    }
}
