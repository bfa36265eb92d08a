//! The forward loop: a tile of pixels × 16 filters walks a list of contiguous segments of the
//! zero-padded operand. Backward-data is the same loop with flipped, transposed weights.

use crate::kernels::lanes::{CODE_STEPS, Lanes};

/// One contiguous piece of a window in the padded operand, in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// From the window's first element.
    pub(super) offset: usize,
    /// Elements.
    pub(super) len: usize,
}

/// A convolution as a walk: what a window reads and how windows follow each other.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    /// Segments of one window, in the order of the weights.
    pub(super) segments: Vec<Segment>,
    /// Segments that one scale covers.
    pub(super) segments_a_scale: usize,
    /// First operand element of each window, and first output element of its pixel.
    pub(super) windows: Vec<[usize; 2]>,
    /// Filters.
    pub(super) filters: usize,
}

/// Accumulates Σ z and Σ z² of 16 filters.
#[derive(Clone, Copy)]
struct Moments<L: Lanes> {
    sum: L::Sums,
    squares: L::Sums,
}

impl Walk {
    /// Elements of a window: the weight vectors of one block of 16 filters.
    pub(super) fn window_len(&self) -> usize {
        self.segments.iter().map(|segment| segment.len).sum()
    }

    /// Computes every output of one image. `weights` holds, for each block of 16 filters,
    /// [`Self::window_len`] vectors. With `scales`, each output is Σ fma(scale, exact sum of its
    /// segments, ·) in ascending order. Σ z and Σ z² of each filter are written to `moments`, two
    /// vectors a block, where there is room.
    #[inline(always)]
    pub(super) fn run<L: Lanes, E: Element>(
        &self,
        lanes: L,
        operand: &[u32],
        weights: &[[u32; 16]],
        scales: Option<&[f32]>,
        output: &mut [f32],
        moments: &mut [[[f32; 16]; 2]],
    ) {
        let window_len = self.window_len();
        let mut moments = moments.iter_mut();
        for block in 0..self.filters.div_ceil(16) {
            let weights = &weights[block * window_len..][..window_len];
            let filters = (self.filters - block * 16).min(16);
            let mut m = Moments::<L> { sum: lanes.zero(), squares: lanes.zero() };
            let output = &mut output[block * 16..];
            if L::ACCUMULATORS >= 8 {
                let (tiles, rest) = self.windows.as_chunks::<8>();
                self.tiles::<L, E, 8>(lanes, operand, tiles.as_flattened(), weights, scales, output, filters, &mut m);
                self.tiles::<L, E, 4>(lanes, operand, rest, weights, scales, output, filters, &mut m);
            } else if L::ACCUMULATORS >= 6 {
                self.tiles::<L, E, 6>(lanes, operand, &self.windows, weights, scales, output, filters, &mut m);
            } else if L::ACCUMULATORS >= 4 {
                self.tiles::<L, E, 4>(lanes, operand, &self.windows, weights, scales, output, filters, &mut m);
            } else {
                self.tiles::<L, E, 2>(lanes, operand, &self.windows, weights, scales, output, filters, &mut m);
            }
            if let Some(to) = moments.next() {
                *to = [lanes.values(m.sum), lanes.values(m.squares)];
            }
        }
    }

    /// Computes and stores `windows` × 16 filters, `P` windows at a time.
    #[inline(always)]
    #[allow(clippy::too_many_arguments, reason = "one loop of `run`, taken out because P differs")]
    fn tiles<L: Lanes, E: Element, const P: usize>(
        &self,
        lanes: L,
        operand: &[u32],
        windows: &[[usize; 2]],
        weights: &[[u32; 16]],
        scales: Option<&[f32]>,
        output: &mut [f32],
        filters: usize,
        m: &mut Moments<L>,
    ) {
        let (tiles, rest) = windows.as_chunks::<P>();
        for tile in tiles {
            let sums = self.tile::<L, E, P>(lanes, operand, tile, weights, scales);
            store(lanes, &sums, tile, output, filters, m);
        }
        if let Some(last) = rest.last() {
            // The last window stands in for those that are missing; its output is stored once.
            let mut full = [*last; P];
            full[..rest.len()].copy_from_slice(rest);
            let sums = self.tile::<L, E, P>(lanes, operand, &full, weights, scales);
            store(lanes, &sums, rest, output, filters, m);
        }
    }

