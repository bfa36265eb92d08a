//! The forward loop: a tile of pixels × 16 or 32 filters walks a list of contiguous segments of the
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
        let blocks = self.filters.div_ceil(16);
        let extent = self.segments.iter().map(|segment| segment.offset + segment.len).max().unwrap_or(0);
        let read = Read { operand, extent, weights, scales };
        let mut block = 0;
        if L::TWO_BLOCKS && E::BLOCKS >= 2 {
            while block + 2 <= blocks {
                self.blocks::<L, E, 8, 4, 2>(lanes, read, block, output, moments);
                block += 2;
            }
        }
        for block in block..blocks {
            if L::ACCUMULATORS >= 8 {
                self.blocks::<L, E, 8, 4, 1>(lanes, read, block, output, moments);
            } else if L::ACCUMULATORS >= 6 {
                self.blocks::<L, E, 6, 6, 1>(lanes, read, block, output, moments);
            } else if L::ACCUMULATORS >= 4 {
                self.blocks::<L, E, 4, 4, 1>(lanes, read, block, output, moments);
            } else {
                self.blocks::<L, E, 2, 2, 1>(lanes, read, block, output, moments);
            }
        }
    }

    /// Computes `B` blocks of filters, `P` windows at a time and what is left over `R` at a time.
    #[inline(always)]
    fn blocks<L: Lanes, E: Element, const P: usize, const R: usize, const B: usize>(
        &self,
        lanes: L,
        read: Read<'_>,
        block: usize,
        output: &mut [f32],
        moments: &mut [[[f32; 16]; 2]],
    ) {
        let mut m = [Moments::<L> { sum: lanes.zero(), squares: lanes.zero() }; B];
        let (tiles, rest) = self.windows.as_chunks::<P>();
        self.tiles::<L, E, P, B>(lanes, read, block, tiles.as_flattened(), output, &mut m);
        self.tiles::<L, E, R, B>(lanes, read, block, rest, output, &mut m);
        for (to, m) in moments.iter_mut().skip(block).zip(m) {
            *to = [lanes.values(m.sum), lanes.values(m.squares)];
        }
    }

    /// Computes and stores `windows` × `B` blocks of filters, `P` windows at a time.
    #[inline(always)]
    fn tiles<L: Lanes, E: Element, const P: usize, const B: usize>(
        &self,
        lanes: L,
        read: Read<'_>,
        block: usize,
        windows: &[[usize; 2]],
        output: &mut [f32],
        m: &mut [Moments<L>; B],
    ) {
        let window_len = self.window_len();
        let mut weights: [&[[u32; 16]]; B] = [&[]; B];
        for (b, weights) in weights.iter_mut().enumerate() {
            *weights = &read.weights[(block + b) * window_len..][..window_len];
        }
        let filters = self.filters - block * 16;
        let output = &mut output[block * 16..];
        let (tiles, rest) = windows.as_chunks::<P>();
        for tile in tiles {
            let sums = self.tile::<L, E, P, B>(lanes, read, tile, weights);
            store(lanes, &sums, tile, output, filters, m);
        }
        if let Some(last) = rest.last() {
            // The last window stands in for those that are missing; its output is stored once.
            let mut full = [*last; P];
            full[..rest.len()].copy_from_slice(rest);
            let sums = self.tile::<L, E, P, B>(lanes, read, &full, weights);
            store(lanes, &sums, rest, output, filters, m);
        }
    }

    /// The sums of `P` windows × `B` blocks of filters.
    #[inline(always)]
    fn tile<L: Lanes, E: Element, const P: usize, const B: usize>(
        &self,
        lanes: L,
        read: Read<'_>,
        windows: &[[usize; 2]; P],
        mut weights: [&[[u32; 16]]; B],
    ) -> [[L::Sums; B]; P] {
        let mut sums = [[lanes.zero(); B]; P];
        // Slices of one length, so that each segment is checked once for all of them.
        let mut pixels: [&[u32]; P] = [&[]; P];
        for p in 0..P {
            pixels[p] = &read.operand[windows[p][0]..][..read.extent];
        }
        let Some(scales) = read.scales else {
            for segment in &self.segments {
                let now = first(&mut weights, segment.len);
                E::add(lanes, &stretch(&pixels, segment.offset, segment.len), now, &mut sums);
            }
            return sums;
        };
        let mut totals = [[lanes.zero(); B]; P];
        // Not `chunks` and `zip`, which stay calls here.
        let mut segments = self.segments.as_slice();
        for scale in scales {
            let (of_scale, later) = segments.split_at(self.segments_a_scale.min(segments.len()));
            segments = later;
            for segment in of_scale {
                let now = first(&mut weights, segment.len);
                E::add(lanes, &stretch(&pixels, segment.offset, segment.len), now, &mut sums);
            }
            for p in 0..P {
                for b in 0..B {
                    totals[p][b] = lanes.scale_add(*scale, sums[p][b], totals[p][b]);
                    sums[p][b] = lanes.zero();
                }
            }
        }
        totals
    }
}

