//! Feature maps as blocks of sixteen values, and channel factors repeated to match them.
//!
//! A loop over blocks handles the rest behind it: a store that may be short inside the loop becomes a call.

/// Sixteen values.
pub(in crate::kernels) type Block = [f32; 16];

/// The shortest stretch of whole blocks and whole pixels, in blocks; at least four, so that
/// successive sums of one channel do not wait for each other.
pub(in crate::kernels) fn period(channels: usize) -> usize {
    let mut period = channels.max(1);
    while !period.is_multiple_of(64) {
        period += channels.max(1);
    }
    period / 16
}

/// One value a channel, repeated over a [`period`].
pub(super) fn repeated(values: &[f32]) -> Vec<Block> {
    let mut blocks = vec![[0.0; 16]; period(values.len())];
    blocks.as_flattened_mut().iter_mut().zip(values.iter().cycle()).for_each(|(to, value)| *to = *value);
    blocks
}

/// The block after block `at` of a period.
#[inline(always)]
pub(in crate::kernels) fn next(at: usize, period: usize) -> usize {
    if at + 1 == period { 0 } else { at + 1 }
}

/// Fewer than sixteen values and zeros.
#[inline(always)]
pub(in crate::kernels) fn padded(rest: &[f32]) -> Block {
    let mut block = [0.0; 16];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// sum += block.
#[inline(always)]
pub(in crate::kernels) fn add(sum: &mut Block, block: &Block) {
    for i in 0..16 {
        sum[i] += block[i];
    }
}

/// Adds the repetitions of each channel.
pub(in crate::kernels) fn fold(sums: &[Block], channels: &mut [f32]) {
    channels.fill(0.0);
    for repetition in sums.as_flattened().chunks_exact(channels.len().max(1)) {
        for (channel, sum) in channels.iter_mut().zip(repetition) {
            *channel += sum;
        }
    }
}
