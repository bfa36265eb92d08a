//! The weights of one layer, packed for one kind of kernel and one input layout.

use super::choose::{LOOKUP_LIMIT, QuantizedKernel};
use super::codes::Codes;
use super::error::{KernelError, check_len};
use super::generic::tile::Segment;
use super::layout::{BLOCK, InputFormat, InputLayout, Lanes, Selectors, product};
use super::pack;
use std::ops::Range;
use syq_core::reference::{check_exact, effective_scales};
use syq_core::weights::WeightShape;
use syq_core::{Codebook, ConvGeometry, CoreError, CoreErrorKind, EightBitWeights, Granularity, Levels, ShapeError};
use syq_pack::PackedCodes;

/// A quantized layer as the packing functions take it.
#[derive(Clone, Copy, Debug)]
pub struct QuantizedWeights<'a> {
    /// The codebook of `codes`.
    pub codebook: Codebook,
    /// How the scales divide the kernel positions.
    pub granularity: Granularity,
    /// Codes −1, 0, +1, `[filter][kernel row][kernel column][channel of the group]`.
    pub codes: &'a [i8],
    /// α of each subgroup; the packing multiplies it by the activation step.
    pub scales: &'a [f32],
}

/// A quantized layer with packed codes, whose values are valid by construction.
#[derive(Clone, Copy, Debug)]
pub struct CodedWeights<'a> {
    /// How the scales divide the kernel positions.
    pub granularity: Granularity,
    /// Codes, `[filter][kernel row][kernel column][channel of the group]`.
    pub codes: &'a PackedCodes,
    /// α of each subgroup; the packing multiplies it by the activation step.
    pub scales: &'a [f32],
}

/// Packed weights, `[block of 16 filters][kernel position][element][16]`; lanes beyond a group's
/// filters and channels are zero.
#[derive(Clone, Debug)]
pub(super) enum Weights {
    /// Bit c of a word is set where the weight of channel c is −1.
    Binary(Vec<Lanes<u32>>),
    /// The words of the +1 weights, then those of the −1 weights.
    Ternary(Vec<[Lanes<u32>; 2]>),
    /// Which of four codes each of 32 filters adds.
    LookupBinary(Vec<Selectors>),
    /// Which it adds, then which it subtracts.
    LookupTernary(Vec<[Selectors; 2]>),
    /// For four times four codes, which of them a filter adds and not subtracts: byte j is 16·j and the bits
    /// of four j.
    PermuteBinary(Vec<Lanes<u32>>),
    /// Which it adds, then which it subtracts.
    PermuteTernary(Vec<[Lanes<u32>; 2]>),
    /// Four signed bytes −1, 0 or +1.
    Int8(Vec<Lanes<u32>>),
    /// Four signed bytes from −127 to 127.
    EightBit(Vec<Lanes<u32>>),
    /// Two 16-bit integers from −127 to 127.
    Wide(Vec<Lanes<u32>>),
    /// One f32.
    Float(Vec<Lanes<f32>>),
}

/// A convolution or fully connected layer (a 1×1 convolution of one pixel), ready to run.
#[derive(Clone, Debug)]
pub struct PackedConv {
    pub(super) layer: String,
    pub(super) geometry: ConvGeometry,
    pub(super) layout: InputLayout,
    pub(super) weights: Weights,
    pub(super) segments: Vec<Segment>,
    pub(super) ends: Vec<usize>,
    /// What a subgroup's sums are multiplied by: one entry a subgroup for all blocks, or one a block.
    pub(super) scales: Vec<Lanes<f32>>,
    /// Scales from one block to the next; 0 where the blocks share them.
    pub(super) scale_step: usize,
    pub(super) constants: Vec<Lanes<i32>>,
    /// Where the sum of each kernel position's codes lies, from the window's first element; tables only.
    pub(super) sums: Vec<usize>,
}