/// What a walk reads.
#[derive(Clone, Copy)]
struct Read<'a> {
    operand: &'a [u32],
    /// Elements from a window's first to behind its last.
    extent: usize,
    /// Of all blocks.
    weights: &'a [[u32; 16]],
    scales: Option<&'a [f32]>,
}

/// Takes the first `len` vectors of each block.
#[inline(always)]
fn first<'a, const B: usize>(weights: &mut [&'a [[u32; 16]]; B], len: usize) -> [&'a [[u32; 16]]; B] {
    let mut now: [&[[u32; 16]]; B] = [&[]; B];
    for b in 0..B {
        (now[b], weights[b]) = weights[b].split_at(len);
    }
    now
}

/// `len` of the elements, from `start` on. Not `map`, whose closure could stay a call.
#[inline(always)]
fn stretch<'a, T, const N: usize>(slices: &[&'a [T]; N], start: usize, len: usize) -> [&'a [T]; N] {
    let mut some = *slices;
    for i in 0..N {
        some[i] = &slices[i][start..][..len];
    }
    some
}

/// What the elements of an operand are.
pub(super) trait Element {
    /// Blocks of filters whose sums the registers hold.
    const BLOCKS: usize;

    /// Adds the products of `P` pixels with one vector of weights an element and block, of which there are as many, to their
    /// sums.
    fn add<L: Lanes, const P: usize, const B: usize>(
        lanes: L,
        pixels: &[&[u32]; P],
        weights: [&[[u32; 16]]; B],
        sums: &mut [[L::Sums; B]; P],
    );
}

/// Those of the instruction set's precision.
pub(super) enum Floats {}

/// Four unsigned codes, of weights −1, 0 and +1.
pub(super) enum Codes {}

impl Element for Floats {
    const BLOCKS: usize = 2;

    #[inline(always)]
    fn add<L: Lanes, const P: usize, const B: usize>(
        lanes: L,
        pixels: &[&[u32]; P],
        weights: [&[[u32; 16]]; B],
        sums: &mut [[L::Sums; B]; P],
    ) {
        // Plain indices and local copies, of one length: that way the compiler keeps every sum in a register.
        let len = weights[0].len();
        let (mut local, pixels, weights) = (*sums, stretch(pixels, 0, len), stretch(&weights, 0, len));
        for e in 0..len {
            let mut w = [lanes.load(&weights[0][e]); B];
            for b in 1..B {
                w[b] = lanes.load(&weights[b][e]);
            }
            for p in 0..P {
                for b in 0..B {
                    local[p][b] = lanes.multiply_add(local[p][b], w[b], pixels[p][e]);
                }
            }
        }
        *sums = local;
    }
}

impl Element for Codes {
    /// Integers, floats and outputs of one block take most registers.
    const BLOCKS: usize = 1;

    #[inline(always)]
    fn add<L: Lanes, const P: usize, const B: usize>(
        lanes: L,
        pixels: &[&[u32]; P],
        weights: [&[[u32; 16]]; B],
        sums: &mut [[L::Sums; B]; P],
    ) {
        let mut start = 0;
        while start < weights[0].len() {
            let len = (weights[0].len() - start).min(CODE_STEPS);
            let (pixels, weights) = (stretch(pixels, start, len), stretch(&weights, start, len));
            start += len;
            let mut local = [[lanes.no_codes(); B]; P];
            for e in 0..len {
                let mut w = [lanes.load_codes(&weights[0][e]); B];
                for b in 1..B {
                    w[b] = lanes.load_codes(&weights[b][e]);
                }
                for p in 0..P {
                    for b in 0..B {
                        local[p][b] = lanes.multiply_add_codes(local[p][b], w[b], pixels[p][e]);
                    }
                }
            }
            for p in 0..P {
                for b in 0..B {
                    sums[p][b] = lanes.add(sums[p][b], lanes.code_sums(local[p][b]));
                }
            }
        }
    }
}

/// Stores the sums of some windows; `filters` are those from the first block on.
#[inline(always)]
fn store<L: Lanes, const P: usize, const B: usize>(
    lanes: L,
    sums: &[[L::Sums; B]; P],
    windows: &[[usize; 2]],
    output: &mut [f32],
    filters: usize,
    m: &mut [Moments<L>; B],
) {
    for (sums, [_, to]) in sums.iter().zip(windows) {
        for b in 0..B {
            m[b].sum = lanes.add(m[b].sum, sums[b]);
            m[b].squares = lanes.square_add(sums[b], m[b].squares);
            let values = lanes.values(sums[b]);
            let filters = (filters - b * 16).min(16);
            let to = &mut output[*to + b * 16..][..filters];
            match to.first_chunk_mut::<16>() {
                Some(all) => *all = values,
                None => to.copy_from_slice(&values[..filters]),
            }
        }
    }
}
