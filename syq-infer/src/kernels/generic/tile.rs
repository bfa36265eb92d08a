//! The convolution loops: filter blocks, tiles of pixels, subgroups, planes, segments.
//!
//! Lane = output channel: a tile keeps up to [`Kernel::PIXELS`] × [`Kernel::BLOCKS`] accumulators in
//! registers, loads each weight once for all its pixels and broadcasts each input element. Bit
//! planes are taken from the highest down, doubling the accumulator in between (Horner's rule), so
//! that no plane needs accumulators of its own.

use super::super::layout::{BLOCK, Lanes};
use super::kernel::Kernel;
use super::steps::{accumulate, chunk};
use crate::kernels::soon::Soon;
use std::ops::Range;

/// Input elements that lie side by side and meet weights that do: a kernel position, or a whole
/// kernel row where the layout makes one of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Distance from the first element of the window.
    pub(crate) offset: usize,
    /// Distance from the first weight of the filter block.
    pub(crate) weight: usize,
    /// Number of elements.
    pub(crate) len: usize,
}

/// One call: which outputs of which layer, in elements of the padded input.
pub(crate) struct Job<'a, E> {
    /// The padded image.
    pub(crate) input: &'a [E],
    /// [`Segment`]s of all subgroups, in order.
    pub(crate) segments: &'a [Segment],
    /// The end of each subgroup in `segments`.
    pub(crate) ends: &'a [usize],
    /// α·s of each filter and subgroup.
    pub(crate) scales: &'a [Lanes<f32>],
    /// Scales from one block to the next; 0 where all blocks share those of the subgroups.
    pub(crate) scale_step: usize,
    /// `[block][subgroup]`: what the integer sums lack.
    pub(crate) constants: &'a [Lanes<i32>],
    /// Where the sum of each kernel position's codes lies, from the window's first element; lookups only.
    pub(crate) sums: &'a [usize],
    /// Look-ups that a byte's sum can take; lookups only.
    pub(crate) chunk: usize,
    /// Elements from a window's first one to its last one.
    pub(crate) window: usize,
    /// Weights of one filter block.
    pub(crate) block_len: usize,
    /// Bit planes.
    pub(crate) planes: usize,
    /// Elements from one plane to the next.
    pub(crate) plane_len: usize,
    /// First element of the window of output (0, 0).
    pub(crate) origin: usize,
    /// Elements from one output row to the next.
    pub(crate) row_step: usize,
    /// Elements from one output column to the next.
    pub(crate) column_step: usize,
    /// Elements from one group to the next.
    pub(crate) group_len: usize,
    /// Output columns.
    pub(crate) columns: usize,
    /// Filters of a group.
    pub(crate) group_filters: usize,
    /// Outputs to compute, as row · columns + column.
    pub(crate) pixels: Range<usize>,
    /// Filter blocks to compute; a group has ⌈filters of the group / 16⌉.
    pub(crate) blocks: Range<usize>,
    /// The filters of `blocks`.
    pub(crate) filters: Range<usize>,
    /// What finishing them will read or write, `[pixel][filter]` too.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "AVX-512 alone asks for it"))]
    pub(crate) soon: Soon,
    /// Where the results go, `[pixel][filter]` of the two ranges.
    pub(crate) output: &'a mut [f32],
}

impl<E> Job<'_, E> {
    /// Whether there is one pixel alone, as in a fully connected layer.
    #[inline(always)]
    pub(in crate::kernels) fn is_vector(&self) -> bool {
        self.columns == 1 && self.pixels.len() == 1
    }

    /// The length of every subgroup's only segment, if each has but one and all are equally long.
    #[cfg(target_arch = "x86_64")]
    pub(in crate::kernels) fn run_len(&self) -> Option<usize> {
        let len = self.segments.first()?.len;
        let alike = self.ends.len() == self.segments.len() && self.segments.iter().all(|segment| segment.len == len);
        alike.then_some(len)
    }

    /// The first elements of the windows of `P` consecutive outputs, in the group that begins at element `group`.
    #[inline(always)]
    pub(in crate::kernels) fn bases<const P: usize>(&self, pixel: usize, group: usize) -> [usize; P] {
        self.cursor(pixel, group).advance(self)
    }

    /// The window of an output, in the group that begins at element `group`.
    #[inline(always)]
    pub(in crate::kernels) fn cursor(&self, pixel: usize, group: usize) -> Cursor {
        // There may be none.
        let columns = self.columns.max(1);
        let [row, column] = [pixel / columns, pixel % columns];
        Cursor { base: self.origin + row * self.row_step + column * self.column_step + group, column }
    }
}

/// Goes from one window to the next.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct Cursor {
    /// The window's first element.
    base: usize,
    column: usize,
}