impl PackedConv {
    /// Packs a quantized layer whose input has `levels` and lies as `layout` says.
    ///
    /// # Errors
    /// Everything that [`syq_core::reference::coded_convolution`] refuses, a layout of another image,
    /// with too little padding or of floats; names `layer`.
    pub fn quantized(
        layer: &str,
        geometry: &ConvGeometry,
        layout: &InputLayout,
        levels: Levels,
        weights: QuantizedWeights<'_>,
    ) -> Result<Self, KernelError> {
        let QuantizedWeights { codebook, granularity, codes, scales } = weights;
        check_len("the weight tensor", codes.len(), weight_count(geometry)?)?;
        // Without an early end the check is vectorised; only bad weights are searched.
        if !codes.iter().fold(true, |valid, code| valid & codebook.contains(*code)) {
            let index = codes.iter().position(|code| !codebook.contains(*code)).unwrap_or_default();
            let kind = CoreErrorKind::Code { index, code: codes[index], codebook: codebook.name() };
            return Err(KernelError::Layer(CoreError::new(layer, kind)));
        }
        Self::of_codes(layer, geometry, layout, levels, (codebook, granularity), Codes::Bytes(codes), scales)
    }

    /// As [`Self::quantized`], from packed codes.
    ///
    /// # Errors
    /// As [`Self::quantized`].
    pub fn coded(
        layer: &str,
        geometry: &ConvGeometry,
        layout: &InputLayout,
        levels: Levels,
        weights: CodedWeights<'_>,
    ) -> Result<Self, KernelError> {
        let CodedWeights { granularity, codes, scales } = weights;
        check_len("the weight tensor", codes.len(), weight_count(geometry)?)?;
        let scheme = (codes.codebook(), granularity);
        Self::of_codes(layer, geometry, layout, levels, scheme, Codes::Packed(codes), scales)
    }

    /// Packs as many valid codes as the layer has.
    fn of_codes(
        layer: &str,
        geometry: &ConvGeometry,
        layout: &InputLayout,
        levels: Levels,
        (codebook, granularity): (Codebook, Granularity),
        codes: Codes<'_>,
        scales: &[f32],
    ) -> Result<Self, KernelError> {
        let fail = |kind| Err(KernelError::Layer(CoreError::new(layer, kind)));
        let shape = WeightShape::from(geometry);
        check_exact(layer, shape, granularity, levels.largest)?;
        if let Some(zero) = [levels.zero, layout.zero()].into_iter().find(|zero| *zero != 0) {
            return fail(CoreErrorKind::ZeroPoint { zero });
        }
        check_len("the scale tensor", scales.len(), granularity.subgroups(shape.kernel))?;
        let scales = effective_scales(scales, levels.step);
        if let Some(index) = scales.iter().position(|scale| !scale.is_finite()) {
            return fail(CoreErrorKind::NotFinite { what: "effective scale", index, value: scales[index] });
        }
        let mut packed = Self::empty(layer, geometry, layout, granularity)?;
        packed.scales = scales.into_iter().map(|scale| Lanes([scale; BLOCK])).collect();
        match (layout.format(), codebook) {
            (InputFormat::Planes(bits) | InputFormat::Tables(bits) | InputFormat::WideTables(bits, _), _)
                if bits.largest() != levels.largest =>
            {
                return fail(CoreErrorKind::Bits { bits: bits.bits() });
            }
            (InputFormat::Planes(_), Codebook::Binary) => {
                let words = pack::binary(&packed, codes);
                packed.constants = pack::constants(&packed, &words, |minus| minus, levels.largest);
                packed.weights = Weights::Binary(words);
            }
            (InputFormat::Planes(_), Codebook::Ternary) => {
                let words = pack::ternary(&packed, codes);
                packed.constants = pack::constants(&packed, &words, |[_, minus]| minus, levels.largest);
                packed.weights = Weights::Ternary(words);
            }
            (InputFormat::Tables(_), _) if !QuantizedKernel::Lookup.fits(geometry, granularity, levels.largest) => {
                let bound = QuantizedKernel::lookup_bound(geometry, granularity, levels.largest);
                return Err(KernelError::Narrow { layer: layer.to_owned(), bound, limit: LOOKUP_LIMIT });
            }
            (InputFormat::Tables(_), Codebook::Binary) => {
                packed.weights = Weights::LookupBinary(pack::additions(&packed, codes));
            }
            (InputFormat::Tables(_), Codebook::Ternary) => {
                packed.weights = Weights::LookupTernary(pack::additions_and_subtractions(&packed, codes));
            }
            (InputFormat::WideTables(_, wanted), _) if wanted != codebook => {
                return Err(KernelError::Element { layer: layer.to_owned(), format: layout.format().name() });
            }
            (InputFormat::WideTables(..), Codebook::Binary) => {
                packed.weights = Weights::PermuteBinary(pack::sixteen_additions(&packed, codes));
            }
            (InputFormat::WideTables(..), Codebook::Ternary) => {
                packed.weights = Weights::PermuteTernary(pack::sixteen_additions_and_subtractions(&packed, codes));
            }
            (InputFormat::Codes, _) => packed.weights = Weights::Int8(pack::bytes(&packed, codes)),
            (InputFormat::Wide | InputFormat::Float, _) => {
                return Err(KernelError::Element { layer: layer.to_owned(), format: layout.format().name() });
            }
        }
        Ok(packed)
    }

