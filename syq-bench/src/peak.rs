//! The highest speed that a kernel's instructions reach on this machine: that of layers with one scale and long sums,
//! so that nothing but the inner loop counts, whose operands lie in the first-level cache or not far from it.

use crate::error::BenchError;
use crate::problem::{Problem, Quantization};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use syq_core::{BitWidth, Codebook, ConvGeometry, Granularity, Padding, Shape, Window};
use syq_infer::Isa;
use syq_infer::kernels::{Input, InputFormat, Kernels, OutputRange, PackedConv, QuantizedKernel};

/// Pixels: whole tiles of every instruction set.
const PIXELS: usize = 84;

/// Filters: as many as a tile has at most.
const FILTERS: usize = 32;

/// Bytes that weights and one tile's inputs take together: half of a first-level cache, all of one, and more; longer
/// sums may outweigh what comes from the second level. The fastest counts.
const SIZES: [usize; 3] = [16 << 10, 32 << 10, 128 << 10];

/// How long a kernel is watched; its best run counts.
const WATCHED: Duration = Duration::from_millis(20);

/// Measured peaks, in multiply-accumulates a second on one core, by kernel and bits of the activations.
#[derive(Clone, Debug)]
pub struct Peaks {
    kernels: Kernels,
    measured: BTreeMap<(String, u32), f64>,
}

impl Peaks {
    /// None measured yet.
    pub const fn new(kernels: Kernels) -> Self {
        Self { kernels, measured: BTreeMap::new() }
    }

    /// The instruction set.
    pub fn isa(&self) -> Isa {
        self.kernels.isa()
    }

    /// The peak of `kernel` (a name such as `popcount_w2`, with or without the instruction set) for activations of
    /// that many bits; measured when it is first asked for. `None` for a name that is no convolution kernel.
    ///
    /// # Errors
    /// A layer that the kernel refuses.
    pub fn of(&mut self, kernel: &str, bits: BitWidth) -> Result<Option<f64>, BenchError> {
        let isa = format!("_{}", self.kernels.isa());
        let name = kernel.strip_suffix(&isa).unwrap_or(kernel);
        let key = (name.to_owned(), bits.bits());
        if let Some(peak) = self.measured.get(&key) {
            return Ok(Some(*peak));
        }
        let mut peak: Option<f64> = None;
        for size in SIZES {
            let Some((kernel, problem)) = problem(name, bits, size)? else { break };
            if kernel.fits(&problem.geometry, Granularity::Layer, bits.largest()) {
                let (packed, elements) = problem.pack(kernel)?;
                let reached = problem.geometry.macs() as f64 / self.best(&packed, elements.data())?;
                peak = Some(peak.unwrap_or(0.0).max(reached));
            }
        }
        self.measured.extend(peak.map(|peak| (key, peak)));
        Ok(peak)
    }

    /// Seconds of the fastest run.
    fn best(&self, packed: &PackedConv, data: syq_infer::kernels::InputData<'_>) -> Result<f64, BenchError> {
        let range = OutputRange { pixels: 0..PIXELS, blocks: 0..packed.blocks() };
        let mut output = vec![0.0; packed.output_len(&range)];
        let input = Input { layout: *packed.layout(), data };
        let begin = Instant::now();
        let mut best = f64::INFINITY;
        while begin.elapsed() < WATCHED {
            let start = Instant::now();
            packed.run(self.kernels, input, &range, &mut output)?;
            best = best.min(start.elapsed().as_secs_f64());
        }
        Ok(best)
    }
}

/// A layer for the kernel of that name, and how it is packed.
fn problem(name: &str, bits: BitWidth, size: usize) -> Result<Option<(QuantizedKernel, Problem)>, BenchError> {
    let coded = |codebook| Quantization { codebook, granularity: Granularity::Layer, bits };
    let (kernel, codebook) = match name {
        "popcount_w1" => (QuantizedKernel::Popcount, Codebook::Binary),
        "popcount_w2" => (QuantizedKernel::Popcount, Codebook::Ternary),
        "lookup_w1" => (QuantizedKernel::Lookup, Codebook::Binary),
        "lookup_w2" => (QuantizedKernel::Lookup, Codebook::Ternary),
        "permute_w1" => (QuantizedKernel::Permute, Codebook::Binary),
        "permute_w2" => (QuantizedKernel::Permute, Codebook::Ternary),
        "int8" => (QuantizedKernel::Int8, Codebook::Ternary),
        "int8_w8" => return eight_bit(InputFormat::Codes, size),
        "int16_w8" => return eight_bit(InputFormat::Wide, size),
        "float" => return Ok(Some((QuantizedKernel::Int8, Problem::float(layer(InputFormat::Float, 4.0, size)?, 1)))),
        _ => return Ok(None),
    };
    // Bits of a weight in the packed tensor: a table's are a byte for four channels a row.
    let bytes = match (kernel, codebook) {
        (QuantizedKernel::Int8, _) => 1.0,
        (QuantizedKernel::Popcount, Codebook::Binary) => 0.125,
        (_, Codebook::Binary) | (QuantizedKernel::Popcount, _) => 0.25,
        _ => 0.5,
    };
    let geometry = layer(kernel.format(codebook, bits), bytes, size)?;
    Ok(Some((kernel, Problem::quantized(geometry, coded(codebook), 1))))
}

fn eight_bit(format: InputFormat, size: usize) -> Result<Option<(QuantizedKernel, Problem)>, BenchError> {
    let bytes = 4.0 / format.channels() as f64;
    Ok(Some((QuantizedKernel::Int8, Problem::eight_bit(layer(format, bytes, size)?, format, 1))))
}

/// A 1×1 convolution of one row, with about as many channels as `size` bytes hold for that many bytes a weight.
fn layer(format: InputFormat, bytes: f64, size: usize) -> Result<ConvGeometry, BenchError> {
    let element = format.planes() as f64 * 4.0 / format.channels() as f64;
    let tile = 7.0;
    let channels = (size as f64 / (FILTERS as f64 * bytes + tile * element)) as usize / 32 * 32;
    let window = Window::square(1, 1, Padding::NONE);
    Ok(ConvGeometry::new(Shape::new(1, PIXELS, channels.max(64)), FILTERS, window, 1)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use syq_infer::kernels::CONVOLUTIONS;

    #[test]
    fn every_kernel_has_a_peak() {
        let kernels = Kernels::detect();
        let mut peaks = Peaks::new(kernels);
        for name in CONVOLUTIONS {
            let peak = peaks.of(&format!("{name}_{}", kernels.isa()), BitWidth::Two).unwrap().unwrap();
            assert!(peak > 1e6, "{name}: {peak}");
            assert_eq!(peaks.of(name, BitWidth::Two).unwrap(), Some(peak), "measured once");
        }
        assert_eq!(peaks.of("place", BitWidth::Two).unwrap(), None);
    }
}