    /// The sums of `P` windows × 16 filters.
    #[inline(always)]
    fn tile<L: Lanes, E: Element, const P: usize>(
        &self,
        lanes: L,
        operand: &[u32],
        windows: &[[usize; 2]; P],
        mut weights: &[[u32; 16]],
        scales: Option<&[f32]>,
    ) -> [L::Sums; P] {
        let mut sums = [lanes.zero(); P];
        let Some(scales) = scales else {
            for segment in &self.segments {
                let (now, later) = weights.split_at(segment.len);
                weights = later;
                E::add(lanes, &pixels(operand, windows, *segment), now, &mut sums);
            }
            return sums;
        };
        let mut totals = [lanes.zero(); P];
        for (segments, scale) in self.segments.chunks(self.segments_a_scale).zip(scales) {
            for segment in segments {
                let (now, later) = weights.split_at(segment.len);
                weights = later;
                E::add(lanes, &pixels(operand, windows, *segment), now, &mut sums);
            }
            for p in 0..P {
                totals[p] = lanes.scale_add(*scale, sums[p], totals[p]);
                sums[p] = lanes.zero();
            }
        }
        totals
    }
}

/// One segment's elements in each window.
#[inline(always)]
fn pixels<'a, const P: usize>(operand: &'a [u32], windows: &[[usize; 2]; P], segment: Segment) -> [&'a [u32]; P] {
    let mut pixels: [&[u32]; P] = [&[]; P];
    for p in 0..P {
        pixels[p] = &operand[windows[p][0] + segment.offset..][..segment.len];
    }
    pixels
}

/// `len` of the elements, from `start` on. Not `map`, whose closure could stay a call.
#[inline(always)]
fn stretch<'a, const P: usize>(pixels: &[&'a [u32]; P], start: usize, len: usize) -> [&'a [u32]; P] {
    let mut some = *pixels;
    for p in 0..P {
        some[p] = &pixels[p][start..][..len];
    }
    some
}

/// What the elements of an operand are.
pub(super) trait Element {
    /// Adds the products of `P` pixels with one vector of weights an element, of which there are as many, to their sums.
    fn add<L: Lanes, const P: usize>(lanes: L, pixels: &[&[u32]; P], weights: &[[u32; 16]], sums: &mut [L::Sums; P]);
}

/// Those of the instruction set's precision.
pub(super) enum Floats {}

/// Four unsigned codes, of weights −1, 0 and +1.
pub(super) enum Codes {}

impl Element for Floats {
    #[inline(always)]
    fn add<L: Lanes, const P: usize>(lanes: L, pixels: &[&[u32]; P], weights: &[[u32; 16]], sums: &mut [L::Sums; P]) {
        // Plain indices and local copies, of one length: that way the compiler keeps every sum in a register.
        let (mut local, pixels) = (*sums, stretch(pixels, 0, weights.len()));
        for e in 0..weights.len() {
            let w = lanes.load(&weights[e]);
            for p in 0..P {
                local[p] = lanes.multiply_add(local[p], w, pixels[p][e]);
            }
        }
        *sums = local;
    }
}

impl Element for Codes {
    #[inline(always)]
    fn add<L: Lanes, const P: usize>(lanes: L, pixels: &[&[u32]; P], weights: &[[u32; 16]], sums: &mut [L::Sums; P]) {
        for (index, weights) in weights.chunks(CODE_STEPS).enumerate() {
            let pixels = stretch(pixels, index * CODE_STEPS, weights.len());
            let mut local = [lanes.no_codes(); P];
            for e in 0..weights.len() {
                let w = lanes.load_codes(&weights[e]);
                for p in 0..P {
                    local[p] = lanes.multiply_add_codes(local[p], w, pixels[p][e]);
                }
            }
            for p in 0..P {
                sums[p] = lanes.add(sums[p], lanes.code_sums(local[p]));
            }
        }
    }
}

#[inline(always)]
fn store<L: Lanes, const P: usize>(
    lanes: L,
    sums: &[L::Sums; P],
    windows: &[[usize; 2]],
    output: &mut [f32],
    filters: usize,
    m: &mut Moments<L>,
) {
    for (sums, [_, to]) in sums.iter().zip(windows) {
        m.sum = lanes.add(m.sum, *sums);
        m.squares = lanes.square_add(*sums, m.squares);
        let values = lanes.values(*sums);
        let to = &mut output[*to..][..filters];
        match to.first_chunk_mut::<16>() {
            Some(all) => *all = values,
            None => to.copy_from_slice(&values[..filters]),
        }
    }
}
