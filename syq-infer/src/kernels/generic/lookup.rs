//! The loops of the lookup kernel: sums of four activation codes are looked up instead of computed.
//!
//! The producer of the codes writes, for every four channels of a pixel, the sixteen sums of a subset of
//! their codes: [`InputFormat::Tables`](super::super::layout::InputFormat::Tables). A filter's weights say which
//! subset: of four binary weights those that are +1; of ternary ones those that are +1, and in a second
//! look-up those that are −1. One byte shuffle looks up for 32 filters at once, and a table serves all
//! filters and all kernel positions that see the pixel. With P the sum of what is looked up,
//! Σ q·u = 2P − Σ u for binary weights and P₊ − P₋ for ternary ones. Codes of eight bits are two halves,
//! with tables of their own: Σ q·u is 16 times that of the high halves plus that of the low ones.
//!
//! Sums are bytes for a chunk of look-ups (21 of at most 4 · 3, or 4 of at most 4 · 15), then 16-bit words:
//! the packing refuses a layer that could exceed them.

use super::super::layout::{BLOCK, Lanes, Selectors};
use super::tile::{Job, Segment, put};

/// Arithmetic on 32 filters, made of closures inside a `#[target_feature]` function, as in
/// [`kernel`](super::kernel).
pub(crate) trait LookupOps {
    /// Most pixels of a tile.
    const PIXELS: usize;
    /// A table, ready for look-ups.
    type Table: Copy;
    /// 32 sums of a chunk.
    type Bytes: Copy;
    /// 32 sums of a subgroup.
    type Words: Copy;
    /// 32 results.
    type Sums: Copy;

    /// No sums.
    fn bytes(&self) -> Self::Bytes;
    /// No sums.
    fn words(&self) -> Self::Words;
    /// An empty result.
    fn empty(&self) -> Self::Sums;
    /// Loads a table.
    fn table(&self, table: &[u8; 16]) -> Self::Table;
    /// Adds what each filter selects.
    fn look_up(&self, sums: Self::Bytes, table: Self::Table, selectors: &Selectors) -> Self::Bytes;
    /// 2^15 everywhere, around which there is room for differences.
    fn middle(&self) -> Self::Words;
    /// Adds a chunk.
    fn fold(&self, words: Self::Words, bytes: Self::Bytes) -> Self::Words;
    /// Adds a chunk and subtracts another.
    fn fold_difference(&self, words: Self::Words, bytes: [Self::Bytes; 2]) -> Self::Words;
    /// Twice the words.
    fn double(&self, words: Self::Words) -> Self::Words;
    /// words − less, exactly.
    fn exact(&self, words: Self::Words, less: u32) -> Self::Sums;
    /// fma(scale, exact, sums).
    fn add_scaled(&self, sums: Self::Sums, scale: f32, exact: Self::Sums) -> Self::Sums;
    /// The results, in the order of the filters.
    fn store(&self, sums: Self::Sums) -> [[f32; BLOCK]; 2];
}

/// Computes the job's outputs with binary weights.
#[inline(always)]
pub(crate) fn binary_lookups<L: LookupOps>(l: &L, job: &mut Job<'_, u32>, weights: &[Selectors]) {
    match job.planes {
        1 => convolve::<L, 1, 1>(l, job, weights),
        _ => convolve::<L, 1, 2>(l, job, weights),
    }
}

/// Computes the job's outputs with ternary weights.
#[inline(always)]
pub(crate) fn ternary_lookups<L: LookupOps>(l: &L, job: &mut Job<'_, u32>, weights: &[[Selectors; 2]]) {
    match job.planes {
        1 => convolve::<L, 2, 1>(l, job, weights.as_flattened()),
        _ => convolve::<L, 2, 2>(l, job, weights.as_flattened()),
    }
}

/// Subgroups whose sums wait for their scales at a time, so that the results of a tile stay in registers
/// while they are scaled: 14 to 23 % of the speed with a scale a position and 64 channels.
const WAITING: usize = 16;

/// Most pixels of any tile.
const PIXELS: usize = 6;

/// Most sums of a subgroup and a tile.
const SUMS: usize = 2 * 2 * PIXELS;

