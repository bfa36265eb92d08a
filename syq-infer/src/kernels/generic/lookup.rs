//! The loops of the lookup kernel: sums of four activation codes are looked up instead of computed.
//!
//! The codes of four channels, two bits each, are one byte. A table has, for each of its 256 values, the
//! sixteen sums of a subset of the four codes. A filter's weights say which subset: of four binary
//! weights those that are +1; of ternary ones those that are +1, and in a second look-up those that are
//! −1. One byte shuffle looks up for 32 filters at once. With P the sum of what is looked up,
//! Σ q·u = 2P − Σ u for binary weights and P₊ − P₋ for ternary ones. Codes of more than two bits are
//! several digits, taken from the highest down with the sums times four in between.
//!
//! Sums are bytes for a chunk of at most 60 channels (20 groups of at most 4 · 3, or 60 of 4 · 1), then
//! 16-bit words: the packing refuses a layer that could exceed them.

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
    /// Four times the words.
    fn quadruple(&self, words: Self::Words) -> Self::Words;
    /// Twice the words.
    fn double(&self, words: Self::Words) -> Self::Words;
    /// a − b + 2^15.
    fn difference(&self, a: Self::Words, b: Self::Words) -> Self::Words;
    /// fma(scale, words − less, sums).
    fn flush(&self, words: Self::Words, less: u32, scale: f32, sums: Self::Sums) -> Self::Sums;
    /// The results, in the order of the filters.
    fn store(&self, sums: Self::Sums) -> [[f32; BLOCK]; 2];
}

/// The sums of every subset of four codes.
#[repr(align(64))]
struct Subsets([[u8; 16]; 256]);

static SUBSETS: Subsets = Subsets(subsets());

const fn subsets() -> [[u8; 16]; 256] {
    let mut tables = [[0; 16]; 256];
    let mut index = 0;
    while index < 256 * 16 * 4 {
        let (codes, subset, channel) = (index / 64, index / 4 % 16, index % 4);
        if subset >> channel & 1 == 1 {
            tables[codes][subset] += (codes >> (2 * channel) & 3) as u8;
        }
        index += 1;
    }
    tables
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
    // Four selectors an element.
    let block_len = job.block_len * 4 * ROWS;
    let bases: [usize; P] = std::array::from_fn(|p| {
        let [row, column] = [(pixel + p) / job.columns, (pixel + p) % job.columns];
        job.origin + row * job.row_step + column * job.column_step + group * job.group_len
    });
    let first_pair = group * group_blocks.div_ceil(2) + pair;
    let weights: [&[Selectors]; R] = std::array::from_fn(|r| &weights[(first_pair + r) * block_len..][..block_len]);
    let mut results = [[l.empty(); R]; P];
    let mut segment = 0;
    for start in (0..job.ends.len()).step_by(WAITING) {
        let subgroups = start..(start + WAITING).min(job.ends.len());
        let mut less = [[1 << 15; P]; WAITING];
        let each = subgroups.clone().zip(waiting.chunks_exact_mut(P * R * ROWS)).zip(&mut less);
        for ((subgroup, sums), less) in each {
            let end = job.ends[subgroup];
            subgroup_sums::<L, P, ROWS, R>(l, job, weights, &job.segments[segment..end], bases, sums);
            segment = end;
            if ROWS == 1 {
                for p in 0..P {
                    less[p] = code_sum(job, subgroup, bases[p]);
                }
            }
        }
        let scales = &job.scales[subgroups.clone()];
        for p in 0..P {
            for r in 0..R {
                let each = scales.iter().zip(waiting.chunks_exact(P * R * ROWS)).zip(&less);
                for ((scale, sums), less) in each {
                    let sums = &sums[(p * R + r) * ROWS..][..ROWS];
                    let sums = match ROWS {
                        1 => l.double(sums[0]),
                        _ => l.difference(sums[0], sums[ROWS - 1]),
                    };
                    // A codebook's scales are those of all filters.
                    results[p][r] = l.flush(sums, less[p], scale.0[0], results[p][r]);
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

/// What each filter selects in the segments of one subgroup, `[pixel][pair][row]`.
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
    for plane in (0..job.planes).rev() {
        let mut bytes = [[[l.bytes(); ROWS]; R]; P];
        let mut room = job.chunk;
        for segment in segments {
            let mut start = 0;
            while start < segment.len {
                let len = room.min(segment.len - start);
                let x: [&[[u8; 4]]; P] = std::array::from_fn(|p| {
                    let offset = bases[p] + plane * job.plane_len + segment.offset + start;
                    bytemuck::cast_slice(&job.input[offset..][..len])
                });
                let w: [&[[[Selectors; ROWS]; 4]]; R] = std::array::from_fn(|r| {
                    let fours = weights[r][(segment.weight + start) * 4 * ROWS..][..len * 4 * ROWS].as_chunks().0;
                    fours.as_chunks().0
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
        if plane > 0 {
            for sums in sums.words.iter_mut() {
                *sums = l.quadruple(*sums);
            }
        }
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

/// The inner loop: `len` elements of four fours of channels. All slices are `len` long.
#[inline(always)]
fn accumulate<L: LookupOps, const P: usize, const ROWS: usize, const R: usize>(
    l: &L,
    bytes: &mut [[[L::Bytes; ROWS]; R]; P],
    x: [&[[u8; 4]]; P],
    w: [&[[[Selectors; ROWS]; 4]]; R],
    len: usize,
) {
    let mut local = *bytes;
    for e in 0..len {
        for four in 0..4 {
            for p in 0..P {
                let table = l.table(&SUBSETS.0[usize::from(x[p][e][four])]);
                for r in 0..R {
                    for row in 0..ROWS {
                        local[p][r][row] = l.look_up(local[p][r][row], table, &w[r][e][four][row]);
                    }
                }
            }
        }
    }
    *bytes = local;
}

#[cfg(test)]
mod tests {
    use super::SUBSETS;

    #[test]
    fn subsets_are_summed() {
        // The codes 3, 2, 0, 1 of channels 0 to 3.
        let table = SUBSETS.0[0b01_00_10_11];
        assert_eq!([table[0b0001], table[0b0010], table[0b1001], table[0b1111]], [3, 2, 4, 6]);
    }
}