impl Cursor {
    /// The first elements of the next `P` windows.
    #[inline(always)]
    pub(in crate::kernels) fn advance<E, const P: usize>(&mut self, job: &Job<'_, E>) -> [usize; P] {
        // From the last window of a row to the first of the next: unused, and perhaps negative, where there is none.
        let turn = job.row_step.wrapping_sub((job.columns - 1) * job.column_step);
        let mut bases = [0; P];
        for each in &mut bases {
            *each = self.base;
            self.column += 1;
            if self.column == job.columns {
                self.column = 0;
                self.base = self.base.wrapping_add(turn);
            } else {
                self.base += job.column_step;
            }
        }
        bases
    }
}

/// Computes the job's outputs.
#[inline(always)]
pub(crate) fn convolve<K: Kernel>(k: &K, job: &mut Job<'_, K::Element>, weights: &[K::Weight]) {
    let group_blocks = job.group_filters.div_ceil(BLOCK);
    let mut block = job.blocks.start;
    while block < job.blocks.end {
        let paired = K::BLOCKS == 2 && block + 1 < job.blocks.end && block % group_blocks + 1 < group_blocks;
        match (paired, job.is_vector()) {
            (true, true) => vector::<K, 2>(k, job, weights, block),
            (true, false) => image::<K, 2>(k, job, weights, block),
            (false, true) => vector::<K, 1>(k, job, weights, block),
            (false, false) => image::<K, 1>(k, job, weights, block),
        }
        block += 1 + usize::from(paired);
    }
}

/// All pixels of `R` filter blocks, in tiles as even as possible.
#[inline(always)]
fn image<K: Kernel, const R: usize>(k: &K, job: &mut Job<'_, K::Element>, weights: &[K::Weight], block: usize) {
    let mut pixel = job.pixels.start;
    let mut tiles = job.pixels.len().div_ceil(K::PIXELS);
    while tiles > 0 {
        let len = (job.pixels.end - pixel).div_ceil(tiles);
        match len {
            7 if K::PIXELS >= 7 => tile::<K, 7, R>(k, job, weights, block, pixel),
            6 if K::PIXELS >= 6 => tile::<K, 6, R>(k, job, weights, block, pixel),
            5 if K::PIXELS >= 5 => tile::<K, 5, R>(k, job, weights, block, pixel),
            4 if K::PIXELS >= 4 => tile::<K, 4, R>(k, job, weights, block, pixel),
            3 if K::PIXELS >= 3 => tile::<K, 3, R>(k, job, weights, block, pixel),
            2 => tile::<K, 2, R>(k, job, weights, block, pixel),
            _ => tile::<K, 1, R>(k, job, weights, block, pixel),
        }
        pixel += len;
        tiles -= 1;
    }
}

/// `P` pixels of `R` filter blocks.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "an array's own iterator copies the array; measured")]
fn tile<K: Kernel, const P: usize, const R: usize>(
    k: &K,
    job: &mut Job<'_, K::Element>,
    weights: &[K::Weight],
    block: usize,
    pixel: usize,
) {
    let group = block / job.group_filters.div_ceil(BLOCK) * job.group_len;
    let bases = job.bases::<P>(pixel, group);
    let weights = block_weights::<_, R>(weights, block, job.block_len);
    // Slices of one length, so that one comparison stands for all of them.
    let mut x: [&[K::Element]; P] = [&[]; P];
    for p in 0..P {
        x[p] = &job.input[bases[p]..][..job.window];
    }
    let mut sums = [[k.empty(); R]; P];
    let mut first = 0;
    for (subgroup, &end) in job.ends.iter().enumerate() {
        let segments = &job.segments[first..end];
        first = end;
        let mut acc = [[k.zero(); R]; P];
        match segments {
            // A scale a position: the sums need no memory on their way from the chunk to the scale.
            [only] if K::CHUNK < usize::MAX && only.len <= K::CHUNK && job.planes == 1 => {
                let part = chunk(k, &acc, (&x, only.offset), (&weights, only.weight), only.len);
                for p in 0..P {
                    for r in 0..R {
                        acc[p][r] = k.fold(k.zero(), part[p][r]);
                    }
                }
            }
            _ => planes_of_pixels(k, &mut acc, job, segments, &x, &weights),
        }
        for r in 0..R {
            let scale = &job.scales[(block + r) * job.scale_step + subgroup];
            let constant = &job.constants[(block + r) * job.ends.len() + subgroup];
            for p in 0..P {
                sums[p][r] = k.flush(acc[p][r], constant, scale, sums[p][r]);
            }
        }
    }
    let mut lanes = [[Lanes([0.0; BLOCK]); R]; P];
    for p in 0..P {
        for r in 0..R {
            lanes[p][r].0 = k.store(sums[p][r]);
        }
    }
    put(job, pixel, block, &lanes);
}

