//! One convolution with seeded random weights and input, its answer by the plain loops, and both as
//! the kernels take them.

use crate::case::{FLOAT, Part};
use crate::error::{BenchError, Mismatch};
use syq_core::reference::{CodedWeights, coded_convolution, eight_bit_convolution, float_convolution};
use syq_core::{
    ActivationQuantizer, ActivationRange, BitWidth, Codebook, ConvGeometry, EightBitWeights, Granularity, Levels, Shape,
};
use syq_infer::kernels::{InputData, InputFormat, InputLayout, PackedConv, QuantizedKernel, QuantizedWeights};
use syq_pack::random::SplitMix64;
use syq_pack::zoo::{FirstLast, Scheme};

/// The step of every quantized tensor here.
const STEP: f32 = 0.5;

/// The levels of a quantized tensor of that many bits.
pub const fn levels(bits: BitWidth) -> Levels {
    Levels { step: STEP, inverse_step: 1.0 / STEP, largest: bits.largest(), zero: 0 }
}

/// The codes and scales of a quantized convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantization {
    /// The codebook.
    pub codebook: Codebook,
    /// The subgroups.
    pub granularity: Granularity,
    /// Bits of the input's codes.
    pub bits: BitWidth,
}

impl Quantization {
    /// The short name, such as `W2A2`.
    pub fn name(&self) -> String {
        format!("W{}A{}", self.codebook.bits(), self.bits.bits())
    }

    /// The scheme of a network with learned steps.
    pub const fn scheme(self, first_last: FirstLast) -> Scheme {
        let Self { codebook, granularity, bits } = self;
        let activation = ActivationQuantizer { bits, range: ActivationRange::Learned };
        Scheme::Quantized { codebook, granularity, activation, first_last }
    }
}

/// A convolution with everything that its result depends on.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The shapes.
    pub geometry: ConvGeometry,
    tensors: Tensors,
}

#[derive(Clone, Debug)]
enum Tensors {
    Coded { quantization: Quantization, codes: Vec<i8>, scales: Vec<f32>, input: Vec<u8> },
    EightBit { format: InputFormat, codes: Vec<i8>, scales: Vec<f32>, input: Vec<u8> },
    Float { weights: Vec<f32>, input: Vec<f32> },
}

impl Problem {
    /// A quantized convolution whose results are about as spread as a trained network's.
    pub fn quantized(geometry: ConvGeometry, quantization: Quantization, seed: u64) -> Self {
        let Quantization { codebook, granularity, bits } = quantization;
        let mut random = SplitMix64::new(seed);
        let codes = (0..geometry.weights()).map(|_| match codebook {
            Codebook::Binary => 1 - 2 * random.below(2) as i8,
            Codebook::Ternary => random.below(3) as i8 - 1,
        });
        let codes = codes.collect();
        let scale = 2.0 / (f32::from(bits.largest()) * STEP * (geometry.filter_len() as f32).sqrt());
        let subgroups = granularity.subgroups(geometry.window.kernel);
        let scales = (0..subgroups).map(|_| random.uniform(0.6 * scale, 1.4 * scale)).collect();
        let input = (0..geometry.input.len()).map(|_| random.below(u32::from(bits.largest()) + 1) as u8).collect();
        Self { geometry, tensors: Tensors::Coded { quantization, codes, scales, input } }
    }

    /// A convolution with 8-bit weights on 8-bit codes, which lie as `format` says.
    pub fn eight_bit(geometry: ConvGeometry, format: InputFormat, seed: u64) -> Self {
        let mut random = SplitMix64::new(seed);
        let codes = (0..geometry.weights()).map(|_| (random.below(255) as i16 - 127) as i8).collect();
        let scale = 2.0 / (127.0 * 255.0 * STEP * (geometry.filter_len() as f32).sqrt());
        let scales = (0..geometry.filters()).map(|_| random.uniform(0.6 * scale, 1.4 * scale)).collect();
        let input = (0..geometry.input.len()).map(|_| random.below(256) as u8).collect();
        Self { geometry, tensors: Tensors::EightBit { format, codes, scales, input } }
    }

