//! Weights from `[filter][position][channel]` into `[block][position][element][16]`.
//!
//! A block's filters are turned by squares: sixteen elements of each filter are read in memory order into
//! a tile that stays in the first-level cache, and leave it side by side, in the order of the packed
//! weights, which are thus written once.

use super::codes::{Codes, Ranges};
use super::layout::{BLOCK, Lanes, Selectors, selector_byte};
use super::packed::PackedConv;
use std::array;
use syq_core::Codebook;

/// Words whose bit c is set where the weight of channel c is −1.
pub(super) fn binary(layer: &PackedConv, codes: Codes<'_>) -> Vec<Lanes<u32>> {
    match codes.words(Codebook::Binary, layer.geometry.group_channels()) {
        Some(words) => fill_by(32, layer, &words, |[word]: &[u32; 1]| *word, |words| Lanes(*words)),
        None => fill(layer, &codes, |channels: &[i8; 32]| signs(channels)[1], |words| Lanes(*words)),
    }
}

/// Words of the +1 weights and of the −1 weights.
pub(super) fn ternary(layer: &PackedConv, codes: Codes<'_>) -> Vec<[Lanes<u32>; 2]> {
    let join = |words: &[[u32; 2]; BLOCK]| {
        let mut lanes = [Lanes([0; BLOCK]); 2];
        for (lane, [plus, minus]) in words.iter().enumerate() {
            lanes[0].0[lane] = *plus;
            lanes[1].0[lane] = *minus;
        }
        lanes
    };
    match codes.words(Codebook::Ternary, layer.geometry.group_channels()) {
        Some(words) => fill_by(32, layer, &words.as_chunks().0, |[pair]: &[[u32; 2]; 1]| halves(*pair), join),
        None => fill(layer, &codes, signs, join),
    }
}

/// Four codes an element, as bytes in memory order.
pub(super) fn bytes(layer: &PackedConv, codes: Codes<'_>) -> Vec<Lanes<u32>> {
    fill(layer, &codes, |channels: &[i8; 4]| bytemuck::cast(*channels), |words| Lanes(*words))
}

/// Two codes an element, as 16-bit integers in memory order.
pub(super) fn pairs(layer: &PackedConv, codes: Codes<'_>) -> Vec<Lanes<u32>> {
    fill(layer, &codes, |channels: &[i8; 2]| bytemuck::cast(channels.map(i16::from)), |words| Lanes(*words))
}

/// One weight an element.
pub(super) fn floats(layer: &PackedConv, weights: &[f32]) -> Vec<Lanes<f32>> {
    fill(layer, &weights, |channels: &[f32; 1]| channels[0], |words| Lanes(*words))
}

/// Which of four codes each filter adds.
pub(super) fn additions(layer: &PackedConv, codes: Codes<'_>) -> Vec<Selectors> {
    fill(
        layer,
        &codes,
        |channels| nibbles(channels)[0],
        |filters: &[u8; 2 * BLOCK]| selectors(|filter| filters[filter]),
    )
}

/// Which of four codes each filter adds, and which it subtracts.
pub(super) fn additions_and_subtractions(layer: &PackedConv, codes: Codes<'_>) -> Vec<[Selectors; 2]> {
    fill(layer, &codes, nibbles, |filters: &[[u8; 2]; 2 * BLOCK]| {
        [0, 1].map(|sign| selectors(|filter| filters[filter][sign]))
    })
}

/// Which of sixteen codes each filter adds.
pub(super) fn sixteen_additions(layer: &PackedConv, codes: Codes<'_>) -> Vec<Lanes<u32>> {
    fill(layer, &codes, |channels| indices(channels)[0], |words| Lanes(*words))
}

/// Which of sixteen codes each filter adds, and which it subtracts.
pub(super) fn sixteen_additions_and_subtractions(layer: &PackedConv, codes: Codes<'_>) -> Vec<[Lanes<u32>; 2]> {
    fill(layer, &codes, indices, |words: &[[u32; 2]; BLOCK]| [0, 1].map(|sign| Lanes(words.map(|pair| pair[sign]))))
}

