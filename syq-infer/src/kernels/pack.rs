//! Weights from `[filter][position][channel]` into `[block][position][element][16]`.
//!
//! Filter after filter, so that the reads are in memory order; a block's sixteen lanes stay in the
//! cache meanwhile.

use super::layout::{BLOCK, Lanes, Selectors, selector_byte};
use super::packed::PackedConv;

/// Words whose bit c is set where the weight of channel c is −1.
pub(super) fn binary(layer: &PackedConv, codes: &[i8]) -> Vec<Lanes<u32>> {
    fill(layer, codes, Lanes([0; BLOCK]), |word, lane, channels| word.0[lane] = signs(channels)[1])
}

/// Words of the +1 weights and of the −1 weights.
pub(super) fn ternary(layer: &PackedConv, codes: &[i8]) -> Vec<[Lanes<u32>; 2]> {
    fill(layer, codes, [Lanes([0; BLOCK]); 2], |words, lane, channels| {
        let [plus, minus] = signs(channels);
        words[0].0[lane] = plus;
        words[1].0[lane] = minus;
    })
}

/// Four codes an element, as bytes in memory order.
pub(super) fn bytes(layer: &PackedConv, codes: &[i8]) -> Vec<Lanes<u32>> {
    fill(layer, codes, Lanes([0; BLOCK]), |word, lane, channels| {
        let mut bytes = [0i8; 4];
        bytes.iter_mut().zip(channels).for_each(|(byte, code)| *byte = *code);
        word.0[lane] = bytemuck::cast(bytes);
    })
}

/// Two codes an element, as 16-bit integers in memory order.
pub(super) fn pairs(layer: &PackedConv, codes: &[i8]) -> Vec<Lanes<u32>> {
    fill(layer, codes, Lanes([0; BLOCK]), |word, lane, channels| {
        let mut pair = [0i16; 2];
        pair.iter_mut().zip(channels).for_each(|(wide, code)| *wide = i16::from(*code));
        word.0[lane] = bytemuck::cast(pair);
    })
}

/// One weight an element.
pub(super) fn floats(layer: &PackedConv, weights: &[f32]) -> Vec<Lanes<f32>> {
    fill(layer, weights, Lanes([0.0; BLOCK]), |element, lane, channels| element.0[lane] = channels[0])
}

/// Which of four codes each filter adds.
pub(super) fn additions(layer: &PackedConv, codes: &[i8]) -> Vec<Selectors> {
    select(layer, codes, Selectors([0; 2 * BLOCK]), |selectors, byte, code, bit| {
        selectors.0[byte] |= u8::from(code > 0) << bit;
    })
}

/// Which of four codes each filter adds, and which it subtracts.
pub(super) fn additions_and_subtractions(layer: &PackedConv, codes: &[i8]) -> Vec<[Selectors; 2]> {
    select(layer, codes, [Selectors([0; 2 * BLOCK]); 2], |[add, subtract], byte, code, bit| {
        add.0[byte] |= u8::from(code > 0) << bit;
        subtract.0[byte] |= u8::from(code < 0) << bit;
    })
}

/// Which of sixteen codes each filter adds.
pub(super) fn sixteen_additions(layer: &PackedConv, codes: &[i8]) -> Vec<Lanes<u32>> {
    fill_sixteens(layer, codes, Lanes([0; BLOCK]), |word, lane, channels| word.0[lane] = indices(signs(channels)[0]))
}

/// Which of sixteen codes each filter adds, and which it subtracts.
pub(super) fn sixteen_additions_and_subtractions(layer: &PackedConv, codes: &[i8]) -> Vec<[Lanes<u32>; 2]> {
    fill_sixteens(layer, codes, [Lanes([0; BLOCK]); 2], |words, lane, channels| {
        let [plus, minus] = signs(channels);
        words[0].0[lane] = indices(plus);
        words[1].0[lane] = indices(minus);
    })
}

/// The bytes that find four tables' entries among 64: byte j is 16·j and four bits.
const fn indices(bits: u32) -> u32 {
    let spread = bits & 0xf | (bits & 0xf0) << 4 | (bits & 0xf00) << 8 | (bits & 0xf000) << 12;
    u32::from_le_bytes([0x00, 0x10, 0x20, 0x30]) | spread
}

/// `[block of 32 filters][position][four channels]`; calls `put` with the byte of the filter, the code and its
/// bit.
fn select<W: Copy>(layer: &PackedConv, codes: &[i8], zero: W, put: impl Fn(&mut W, usize, i8, usize)) -> Vec<W> {
    let (positions, fours) = (layer.geometry.positions(), layer.layout.plane_len() / 4);
    let channels = layer.geometry.group_channels();
    let group_filters = layer.geometry.group_filters();
    let group_blocks = group_filters.div_ceil(2 * BLOCK);
    let block_len = positions * fours;
    let mut packed = vec![zero; layer.geometry.groups * group_blocks * block_len];
    for (filter, codes) in codes.chunks_exact(positions * channels).enumerate() {
        let (group, within) = (filter / group_filters, filter % group_filters);
        let block = group * group_blocks + within / (2 * BLOCK);
        let byte = selector_byte(within % (2 * BLOCK));
        let positions = packed[block * block_len..][..block_len].chunks_exact_mut(fours);
        for (fours, codes) in positions.zip(codes.chunks_exact(channels)) {
            for (four, codes) in fours.iter_mut().zip(codes.chunks(4)) {
                codes.iter().enumerate().for_each(|(bit, code)| put(four, byte, *code, bit));
            }
        }
    }
    packed
}