/// All planes and segments of a subgroup.
#[inline(always)]
fn planes_of_pixels<K: Kernel, const P: usize, const R: usize>(
    k: &K,
    acc: &mut [[K::Acc; R]; P],
    job: &Job<'_, K::Element>,
    segments: &[Segment],
    x: &[&[K::Element]; P],
    weights: &[&[K::Weight]; R],
) {
    for plane in (0..job.planes).rev() {
        for segment in segments {
            let at = plane * job.plane_len + segment.offset;
            accumulate(k, acc, (x, at), (weights, segment.weight), segment.len);
        }
        if plane > 0 {
            for sum in acc.as_flattened_mut() {
                *sum = k.add(*sum, *sum);
            }
        }
    }
}

/// The only pixel of a fully connected layer: the planes take the place of the pixels, so that the
/// weights, which may come from far away, are read once.
#[inline(always)]
fn vector<K: Kernel, const R: usize>(k: &K, job: &mut Job<'_, K::Element>, weights: &[K::Weight], block: usize) {
    match job.planes {
        2 => planes::<K, 2, R>(k, job, weights, block),
        3 => planes::<K, 3, R>(k, job, weights, block),
        4 => planes::<K, 4, R>(k, job, weights, block),
        8 => planes::<K, 8, R>(k, job, weights, block),
        _ => tile::<K, 1, R>(k, job, weights, block, job.pixels.start),
    }
}

/// `P` planes of the only pixel, of `R` filter blocks.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "an array's own iterator copies the array; measured")]
fn planes<K: Kernel, const P: usize, const R: usize>(
    k: &K,
    job: &mut Job<'_, K::Element>,
    weights: &[K::Weight],
    block: usize,
) {
    let pixel = job.pixels.start;
    let group = block / job.group_filters.div_ceil(BLOCK) * job.group_len;
    let base = job.origin + pixel * job.row_step + group;
    let weights = block_weights::<_, R>(weights, block, job.block_len);
    let mut sums = [k.empty(); R];
    let mut first = 0;
    for (subgroup, &end) in job.ends.iter().enumerate() {
        let segments = &job.segments[first..end];
        first = end;
        let mut acc = [[k.zero(); R]; P];
        for segment in segments {
            let mut x: [&[K::Element]; P] = [&[]; P];
            for p in 0..P {
                x[p] = &job.input[base + p * job.plane_len + segment.offset..][..segment.len];
            }
            accumulate(k, &mut acc, (&x, 0), (&weights, segment.weight), segment.len);
        }
        for r in 0..R {
            let mut total = acc[P - 1][r];
            for p in (0..P - 1).rev() {
                total = k.add(k.add(total, total), acc[p][r]);
            }
            let constant = &job.constants[(block + r) * job.ends.len() + subgroup];
            let scale = &job.scales[(block + r) * job.scale_step + subgroup];
            sums[r] = k.flush(total, constant, scale, sums[r]);
        }
    }
    let mut lanes = [Lanes([0.0; BLOCK]); R];
    for r in 0..R {
        lanes[r].0 = k.store(sums[r]);
    }
    put(job, pixel, block, &[lanes]);
}

/// The weights of `R` filter blocks from `block` on. (Loops here and below, because a closure for each element
/// may stay a call.)
#[inline(always)]
fn block_weights<W, const R: usize>(weights: &[W], block: usize, len: usize) -> [&[W]; R] {
    let mut blocks: [&[W]; R] = [&[]; R];
    for (r, weights_of) in blocks.iter_mut().enumerate() {
        *weights_of = &weights[(block + r) * len..][..len];
    }
    blocks
}

/// Where the lanes of `R` whole filter blocks from `block` on go within each pixel's outputs; `None` where the last of
/// them is narrower, or they belong to two groups.
#[inline(always)]
pub(in crate::kernels) fn place_of<E, const R: usize>(job: &Job<'_, E>, block: usize) -> Option<usize> {
    let group_blocks = job.group_filters.div_ceil(BLOCK);
    let [group, within] = [block / group_blocks, block % group_blocks * BLOCK];
    (within + R * BLOCK <= job.group_filters).then(|| group * job.group_filters + within - job.filters.start)
}

/// Writes the lanes of `P` pixels of `R` filter blocks; the last block of a group may be narrower.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "the blocks' index is counted with, and the pixels come first")]
pub(in crate::kernels) fn put<E, const P: usize, const R: usize>(
    job: &mut Job<'_, E>,
    pixel: usize,
    block: usize,
    lanes: &[[Lanes<f32>; R]; P],
) {
    let group_blocks = job.group_filters.div_ceil(BLOCK);
    let all = job.filters.len();
    for r in 0..R {
        let [group, within] = [(block + r) / group_blocks, (block + r) % group_blocks * BLOCK];
        let width = (job.group_filters - within).min(BLOCK);
        let first = group * job.group_filters + within - job.filters.start;
        for (p, lanes) in lanes.iter().enumerate() {
            let row = &mut job.output[(pixel + p - job.pixels.start) * all + first..][..width];
            match row.first_chunk_mut::<BLOCK>() {
                Some(full) => *full = lanes[r].0,
                None => row.copy_from_slice(&lanes[r].0[..width]),
            }
        }
    }
}