    /// A float convolution.
    pub fn float(geometry: ConvGeometry, seed: u64) -> Self {
        let mut random = SplitMix64::new(seed);
        let bound = 3.0 / (geometry.filter_len() as f32).sqrt();
        let weights = (0..geometry.weights()).map(|_| random.uniform(-bound, bound)).collect();
        let input = (0..geometry.input.len()).map(|_| random.uniform(0.0, 1.0)).collect();
        Self { geometry, tensors: Tensors::Float { weights, input } }
    }

    /// Name of the scales' granularity.
    pub const fn granularity(&self) -> &'static str {
        match &self.tensors {
            Tensors::Coded { quantization, .. } => quantization.granularity.name(),
            Tensors::EightBit { .. } => "filter",
            Tensors::Float { .. } => FLOAT,
        }
    }

    /// What the kernel of `packed` has to do.
    pub fn parts(&self, packed: &PackedConv) -> Vec<Part> {
        let bits = match &self.tensors {
            Tensors::Coded { quantization, .. } => quantization.bits,
            Tensors::EightBit { .. } | Tensors::Float { .. } => BitWidth::Eight,
        };
        vec![Part { kernel: packed.kernel().to_owned(), bits, macs: self.geometry.macs() }]
    }

    /// The result by the plain loops.
    ///
    /// # Errors
    /// A problem that the reference refuses.
    pub fn reference(&self) -> Result<Vec<f32>, BenchError> {
        Ok(match &self.tensors {
            Tensors::Coded { quantization, codes, scales, input } => {
                let Quantization { codebook, granularity, bits } = *quantization;
                let weights = CodedWeights { codebook, granularity, codes, scales };
                coded_convolution("bench", &self.geometry, input, levels(bits), weights)?
            }
            Tensors::EightBit { codes, scales, input, .. } => {
                let weights = EightBitWeights { codes, scales };
                eight_bit_convolution("bench", &self.geometry, input, levels(BitWidth::Eight), weights)?
            }
            Tensors::Float { weights, input } => float_convolution("bench", &self.geometry, input, weights)?,
        })
    }

    /// The packed layer and its input, for one of the kernels; a problem with float or 8-bit weights has
    /// one kernel alone.
    ///
    /// # Errors
    /// A problem that the packing refuses.
    pub fn pack(&self, kernel: QuantizedKernel) -> Result<(PackedConv, Elements), BenchError> {
        let geometry = &self.geometry;
        Ok(match &self.tensors {
            Tensors::Coded { quantization, codes, scales, input } => {
                let Quantization { codebook, granularity, bits } = *quantization;
                let layout = InputLayout::of(geometry, kernel.format(codebook, bits))?;
                let weights = QuantizedWeights { codebook, granularity, codes, scales };
                let packed = PackedConv::quantized("bench", geometry, &layout, levels(bits), weights)?;
                (packed, Elements::codes(&layout, input))
            }
            Tensors::EightBit { format, codes, scales, input } => {
                let layout = InputLayout::of(geometry, *format)?;
                let weights = EightBitWeights { codes, scales };
                let packed = PackedConv::eight_bit("bench", geometry, &layout, levels(BitWidth::Eight), weights)?;
                (packed, Elements::codes(&layout, input))
            }
            Tensors::Float { weights, input } => {
                let layout = InputLayout::of(geometry, InputFormat::Float)?;
                (PackedConv::float("bench", geometry, &layout, weights)?, Elements::floats(&layout, input))
            }
        })
    }
}

/// An image in a kernel's layout.
#[derive(Clone, Debug)]
pub enum Elements {
    /// Planes of bits, tables, or two or four codes an element.
    Words(Vec<u32>),
    /// Floats.
    Floats(Vec<f32>),
}

