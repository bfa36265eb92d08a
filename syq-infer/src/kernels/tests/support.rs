//! Random layers, and inputs written into a layout element by element.

use crate::isa::Isa;
use crate::kernels::{Input, InputData, InputFormat, InputLayout, Kernels, OutputRange, PackedConv};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;
use syq_core::{Codebook, Levels, Padding, Shape, Window};

/// The kernels of every instruction set of this machine; the others are printed.
#[allow(clippy::print_stderr)]
pub(super) fn all_kernels(test: &str) -> Vec<Kernels> {
    for isa in Isa::ALL.into_iter().filter(|isa| !isa.is_available()) {
        eprintln!("{test}: skipped {isa}, this machine does not have it");
    }
    Isa::available().into_iter().map(|isa| Kernels::new(isa).unwrap()).collect()
}

/// A source of test data.
pub(super) struct Source(Pcg64);

impl Source {
    pub(super) fn new(seed: u128) -> Self {
        Self(Pcg64::new(seed, 7))
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        ((u64::from(self.0.next_u32()) * end as u64) >> 32) as usize
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(super) fn codes(&mut self, len: usize, largest: u8) -> Vec<u8> {
        (0..len).map(|_| self.below(usize::from(largest) + 1) as u8).collect()
    }

    pub(super) fn weights(&mut self, len: usize, codebook: Codebook) -> Vec<i8> {
        let entries: &[i8] = if codebook == Codebook::Binary { &[-1, 1] } else { &[-1, 0, 1] };
        (0..len).map(|_| self.pick(entries)).collect()
    }

    /// 8-bit weights, the largest ones among them.
    pub(super) fn eight_bit_weights(&mut self, len: usize) -> Vec<i8> {
        (0..len)
            .map(|_| match self.below(8) {
                0 => -127,
                1 => 127,
                _ => (self.below(255) as i16 - 127) as i8,
            })
            .collect()
    }

    /// Floats of mixed magnitudes and signs.
    pub(super) fn floats(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| (self.0.next_u32() as f32 / 2f32.powi(31) - 1.0) * 2f32.powi(self.below(6) as i32)).collect()
    }

    /// A kernel of that size with strides up to 3 and sides padded differently, and an image for it.
    pub(super) fn window(&mut self, kernel: [usize; 2]) -> (Window, [usize; 2]) {
        let stride = [1 + self.below(3), 1 + self.below(3)];
        let padding = Padding {
            top: self.below(kernel[0]),
            bottom: self.below(kernel[0]),
            left: self.below(kernel[1]),
            right: self.below(kernel[1]),
        };
        let size = [kernel[0] + self.below(6), kernel[1] + self.below(14)];
        (Window { kernel, stride, padding }, size)
    }
}

/// Codes in their layout, by its definition, one channel at a time.
pub(super) fn lay_out_codes(layout: &InputLayout, codes: &[u8]) -> Vec<u32> {
    let padding = if layout.format() == InputFormat::Wide { 0 } else { layout.zero() };
    let mut words = vec![u32::from_ne_bytes([padding; 4]); layout.len()];
    for y in 0..layout.shape().height {
        words[layout.row(y)].fill(0);
    }
    for_each_channel(layout, |index, element, within| {
        let code = codes[index];
        match layout.format() {
            InputFormat::Planes(bits) => {
                for plane in 0..bits.bits() as usize {
                    words[element + plane * layout.plane_len()] |= u32::from(code >> plane & 1) << within;
                }
            }
            InputFormat::Tables(_) | InputFormat::WideTables(..) => {
                let (group, planes, plane_len) = (layout.group_len(), layout.format().planes(), layout.plane_len());
                // Pixels follow each other in whole groups, and so do rows.
                let (start, channel) = (element / group * group, element % group);
                for plane in 0..planes {
                    let half = code >> (4 * plane) & 15;
                    if let InputFormat::Tables(_) = layout.format() {
                        words[start + planes * plane_len + plane] += u32::from(half);
                    }
                    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
                    let table = &mut bytes[(start + plane * plane_len + channel / 4 * 4) * 4..][..16];
                    for (entry, sum) in table.iter_mut().enumerate() {
                        let signed = matches!(layout.format(), InputFormat::WideTables(_, Codebook::Binary));
                        match (entry >> (channel % 4) & 1, signed) {
                            (1, _) => *sum = sum.wrapping_add(half),
                            (_, true) => *sum = sum.wrapping_sub(half),
                            (_, false) => {}
                        }
                    }
                }
            }
            InputFormat::Wide => {
                let wide = i16::from(code) - i16::from(layout.zero());
                bytemuck::cast_slice_mut::<u32, i16>(&mut words)[element * 2 + within] = wide;
            }
            _ => bytemuck::cast_slice_mut::<u32, u8>(&mut words)[element * 4 + within] = code,
        }
    });
    words
}

/// Floats in their layout.
pub(super) fn lay_out_floats(layout: &InputLayout, values: &[f32]) -> Vec<f32> {
    let mut padded = vec![0f32; layout.len()];
    for_each_channel(layout, |index, element, _| padded[element] = values[index]);
    padded
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

/// The levels of a quantizer with an odd step.
pub(super) fn levels(largest: u8) -> Levels {
    Levels { step: 0.37, inverse_step: 1.0 / 0.37, largest, zero: 0 }
}

/// The levels of a signed quantizer with an odd step.
pub(super) fn signed_levels() -> Levels {
    Levels { zero: 128, ..levels(255) }
}

/// The bits, so that `==` sees signs of zero.
pub(super) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// Runs the whole layer, then the same in parts, which must agree.
pub(super) fn run(packed: &PackedConv, kernels: Kernels, data: InputData<'_>) -> Vec<f32> {
    let input = Input { layout: *packed.layout(), data };
    let mut whole = vec![f32::NAN; packed.output_len(&packed.all())];
    packed.run(kernels, input, &packed.all(), &mut whole).unwrap();
    let output = packed.geometry().output;
    let pixels = output.height * output.width;
    let [pixel, block] = [pixels / 2, packed.blocks().div_ceil(2)];
    for pixels in [0..pixel, pixel..pixels] {
        for blocks in [0..block, block..packed.blocks()] {
            let range = OutputRange { pixels: pixels.clone(), blocks };
            let mut part = vec![f32::NAN; packed.output_len(&range)];
            packed.run(kernels, input, &range, &mut part).unwrap();
            let filters = packed.filters(range.blocks.clone());
            let expected: Vec<f32> = whole
                .chunks(output.channels)
                .skip(pixels.start)
                .take(pixels.len())
                .flat_map(|pixel| pixel[filters.clone()].to_vec())
                .collect();
            assert_eq!(bits(&part), bits(&expected), "{range:?}");
        }
    }
    whole
}