/// `ROWS` look-ups a weight, `PLANES` tables for four channels.
#[inline(always)]
fn convolve<L: LookupOps, const ROWS: usize, const PLANES: usize>(
    l: &L,
    job: &mut Job<'_, u32>,
    weights: &[Selectors],
) {
    let group_blocks = job.group_filters.div_ceil(BLOCK);
    let mut waiting = [l.words(); WAITING * SUMS];
    let mut block = job.blocks.start;
    while block < job.blocks.end {
        // Pairs of blocks; a range may begin in the middle of one.
        let (group, pair) = (block / group_blocks, block % group_blocks / 2);
        let left = group_blocks.min(job.blocks.end - group * group_blocks).div_ceil(2) - pair;
        if ROWS == 1 && left > 1 {
            image::<L, ROWS, PLANES, 2>(l, job, weights, &mut waiting, [group, pair]);
            block = group * group_blocks + 2 * pair + 4;
        } else {
            image::<L, ROWS, PLANES, 1>(l, job, weights, &mut waiting, [group, pair]);
            block = group * group_blocks + 2 * pair + 2;
        }
        block = block.min((group + 1) * group_blocks);
    }
}

/// All pixels of `R` pairs of blocks, from a pair of a group on, in tiles as even as possible.
#[inline(always)]
fn image<L: LookupOps, const ROWS: usize, const PLANES: usize, const R: usize>(
    l: &L,
    job: &mut Job<'_, u32>,
    weights: &[Selectors],
    waiting: &mut [L::Words],
    place: [usize; 2],
) {
    let mut pixel = job.pixels.start;
    let mut tiles = job.pixels.len().div_ceil(L::PIXELS);
    while tiles > 0 {
        let len = (job.pixels.end - pixel).div_ceil(tiles);
        match len {
            6 if L::PIXELS >= 6 => tile::<L, 6, ROWS, PLANES, R>(l, job, weights, waiting, place, pixel),
            5 if L::PIXELS >= 5 => tile::<L, 5, ROWS, PLANES, R>(l, job, weights, waiting, place, pixel),
            4 if L::PIXELS >= 4 => tile::<L, 4, ROWS, PLANES, R>(l, job, weights, waiting, place, pixel),
            3 if L::PIXELS >= 3 => tile::<L, 3, ROWS, PLANES, R>(l, job, weights, waiting, place, pixel),
            2 => tile::<L, 2, ROWS, PLANES, R>(l, job, weights, waiting, place, pixel),
            _ => tile::<L, 1, ROWS, PLANES, R>(l, job, weights, waiting, place, pixel),
        }
        pixel += len;
        tiles -= 1;
    }
}

/// `P` pixels of `R` pairs of blocks.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "an array's own iterator copies the array; measured")]
fn tile<L: LookupOps, const P: usize, const ROWS: usize, const PLANES: usize, const R: usize>(
    l: &L,
    job: &mut Job<'_, u32>,
    weights: &[Selectors],
    waiting: &mut [L::Words],
    [group, pair]: [usize; 2],
    pixel: usize,
) {
    let group_blocks = job.group_filters.div_ceil(BLOCK);
    // A table is four elements.
    let block_len = job.block_len / 4 * ROWS;
    let bases = job.bases::<P>(pixel, group * job.group_len);
    let first_pair = group * group_blocks.div_ceil(2) + pair;
    let mut pairs: [&[Selectors]; R] = [&[]; R];
    for r in 0..R {
        pairs[r] = &weights[(first_pair + r) * block_len..][..block_len];
    }
    let mut results = [[l.empty(); R]; P];
    let mut segment = 0;
    for start in (0..job.ends.len()).step_by(WAITING) {
        let subgroups = start..(start + WAITING).min(job.ends.len());
        let mut less = [[[1 << 15; P]; PLANES]; WAITING];
        let each = subgroups.clone().zip(waiting.chunks_exact_mut(PLANES * P * R)).zip(&mut less);
        for ((subgroup, sums), less) in each {
            let segments = &job.segments[segment..job.ends[subgroup]];
            segment = job.ends[subgroup];
            for plane in 0..PLANES {
                let sums = &mut sums[plane * P * R..][..P * R];
                subgroup_sums::<L, P, ROWS, R>(l, job, pairs, segments, (bases, plane * job.plane_len), sums);
            }
            if ROWS == 1 {
                for plane in 0..PLANES {
                    for p in 0..P {
                        less[plane][p] = code_sum(job, subgroup, bases[p] + plane);
                    }
                }
            }
        }
        let scales = &job.scales[subgroups.clone()];
        for p in 0..P {
            for r in 0..R {
                let each = scales.iter().zip(waiting.chunks_exact(PLANES * P * R)).zip(&less);
                for ((scale, sums), less) in each {
                    let mut sum = exact::<L, ROWS>(l, sums[p * R + r], less[0][p]);
                    if PLANES == 2 {
                        let high = exact::<L, ROWS>(l, sums[(P + p) * R + r], less[PLANES - 1][p]);
                        sum = l.add_scaled(sum, 16.0, high);
                    }
                    // A codebook's scales are those of all filters.
                    results[p][r] = l.add_scaled(results[p][r], scale.0[0], sum);
                }
            }
        }
    }
    for p in 0..P {
        for r in 0..R {
            let halves = l.store(results[p][r]);
            for half in 0..2 {
                let within = 2 * (pair + r) + half;
                let block = group * group_blocks + within;
                if within < group_blocks && job.blocks.contains(&block) {
                    put(job, pixel + p, block, &[[Lanes(halves[half])]]);
                }
            }
        }
    }
}