impl Elements {
    /// Codes in their layout, by its definition, one channel at a time.
    pub fn codes(layout: &InputLayout, codes: &[u8]) -> Self {
        let mut words = vec![0u32; layout.len()];
        for_each_channel(layout, |index, element, within| match layout.format() {
            InputFormat::Planes(bits) => {
                for plane in 0..bits.bits() as usize {
                    words[element + plane * layout.plane_len()] |= u32::from(codes[index] >> plane & 1) << within;
                }
            }
            InputFormat::Tables(_) | InputFormat::WideTables(..) => {
                let (group, planes, plane_len) = (layout.group_len(), layout.format().planes(), layout.plane_len());
                let (start, channel) = (element / group * group, element % group);
                for plane in 0..planes {
                    let half = codes[index] >> (4 * plane) & 15;
                    if let InputFormat::Tables(_) = layout.format() {
                        words[start + planes * plane_len + plane] += u32::from(half);
                    }
                    let table = &mut words[start + plane * plane_len + channel / 4 * 4..][..4];
                    for (entry, word) in (0..16).step_by(4).zip(table) {
                        let mut sums = word.to_ne_bytes();
                        for (entry, sum) in (entry..).zip(&mut sums) {
                            let signed = matches!(layout.format(), InputFormat::WideTables(_, Codebook::Binary));
                            match (entry >> (channel % 4) & 1, signed) {
                                (1, _) => *sum = sum.wrapping_add(half),
                                (_, true) => *sum = sum.wrapping_sub(half),
                                (_, false) => {}
                            }
                        }
                        *word = u32::from_ne_bytes(sums);
                    }
                }
            }
            InputFormat::Wide => {
                let mut bytes = words[element].to_ne_bytes();
                bytes[2 * within..][..2].copy_from_slice(&u16::from(codes[index]).to_ne_bytes());
                words[element] = u32::from_ne_bytes(bytes);
            }
            InputFormat::Codes | InputFormat::Float => {
                let mut bytes = words[element].to_ne_bytes();
                bytes[within] = codes[index];
                words[element] = u32::from_ne_bytes(bytes);
            }
        });
        Self::Words(words)
    }

    /// Floats in their layout, by its definition.
    pub fn floats(layout: &InputLayout, values: &[f32]) -> Self {
        let mut padded = vec![0f32; layout.len()];
        for_each_channel(layout, |index, element, _| padded[element] = values[index]);
        Self::Floats(padded)
    }

    /// The elements as a kernel takes them.
    pub fn data(&self) -> InputData<'_> {
        match self {
            Self::Words(words) => InputData::Words(words),
            Self::Floats(values) => InputData::Floats(values),
        }
    }

    /// Compares with the elements of the reference.
    ///
    /// # Errors
    /// The first difference.
    pub fn check(&self, expected: &Self) -> Result<(), Mismatch> {
        match (self, expected) {
            (Self::Floats(found), Self::Floats(expected)) => same_floats(found, expected),
            (Self::Words(found), Self::Words(expected)) => same(found.iter().copied(), expected.iter().copied()),
            (found, expected) => Err(Mismatch::Length { found: found.len(), expected: expected.len() }),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Words(words) => words.len(),
            Self::Floats(values) => values.len(),
        }
    }
}

/// Compares floats by their bits.
///
/// # Errors
/// The first difference.
pub fn same_floats(found: &[f32], expected: &[f32]) -> Result<(), Mismatch> {
    same(found.iter().map(|x| x.to_bits()), expected.iter().map(|x| x.to_bits()))
}

fn same(
    found: impl ExactSizeIterator<Item = u32>,
    expected: impl ExactSizeIterator<Item = u32>,
) -> Result<(), Mismatch> {
    if found.len() != expected.len() {
        return Err(Mismatch::Length { found: found.len(), expected: expected.len() });
    }
    match found.zip(expected).enumerate().find(|(_, (found, expected))| found != expected) {
        Some((index, (found, expected))) => Err(Mismatch::Value { index, found, expected }),
        None => Ok(()),
    }
}

/// Calls `visit` with each channel's index in the image, its element and its place within.
fn for_each_channel(layout: &InputLayout, mut visit: impl FnMut(usize, usize, usize)) {
    let Shape { height, width, channels } = layout.shape();
    let (group_channels, pack) = (layout.group_channels(), layout.format().channels());
    for y in 0..height {
        for x in 0..width {
            for c in 0..channels {
                let [group, within] = [c / group_channels, c % group_channels];
                let pixel = layout.row(y).start + x * layout.pixel_len() + group * layout.group_len();
                visit((y * width + x) * channels + c, pixel + within / pack, within % pack);
            }
        }
    }
}
