//! Feature maps as blocks of sixteen values, and channel factors repeated to match them.

/// The shortest stretch of whole blocks and whole pixels, at least four blocks long so that
/// successive sums of one channel do not wait for each other.
pub(super) fn period(channels: usize) -> usize {
    let mut period = channels.max(1);
    while !period.is_multiple_of(64) {
        period += channels.max(1);
    }
    period
}

/// One value a channel, repeated over a [`period`].
pub(super) fn repeated(values: &[f32]) -> Vec<f32> {
    values.iter().copied().cycle().take(period(values.len())).collect()
}

/// The block at `start`; zeros where the slice ends.
#[inline(always)]
pub(super) fn load(values: &[f32], start: usize) -> [f32; 16] {
    let rest = &values[start..];
    match rest.first_chunk::<16>() {
        Some(block) => *block,
        None => {
            let mut block = [0.0; 16];
            block[..rest.len()].copy_from_slice(rest);
            block
        }
    }
}

/// Writes the block at `start`, as far as the slice goes.
#[inline(always)]
pub(super) fn store(values: &mut [f32], start: usize, block: [f32; 16]) {
    let rest = &mut values[start..];
    match rest.first_chunk_mut::<16>() {
        Some(to) => *to = block,
        None => {
            let len = rest.len();
            rest.copy_from_slice(&block[..len]);
        }
    }
}

/// Adds to two blocks of sums.
#[inline(always)]
pub(super) fn add(sums: &mut [f32], start: usize, block: [f32; 16]) {
    let mut sum = load(sums, start);
    for i in 0..16 {
        sum[i] += block[i];
    }
    store(sums, start, sum);
}

/// Adds the repetitions of each channel.
pub(super) fn fold(sums: &[f32], channels: &mut [f32]) {
    channels.fill(0.0);
    for repetition in sums.chunks_exact(channels.len()) {
        for (channel, sum) in channels.iter_mut().zip(repetition) {
            *channel += sum;
        }
    }
}