    /// Packs a layer with 8-bit weights whose input has `levels` and lies as `layout` says: bytes or wide
    /// codes, with the zero point of the levels.
    ///
    /// # Errors
    /// Everything that [`syq_core::reference::eight_bit_convolution`] refuses of weights, a layout of
    /// another image, with too little padding, another zero point or not of codes; names `layer`.
    pub fn eight_bit(
        layer: &str,
        geometry: &ConvGeometry,
        layout: &InputLayout,
        levels: Levels,
        weights: EightBitWeights<'_>,
    ) -> Result<Self, KernelError> {
        weight_count(geometry)?;
        weights.check(layer, geometry)?;
        if !matches!(layout.format(), InputFormat::Codes | InputFormat::Wide) {
            return Err(KernelError::Element { layer: layer.to_owned(), format: layout.format().name() });
        }
        if layout.zero() != levels.zero {
            let (found, expected) = (Box::new(*layout), Box::new(layout.with_zero(levels.zero)));
            return Err(KernelError::Layout { layer: layer.to_owned(), found, expected });
        }
        let scales = effective_scales(weights.scales, levels.step);
        if let Some(index) = scales.iter().position(|scale| !scale.is_finite()) {
            let kind = CoreErrorKind::NotFinite { what: "effective scale", index, value: scales[index] };
            return Err(KernelError::Layer(CoreError::new(layer, kind)));
        }
        let mut packed = Self::empty(layer, geometry, layout, Granularity::Layer)?;
        packed.scales = pack::filter_lanes(&packed, &scales, 0.0);
        packed.scale_step = 1;
        if layout.format() == InputFormat::Wide {
            packed.weights = Weights::Wide(pack::pairs(&packed, Codes::Bytes(weights.codes)));
        } else {
            packed.constants = pack::filter_lanes(&packed, &pack::zero_point_sums(&packed, weights.codes), 0);
            packed.weights = Weights::EightBit(pack::bytes(&packed, Codes::Bytes(weights.codes)));
        }
        Ok(packed)
    }

    /// Packs a float layer.
    ///
    /// # Errors
    /// A weight tensor of the wrong length, or a layout of another image, with too little padding or
    /// of codes; names `layer`.
    pub fn float(
        layer: &str,
        geometry: &ConvGeometry,
        layout: &InputLayout,
        weights: &[f32],
    ) -> Result<Self, KernelError> {
        check_len("the weight tensor", weights.len(), weight_count(geometry)?)?;
        if layout.format() != InputFormat::Float {
            return Err(KernelError::Element { layer: layer.to_owned(), format: layout.format().name() });
        }
        let mut packed = Self::empty(layer, geometry, layout, Granularity::Layer)?;
        packed.scales = vec![Lanes([1.0; BLOCK])];
        packed.weights = Weights::Float(pack::floats(&packed, weights));
        Ok(packed)
    }

    /// Turns the sign of the outputs of some filters, exactly; `None`, and nothing changed, where filters share scales.
    pub fn negate(&mut self, filters: impl Fn(usize) -> bool) -> Option<()> {
        if self.scale_step != 1 {
            return None;
        }
        for block in 0..self.blocks() {
            let range = self.filters(block..block + 1);
            for (scale, filter) in self.scales[block].0.iter_mut().zip(range) {
                *scale = if filters(filter) { -*scale } else { *scale };
            }
        }
        Some(())
    }

    /// The name of the layer.
    pub fn layer(&self) -> &str {
        &self.layer
    }

    /// The layer's shapes.
    pub const fn geometry(&self) -> &ConvGeometry {
        &self.geometry
    }

    /// How an input must lie in memory.
    pub const fn layout(&self) -> &InputLayout {
        &self.layout
    }

    /// Number of filter blocks; a kernel call takes a range of them.
    pub const fn blocks(&self) -> usize {
        self.geometry.groups * self.group_blocks()
    }

