//! Tables of codes for the look-ups by permutation, made by permutations themselves: entry by entry the code of a channel,
//! or what stands for its absence, and the sum over four channels.

use crate::kernels::choose::HALF;
use crate::kernels::layout::{BLOCK, InputFormat, InputLayout};
use std::arch::x86_64::*;
use syq_core::Codebook;

/// Whether [`place`] can make a layout's tables: of whole registers.
pub(super) fn places(layout: &InputLayout) -> bool {
    matches!(layout.format(), InputFormat::WideTables(..)) && layout.group_channels().is_multiple_of(BLOCK)
}

/// The tables of the codes of whole pixels, in their layout.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
pub(super) fn place(codes: &[u8], layout: &InputLayout, row: &mut [u32]) {
    let InputFormat::WideTables(_, codebook) = layout.format() else { return };
    let entries = entries_of(codebook);
    let (codes, tables) = (codes.as_chunks::<BLOCK>().0, row.as_chunks_mut::<BLOCK>().0);
    if layout.format().planes() == 1 {
        for (codes, table) in codes.iter().zip(tables) {
            *table = bytemuck::cast(sums(bytemuck::cast(*codes), &entries));
        }
        return;
    }
    // Codes of eight bits: the tables of the low halves of a group's channels, then those of the high ones.
    let (blocks, mask) = (layout.group_channels() / BLOCK, _mm_set1_epi8(HALF.cast_signed()));
    for (codes, tables) in codes.chunks_exact(blocks).zip(tables.chunks_exact_mut(2 * blocks)) {
        let (low, high) = tables.split_at_mut(blocks);
        for ((codes, low), high) in codes.iter().zip(low).zip(high) {
            let codes: __m128i = bytemuck::cast(*codes);
            *low = bytemuck::cast(sums(_mm_and_si128(codes, mask), &entries));
            *high = bytemuck::cast(sums(_mm_and_si128(_mm_srli_epi16::<4>(codes), mask), &entries));
        }
    }
}

/// The tables of sixteen halves of codes for weights of a codebook.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
pub(super) fn tables(codes: &[u8; BLOCK], codebook: Codebook) -> [[u8; 16]; 4] {
    bytemuck::cast(sums(bytemuck::cast(*codes), &entries_of(codebook)))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
#[inline]
fn sums(codes: __m128i, entries: &[__m512i; 4]) -> __m512i {
    let negatives = _mm_sub_epi8(_mm_setzero_si128(), codes);
    // The codes, their negatives, and zeros.
    let from = _mm512_inserti32x4::<1>(_mm512_zextsi128_si512(codes), negatives);
    let first = _mm512_add_epi8(_mm512_permutexvar_epi8(entries[0], from), _mm512_permutexvar_epi8(entries[1], from));
    let second = _mm512_add_epi8(_mm512_permutexvar_epi8(entries[2], from), _mm512_permutexvar_epi8(entries[3], from));
    _mm512_add_epi8(first, second)
}

fn entries_of(codebook: Codebook) -> [__m512i; 4] {
    bytemuck::cast(if codebook == Codebook::Binary { SIGNED_ENTRIES } else { ENTRIES })
}

/// For each of four channels the bytes of sixteen codes and of their negatives that go to the 64 entries: the code
/// where its bit is set, elsewhere the negative.
const SIGNED_ENTRIES: [[u8; 4 * BLOCK]; 4] = entries(BLOCK as u8);

/// The same with zeros, which lie there, in place of the negatives.
const ENTRIES: [[u8; 4 * BLOCK]; 4] = entries(2 * BLOCK as u8);

const fn entries(others: u8) -> [[u8; 4 * BLOCK]; 4] {
    let mut indices = [[0; 4 * BLOCK]; 4];
    let mut index = 0;
    while index < 4 * 4 * BLOCK {
        let (channel, four, entry) = (index / (4 * BLOCK), index / BLOCK % 4, index % BLOCK);
        let code = (4 * four + channel) as u8;
        indices[channel][four * BLOCK + entry] = if entry >> channel & 1 == 1 { code } else { others + code };
        index += 1;
    }
    indices
}
