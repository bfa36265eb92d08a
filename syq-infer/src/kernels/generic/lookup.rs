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

use super::super::layout::{BLOCK, Selectors};
use super::tile::{Job, Segment, put};

/// Arithmetic on 32 filters, made of closures inside a `#[target_feature]` function, as in
/// [`kernel`](super::kernel).
pub(crate) trait LookupOps {
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
    /// Adds a chunk.
    fn fold(&self, words: Self::Words, bytes: Self::Bytes) -> Self::Words;
    /// Twice the words.
    fn double(&self, words: Self::Words) -> Self::Words;
    /// a − b + 2^15.
    fn difference(&self, a: Self::Words, b: Self::Words) -> Self::Words;
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
    convolve::<L, 1>(l, job, weights);
}

/// Computes the job's outputs with ternary weights.
#[inline(always)]
pub(crate) fn ternary_lookups<L: LookupOps>(l: &L, job: &mut Job<'_, u32>, weights: &[[Selectors; 2]]) {
    convolve::<L, 2>(l, job, weights.as_flattened());
}

/// Subgroups whose sums wait for their scales at a time, so that the results of a tile stay in registers
/// while they are scaled: 14 to 23 % of the speed with a scale a position and 64 channels.
const WAITING: usize = 16;

/// Most sums of a tile: four pixels of two pairs of blocks, or of one with two look-ups a weight.
const SUMS: usize = 8;

/// `ROWS` look-ups a weight.
#[inline(always)]
fn convolve<L: LookupOps, const ROWS: usize>(l: &L, job: &mut Job<'_, u32>, weights: &[Selectors]) {
    let group_blocks = job.group_filters.div_ceil(BLOCK);
    let mut waiting = [l.words(); WAITING * SUMS];
    let mut block = job.blocks.start;
    while block < job.blocks.end {
        // Pairs of blocks; a range may begin in the middle of one.
        let (group, pair) = (block / group_blocks, block % group_blocks / 2);
        let left = group_blocks.min(job.blocks.end - group * group_blocks).div_ceil(2) - pair;
        if ROWS == 1 && left > 1 {
            image::<L, ROWS, 2>(l, job, weights, &mut waiting, [group, pair]);
            block = group * group_blocks + 2 * pair + 4;
        } else {
            image::<L, ROWS, 1>(l, job, weights, &mut waiting, [group, pair]);
            block = group * group_blocks + 2 * pair + 2;
        }
        block = block.min((group + 1) * group_blocks);
    }
}

/// All pixels of `R` pairs of blocks, from a pair of a group on.
#[inline(always)]
fn image<L: LookupOps, const ROWS: usize, const R: usize>(
    l: &L,
    job: &mut Job<'_, u32>,
    weights: &[Selectors],
    waiting: &mut [L::Words],
    place: [usize; 2],
) {
    let mut pixel = job.pixels.start;
    while pixel < job.pixels.end {
        match job.pixels.end - pixel {
            4.. => pixel += tile::<L, 4, ROWS, R>(l, job, weights, waiting, place, pixel),
            3 => pixel += tile::<L, 3, ROWS, R>(l, job, weights, waiting, place, pixel),
            2 => pixel += tile::<L, 2, ROWS, R>(l, job, weights, waiting, place, pixel),
            _ => pixel += tile::<L, 1, ROWS, R>(l, job, weights, waiting, place, pixel),
        }
    }
}

/// `P` pixels of `R` pairs of blocks; returns `P`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "an array's own iterator copies the array; measured")]
fn tile<L: LookupOps, const P: usize, const ROWS: usize, const R: usize>(
    l: &L,
    job: &mut Job<'_, u32>,
    weights: &[Selectors],
    waiting: &mut [L::Words],
    [group, pair]: [usize; 2],
    pixel: usize,
) -> usize {
    let group_blocks = job.group_filters.div_ceil(BLOCK);
    // A table is four elements.
    let block_len = job.block_len / 4 * ROWS;
    let bases: [usize; P] = std::array::from_fn(|p| {
        let [row, column] = [(pixel + p) / job.columns, (pixel + p) % job.columns];
        job.origin + row * job.row_step + column * job.column_step + group * job.group_len
    });
    let first_pair = group * group_blocks.div_ceil(2) + pair;
    let weights: [&[Selectors]; R] = std::array::from_fn(|r| &weights[(first_pair + r) * block_len..][..block_len]);
    let mut results = [[l.empty(); R]; P];
    let mut segment = 0;
    let len = P * R * ROWS * job.planes;
    for start in (0..job.ends.len()).step_by(WAITING / job.planes) {
        let subgroups = start..(start + WAITING / job.planes).min(job.ends.len());
        let mut less = [[[1 << 15; P]; 2]; WAITING];
        let each = subgroups.clone().zip(waiting.chunks_exact_mut(len)).zip(&mut less);
        for ((subgroup, sums), less) in each {
            let segments = &job.segments[segment..job.ends[subgroup]];
            segment = job.ends[subgroup];
            for plane in 0..job.planes {
                let sums = &mut sums[plane * P * R * ROWS..][..P * R * ROWS];
                subgroup_sums::<L, P, ROWS, R>(l, job, weights, segments, bases.map(|base| base + plane * job.plane_len), sums);
                if ROWS == 1 {
                    for p in 0..P {
                        less[plane][p] = code_sum(job, subgroup, bases[p] + plane);
                    }
                }
            }
        }
        let scales = &job.scales[subgroups.clone()];
        for p in 0..P {
            for r in 0..R {
                let each = scales.iter().zip(waiting.chunks_exact(len)).zip(&less);
                for ((scale, sums), less) in each {
                    let at = (p * R + r) * ROWS;
                    let mut exact = exact::<L, ROWS>(l, &sums[at..][..ROWS], less[0][p]);
                    if job.planes == 2 {
                        let high = self::exact::<L, ROWS>(l, &sums[P * R * ROWS + at..][..ROWS], less[1][p]);
                        exact = l.add_scaled(exact, 16.0, high);
                    }
                    // A codebook's scales are those of all filters.
                    results[p][r] = l.add_scaled(results[p][r], scale.0[0], exact);
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
                    put(job, pixel + p, block, &halves[half]);
                }
            }
        }
    }
    P
}

/// Σ q·u of a subgroup and a plane.
#[inline(always)]
fn exact<L: LookupOps, const ROWS: usize>(l: &L, sums: &[L::Words], less: u32) -> L::Sums {
    let words = if ROWS == 1 { l.double(sums[0]) } else { l.difference(sums[0], sums[ROWS - 1]) };
    l.exact(words, less)
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

/// What each filter selects in the segments of one subgroup, of one plane, `[pixel][pair][row]`.
#[inline(always)]
fn subgroup_sums<L: LookupOps, const P: usize, const ROWS: usize, const R: usize>(
    l: &L,
    job: &Job<'_, u32>,
    weights: [&[Selectors]; R],
    segments: &[Segment],
    bases: [usize; P],
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
            let x: [&[[u8; 16]]; P] = std::array::from_fn(|p| {
                let offset = bases[p] + segment.offset + 4 * start;
                bytemuck::cast_slice(&job.input[offset..][..4 * len])
            });
            let w: [&[[Selectors; ROWS]]; R] = std::array::from_fn(|r| {
                weights[r][(segment.weight / 4 + start) * ROWS..][..len * ROWS].as_chunks().0
            });
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

/// The sums of one subgroup in memory.
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
        for (sums, bytes) in self.words.iter_mut().zip(bytes.as_flattened().as_flattened()) {
            *sums = l.fold(if self.fresh { l.words() } else { *sums }, *bytes);
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