/// The bytes that find the entries of four tables among 64, of the +1 and of the −1 weights: byte j is 16·j and
/// the bits of four j.
fn indices(channels: &[i8; 16]) -> [u32; 2] {
    let mut bytes = [[0u8; 4]; 2];
    for (four, channels) in channels.as_chunks().0.iter().enumerate() {
        for (bytes, bits) in bytes.iter_mut().zip(nibbles(channels)) {
            bytes[four] = (16 * four) as u8 | bits;
        }
    }
    bytes.map(u32::from_le_bytes)
}

fn selectors(of_filter: impl Fn(usize) -> u8) -> Selectors {
    let mut selectors = Selectors([0; 2 * BLOCK]);
    (0..2 * BLOCK).for_each(|filter| selectors.0[selector_byte(filter)] = of_filter(filter));
    selectors
}

/// popcnt(x ^ n) and popcnt(x ? p : n) exceed Σ q·u by popcnt(n) in each of the planes, which weigh
/// 2^k − 1 together. `minus` takes n from the packed words.
pub(super) fn constants<W>(
    layer: &PackedConv,
    words: &[W],
    minus: impl Fn(&W) -> &Lanes<u32>,
    largest: u8,
) -> Vec<Lanes<i32>> {
    let run = (layer.block_len() / layer.ends.len()).max(1);
    let of_run = |words: &[W]| {
        let mut ones = [0u32; BLOCK];
        for word in words {
            ones.iter_mut().zip(minus(word).0).for_each(|(ones, word)| *ones += word.count_ones());
        }
        // The packing has checked that the product is below 2^24.
        Lanes(ones.map(|ones| -ones.cast_signed() * i32::from(largest)))
    };
    words.chunks_exact(run).map(of_run).collect()
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

/// Elements of each filter that are turned at a time: a cache line of words.
const TILE: usize = 16;

/// [`fill_by`] one.
fn fill<const LANES: usize, const STEP: usize, T: Copy + Default, U: Copy + Default, W>(
    layer: &PackedConv,
    weights: &impl Ranges<T>,
    element: impl Fn(&[T; STEP]) -> U,
    join: impl Fn(&[U; LANES]) -> W,
) -> Vec<W> {
    fill_by(1, layer, weights, element, join)
}

/// `[block of LANES filters][position][STEP items]`, where an item is `unit` channels: `element` makes an
/// element of a filter from its items, `join` puts those of all filters of a block side by side. What fills
/// up the items of a position is zero, and so are the elements of filters that fill up a block.
fn fill_by<const LANES: usize, const STEP: usize, T: Copy + Default, U: Copy + Default, W>(
    unit: usize,
    layer: &PackedConv,
    weights: &impl Ranges<T>,
    element: impl Fn(&[T; STEP]) -> U,
    join: impl Fn(&[U; LANES]) -> W,
) -> Vec<W> {
    let geometry = &layer.geometry;
    let (filter_len, group_filters) = (geometry.filter_len() / unit, geometry.group_filters());
    let position_len = geometry.group_channels() / unit;
    // Where no position needs filling up, a filter is one long position.
    let channels = if position_len.is_multiple_of(STEP) { filter_len } else { position_len };
    let elements = geometry.positions() * position_len.div_ceil(STEP);
    let mut packed = Vec::with_capacity(geometry.groups * group_filters.div_ceil(LANES) * elements);
    let mut scratch = Vec::new();
    for group in 0..geometry.groups {
        for within in (0..group_filters).step_by(LANES) {
            let first = group * group_filters + within;
            let last = first + LANES.min(group_filters - within);
            let filters = weights.range(first * filter_len..last * filter_len, &mut scratch);
            let mut tile = [[U::default(); TILE]; LANES];
            for position in (0..filter_len).step_by(channels) {
                for start in (0..channels).step_by(TILE * STEP) {
                    let end = channels.min(start + TILE * STEP);
                    for (lane, filter) in tile.iter_mut().zip(filters.chunks_exact(filter_len)) {
                        let (whole, rest) = filter[position..][start..end].as_chunks::<STEP>();
                        lane.iter_mut().zip(whole).for_each(|(place, channels)| *place = element(channels));
                        if !rest.is_empty() {
                            let mut filled = [T::default(); STEP];
                            filled[..rest.len()].copy_from_slice(rest);
                            lane[whole.len()] = element(&filled);
                        }
                    }
                    let of_filters = |index: usize| array::from_fn(|lane| tile[lane][index]);
                    packed.extend((0..(end - start).div_ceil(STEP)).map(|index| join(&of_filters(index))));
                }
            }
        }
    }
    packed
}

/// The even bits of 32 ternary codes, which are +1, and the odd ones, which are −1.
fn halves([low, high]: [u32; 2]) -> [u32; 2] {
    let bits = u64::from(low) | u64::from(high) << 32;
    [bits, bits >> 1].map(|bits| {
        let bits = bits & 0x5555_5555_5555_5555;
        let bits = (bits | bits >> 1) & 0x3333_3333_3333_3333;
        let bits = (bits | bits >> 2) & 0x0f0f_0f0f_0f0f_0f0f;
        let bits = (bits | bits >> 4) & 0x00ff_00ff_00ff_00ff;
        let bits = (bits | bits >> 8) & 0x0000_ffff_0000_ffff;
        (bits | bits >> 16) as u32
    })
}

/// Where eight codes are +1 and where −1: a byte of the value 1 each.
const fn ones(codes: u64) -> [u64; 2] {
    // −1 is 0xff, +1 is 0x01.
    let ones = 0x0101_0101_0101_0101;
    let minus = (codes >> 7) & ones;
    [codes & !minus & ones, minus]
}

/// Which of 32 codes are +1 and which are −1, the first in the lowest bit.
fn signs(codes: &[i8; 32]) -> [u32; 2] {
    let mut signs = [0u32; 2];
    for (byte, codes) in bytemuck::cast::<_, [[u8; 8]; 4]>(*codes).into_iter().enumerate() {
        // The product moves bit 8·i to 56 + i; no two terms meet.
        for (sign, bits) in signs.iter_mut().zip(ones(u64::from_le_bytes(codes))) {
            *sign |= ((bits.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32) << (8 * byte);
        }
    }
    signs
}

/// Which of four codes are +1 and which are −1, the first in the lowest bit.
fn nibbles(codes: &[i8; 4]) -> [u8; 2] {
    // The product moves bit 8·i to 24 + i; no two terms meet.
    let codes = u32::from_le_bytes(bytemuck::cast(*codes));
    ones(u64::from(codes)).map(|bits| ((bits as u32).wrapping_mul(0x0102_0408) >> 24) as u8)
}

#[cfg(test)]
mod tests {
    use super::{halves, nibbles, signs};
    use syq_core::Codebook;
    use syq_pack::PackedCodes;

    #[test]
    fn signs_find_every_place() {
        for shift in 0..5 {
            let codes: [i8; 32] = std::array::from_fn(|i| [1, 0, -1, -1, 1][(i + shift) * i % 5]);
            let bits = |wanted: i8| (0..32).filter(|i| codes[*i] == wanted).fold(0u32, |word, i| word | 1 << i);
            assert_eq!(signs(&codes), [bits(1), bits(-1)], "{codes:?}");
            let packed = PackedCodes::pack(Codebook::Ternary, &codes).unwrap();
            assert_eq!(halves(packed.words().try_into().unwrap()), signs(&codes), "{codes:?}");
            for four in codes.as_chunks::<4>().0 {
                let bits = |wanted: i8| (0..4).filter(|i| four[*i] == wanted).fold(0u8, |word, i| word | 1 << i);
                assert_eq!(nibbles(four), [bits(1), bits(-1)], "{four:?}");
            }
        }
    }
}