    /// The filters that a range of blocks computes.
    pub fn filters(&self, blocks: Range<usize>) -> Range<usize> {
        let first = |block: usize| {
            let [group, within] = [block / self.group_blocks(), block % self.group_blocks()];
            group * self.geometry.group_filters() + within * BLOCK
        };
        first(blocks.start)..first(blocks.end).min(self.geometry.filters())
    }

    /// Bytes of the packed weights.
    pub fn weight_bytes(&self) -> usize {
        match &self.weights {
            Weights::Binary(w)
            | Weights::PermuteBinary(w)
            | Weights::Int8(w)
            | Weights::EightBit(w)
            | Weights::Wide(w) => size_of_val(w.as_slice()),
            Weights::Ternary(w) | Weights::PermuteTernary(w) => size_of_val(w.as_slice()),
            Weights::LookupBinary(w) => size_of_val(w.as_slice()),
            Weights::LookupTernary(w) => size_of_val(w.as_slice()),
            Weights::Float(w) => size_of_val(w.as_slice()),
        }
    }

    /// The kernel's name without the instruction set, such as `popcount_w2`.
    pub const fn kernel(&self) -> &'static str {
        match &self.weights {
            Weights::Binary(_) => "popcount_w1",
            Weights::Ternary(_) => "popcount_w2",
            Weights::LookupBinary(_) => "lookup_w1",
            Weights::LookupTernary(_) => "lookup_w2",
            Weights::PermuteBinary(_) => "permute_w1",
            Weights::PermuteTernary(_) => "permute_w2",
            Weights::Int8(_) => "int8",
            Weights::EightBit(_) => "int8_w8",
            Weights::Wide(_) => "int16_w8",
            Weights::Float(_) => "float",
        }
    }

    const fn group_blocks(&self) -> usize {
        self.geometry.group_filters().div_ceil(BLOCK)
    }

    /// Weights of one block.
    pub(super) fn block_len(&self) -> usize {
        self.geometry.positions() * self.layout.plane_len()
    }

    /// A layer without weights: the geometry checked against the layout, and the segments.
    fn empty(
        layer: &str,
        geometry: &ConvGeometry,
        layout: &InputLayout,
        granularity: Granularity,
    ) -> Result<Self, KernelError> {
        let needed = InputLayout::of(geometry, layout.format())?.with_zero(layout.zero());
        let covering = needed.covering(layout.padding())?;
        if covering != *layout {
            let (found, expected) = (Box::new(*layout), Box::new(covering));
            return Err(KernelError::Layout { layer: layer.to_owned(), found, expected });
        }
        let kernel = geometry.window.kernel;
        let plane_len = layout.plane_len();
        let mut segments: Vec<Segment> = Vec::new();
        let mut ends = Vec::new();
        for subgroup in 0..granularity.subgroups(kernel) {
            let first = segments.len();
            let run = granularity.run(kernel);
            for position in subgroup * run..(subgroup + 1) * run {
                let [y, x] = [position / kernel[1], position % kernel[1]];
                let offset = y * layout.row_len() + x * layout.pixel_len();
                let segment = Segment { offset, weight: position * plane_len, len: plane_len };
                match segments[first..].last_mut() {
                    Some(last) if last.offset + last.len == offset => last.len += plane_len,
                    _ => segments.push(segment),
                }
            }
            ends.push(segments.len());
        }
        let mut packed = Self {
            layer: layer.to_owned(),
            geometry: *geometry,
            layout: *layout,
            weights: Weights::Float(Vec::new()),
            segments,
            ends,
            scales: Vec::new(),
            scale_step: 0,
            constants: Vec::new(),
            sums: Vec::new(),
        };
        if let InputFormat::Tables(_) = layout.format() {
            let behind = layout.format().planes() * plane_len;
            let offset = |position: usize| {
                position / kernel[1] * layout.row_len() + position % kernel[1] * layout.pixel_len() + behind
            };
            packed.sums = (0..geometry.positions()).map(offset).collect();
        }
        // The packed tensor is at most 16 lanes of 2 × 4 bytes for each element.
        product([packed.blocks(), packed.block_len(), BLOCK, 8])?;
        packed.constants = vec![Lanes([0; BLOCK]); packed.blocks() * packed.ends.len()];
        Ok(packed)
    }
}

/// The number of weights, checked against overflow.
fn weight_count(geometry: &ConvGeometry) -> Result<usize, ShapeError> {
    let [rows, columns] = geometry.window.kernel;
    product([geometry.filters(), rows, columns, geometry.group_channels()])
}