/// popcnt(x ^ n) and popcnt(x ? p : n) exceed Σ q·u by popcnt(n) in each of the planes, which weigh
/// 2^k − 1 together.
pub(super) fn constants(layer: &PackedConv, codes: &[i8], largest: u8) -> Vec<Lanes<i32>> {
    let (subgroups, filter_len) = (layer.ends.len(), layer.geometry.filter_len());
    let mut constants = vec![Lanes([0; BLOCK]); layer.blocks() * subgroups];
    for (block, constants) in constants.chunks_exact_mut(subgroups).enumerate() {
        for (lane, filter) in layer.filters(block..block + 1).enumerate() {
            let runs = codes[filter * filter_len..][..filter_len].chunks_exact(filter_len / subgroups);
            for (constant, run) in constants.iter_mut().zip(runs) {
                let minus: i32 = run.iter().map(|code| i32::from(*code < 0)).sum();
                // The packing has checked that the product is below 2^24.
                constant.0[lane] = -minus * i32::from(largest);
            }
        }
    }
    constants
}

/// What the sums of each filter exceed Σ q·(u − zero) by, negated: −zero · Σ q, the padding included,
/// whose bytes are the zero point.
pub(super) fn zero_point_sums(layer: &PackedConv, codes: &[i8]) -> Vec<i32> {
    let zero = i32::from(layer.layout.zero());
    let filters = codes.chunks_exact(layer.geometry.filter_len().max(1));
    // The packing has checked that the product is below 2^31.
    filters.map(|codes| -zero * codes.iter().map(|code| i32::from(*code)).sum::<i32>()).collect()
}

/// One value a filter, `[block][16]`; `filling` in the lanes beyond a group's filters.
pub(super) fn filter_lanes<T: Copy>(layer: &PackedConv, values: &[T], filling: T) -> Vec<Lanes<T>> {
    let lanes = |block| {
        let mut lanes = Lanes([filling; BLOCK]);
        let values = &values[layer.filters(block..block + 1)];
        lanes.0[..values.len()].copy_from_slice(values);
        lanes
    };
    (0..layer.blocks()).map(lanes).collect()
}

/// As [`fill`] with all elements of the layout.
fn fill<T, W: Copy>(layer: &PackedConv, weights: &[T], zero: W, put: impl Fn(&mut W, usize, &[T])) -> Vec<W> {
    fill_steps(layer, weights, [layer.layout.plane_len(), layer.layout.format().channels()], zero, put)
}

/// As [`fill_steps`] with a register of tables a step.
fn fill_sixteens<W: Copy>(layer: &PackedConv, codes: &[i8], zero: W, put: impl Fn(&mut W, usize, &[i8])) -> Vec<W> {
    fill_steps(layer, codes, [layer.layout.plane_len() / BLOCK, BLOCK], zero, put)
}

/// Calls `put` with each step of a plane, a lane of it and the `step` channels that go there.
fn fill_steps<T, W: Copy>(
    layer: &PackedConv,
    weights: &[T],
    [plane_len, step]: [usize; 2],
    zero: W,
    put: impl Fn(&mut W, usize, &[T]),
) -> Vec<W> {
    let positions = layer.geometry.positions();
    let channels = layer.geometry.group_channels();
    let mut packed = vec![zero; layer.blocks() * positions * plane_len];
    for (block, packed) in packed.chunks_exact_mut(positions * plane_len).enumerate() {
        for (lane, filter) in layer.filters(block..block + 1).enumerate() {
            let rows = weights[filter * positions * channels..][..positions * channels].chunks_exact(channels);
            for (elements, row) in packed.chunks_exact_mut(plane_len).zip(rows) {
                for (element, channels) in elements.iter_mut().zip(row.chunks(step)) {
                    put(element, lane, channels);
                }
            }
        }
    }
    packed
}

/// Which of up to 32 codes are +1 and which are −1, the first in the lowest bit.
fn signs(codes: &[i8]) -> [u32; 2] {
    let mut filled = [0i8; 32];
    match codes.first_chunk::<32>() {
        Some(full) => filled = *full,
        None => filled[..codes.len()].copy_from_slice(codes),
    }
    let mut signs = [0u32; 2];
    for (byte, codes) in bytemuck::cast::<_, [[u8; 8]; 4]>(filled).into_iter().enumerate() {
        // −1 is 0xff, +1 is 0x01. The product moves bit 8·i to 56 + i; no two terms meet.
        let codes = u64::from_le_bytes(codes);
        let ones = 0x0101_0101_0101_0101;
        let minus = (codes >> 7) & ones;
        let plus = codes & !minus & ones;
        for (sign, bits) in signs.iter_mut().zip([plus, minus]) {
            *sign |= ((bits.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32) << (8 * byte);
        }
    }
    signs
}

#[cfg(test)]
mod tests {
    use super::signs;

    #[test]
    fn signs_find_every_place() {
        for len in 1..=32 {
            let codes: Vec<i8> = (0..len).map(|i| [1, 0, -1, -1, 1][i * i % 5]).collect();
            let bits = |wanted: i8| (0..len).filter(|i| codes[*i] == wanted).fold(0u32, |word, i| word | 1 << i);
            assert_eq!(signs(&codes), [bits(1), bits(-1)], "{codes:?}");
        }
    }
}