/// Σ q·u of a subgroup and a plane, from 2P and Σ u, or from the difference around the middle of its words.
#[inline(always)]
fn exact<L: LookupOps, const ROWS: usize>(l: &L, words: L::Words, less: u32) -> L::Sums {
    if ROWS == 1 { l.exact(l.double(words), less) } else { l.exact(words, 1 << 15) }
}

/// The sum of the codes that a pixel's window has in a subgroup.
#[inline(always)]
fn code_sum(job: &Job<'_, u32>, subgroup: usize, base: usize) -> u32 {
    let run = job.sums.len() / job.ends.len();
    let mut sum = 0u32;
    for position in &job.sums[subgroup * run..][..run] {
        // A caller's buffer may hold anything; the sum of codes does not overflow.
        sum = sum.wrapping_add(job.input[base + position]);
    }
    sum
}

/// The words of the segments of one subgroup, of one plane, `[pixel][pair]`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "a closure for each element may stay a call; measured")]
fn subgroup_sums<L: LookupOps, const P: usize, const ROWS: usize, const R: usize>(
    l: &L,
    job: &Job<'_, u32>,
    weights: [&[Selectors]; R],
    segments: &[Segment],
    (bases, plane): ([usize; P], usize),
    words: &mut [L::Words],
) {
    let mut sums = Waiting { words, fresh: true };
    let mut bytes = [[[l.bytes(); ROWS]; R]; P];
    let mut room = job.chunk;
    for segment in segments {
        // In tables, of which each is four elements.
        let (mut start, end) = (0, segment.len / 4);
        while start < end {
            let len = room.min(end - start);
            let mut x: [&[[u8; 16]]; P] = [&[]; P];
            for p in 0..P {
                let offset = bases[p] + plane + segment.offset + 4 * start;
                x[p] = bytemuck::cast_slice(&job.input[offset..][..4 * len]);
            }
            let mut w: [&[[Selectors; ROWS]]; R] = [&[]; R];
            for r in 0..R {
                w[r] = weights[r][(segment.weight / 4 + start) * ROWS..][..len * ROWS].as_chunks().0;
            }
            accumulate(l, &mut bytes, x, w, len);
            start += len;
            room -= len;
            if room == 0 {
                sums.fold(l, bytes);
                bytes = [[[l.bytes(); ROWS]; R]; P];
                room = job.chunk;
            }
        }
    }
    if room < job.chunk || sums.fresh {
        sums.fold(l, bytes);
    }
}

/// The words of one subgroup in memory.
struct Waiting<'a, W> {
    words: &'a mut [W],
    /// Whether they still are those of another subgroup.
    fresh: bool,
}

impl<W: Copy> Waiting<'_, W> {
    /// Adds a chunk.
    #[inline(always)]
    fn fold<L: LookupOps<Words = W>, const P: usize, const ROWS: usize, const R: usize>(
        &mut self,
        l: &L,
        bytes: [[[L::Bytes; ROWS]; R]; P],
    ) {
        // Loops, not closures: those would have to be inlined to have the features of the instruction set.
        for (words, bytes) in self.words.iter_mut().zip(bytes.as_flattened()) {
            let before = match (self.fresh, ROWS) {
                (false, _) => *words,
                (true, 1) => l.words(),
                (true, _) => l.middle(),
            };
            *words = if ROWS == 1 {
                l.fold(before, bytes[0])
            } else {
                l.fold_difference(before, [bytes[0], bytes[ROWS - 1]])
            };
        }
        self.fresh = false;
    }
}

/// The inner loop: `len` tables. All slices are `len` long.
#[inline(always)]
fn accumulate<L: LookupOps, const P: usize, const ROWS: usize, const R: usize>(
    l: &L,
    bytes: &mut [[[L::Bytes; ROWS]; R]; P],
    x: [&[[u8; 16]]; P],
    w: [&[[Selectors; ROWS]]; R],
    len: usize,
) {
    let mut local = *bytes;
    for four in 0..len {
        for p in 0..P {
            let table = l.table(&x[p][four]);
            for r in 0..R {
                for row in 0..ROWS {
                    local[p][r][row] = l.look_up(local[p][r][row], table, &w[r][four][row]);
                }
            }
        }
    }
    *bytes = local;
}
