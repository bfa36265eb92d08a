//! Tables of codes for the look-ups by permutation, made by permutations themselves: entry by entry the code of a channel,
//! or what stands for its absence, and the sum over four channels; of 32 channels at once by way of the sums of pairs.

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
    let (entries, pairs) = (entries_of(codebook), Pairs::of(codebook));
    let (codes, tables) = (codes.as_chunks::<BLOCK>().0, row.as_chunks_mut::<BLOCK>().0);
    if layout.format().planes() == 1 {
        let ((codes, last), (tables, last_table)) = (codes.as_chunks::<2>(), tables.as_chunks_mut::<2>());
        for (codes, tables) in codes.iter().zip(tables) {
            *tables = bytemuck::cast(pairs.sums(bytemuck::cast(*codes)));
        }
        for (codes, table) in last.iter().zip(last_table) {
            *table = bytemuck::cast(sums(bytemuck::cast(*codes), &entries));
        }
        return;
    }
    // Codes of eight bits: the tables of the low halves of a group's channels, then those of the high ones.
    let (blocks, mask) = (layout.group_channels() / BLOCK, _mm256_set1_epi8(HALF.cast_signed()));
    for (codes, tables) in codes.chunks_exact(blocks).zip(tables.chunks_exact_mut(2 * blocks)) {
        let (low, high) = tables.split_at_mut(blocks);
        let (codes, last) = codes.as_chunks::<2>();
        let ((low, last_low), (high, last_high)) = (low.as_chunks_mut::<2>(), high.as_chunks_mut::<2>());
        for ((codes, low), high) in codes.iter().zip(low).zip(high) {
            let codes: __m256i = bytemuck::cast(*codes);
            *low = bytemuck::cast(pairs.sums(_mm256_and_si256(codes, mask)));
            *high = bytemuck::cast(pairs.sums(_mm256_and_si256(_mm256_srli_epi16::<4>(codes), mask)));
        }
        let mask = _mm256_castsi256_si128(mask);
        for ((codes, low), high) in last.iter().zip(last_low).zip(last_high) {
            let codes: __m128i = bytemuck::cast(*codes);
            *low = bytemuck::cast(sums(_mm_and_si128(codes, mask), &entries));
            *high = bytemuck::cast(sums(_mm_and_si128(_mm_srli_epi16::<4>(codes), mask), &entries));
        }
    }
}

/// What makes the tables of 32 codes at once: the sums of two channels each, all sixteen pairs in a register, then those of
/// two pairs. Six permutations instead of eight.
struct Pairs {
    channels: [__m512i; 2],
    tables: [[__m512i; 2]; 2],
    negative: bool,
}

impl Pairs {
    fn of(codebook: Codebook) -> Self {
        Self {
            channels: bytemuck::cast(PAIR_ENTRIES),
            tables: bytemuck::cast(TABLE_ENTRIES),
            negative: codebook == Codebook::Binary,
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512vpopcntdq")]
    #[inline]
    fn sums(&self, codes: __m256i) -> [__m512i; 2] {
        let zeros = _mm256_setzero_si256();
        let others = if self.negative { _mm256_sub_epi8(zeros, codes) } else { zeros };
        let from = _mm512_inserti64x4::<1>(_mm512_zextsi256_si512(codes), others);
        let [first, second] = self.channels;
        let pairs = _mm512_add_epi8(_mm512_permutexvar_epi8(first, from), _mm512_permutexvar_epi8(second, from));
        let [[first, second], [third, fourth]] = self.tables;
        [
            _mm512_add_epi8(_mm512_permutexvar_epi8(first, pairs), _mm512_permutexvar_epi8(second, pairs)),
            _mm512_add_epi8(_mm512_permutexvar_epi8(third, pairs), _mm512_permutexvar_epi8(fourth, pairs)),
        ]
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

/// For each channel of a pair the bytes of 32 codes and of what stands for their absence that go to the four entries of
/// each of sixteen pairs.
const PAIR_ENTRIES: [[u8; 4 * BLOCK]; 2] = {
    let mut indices = [[0; 4 * BLOCK]; 2];
    let mut index = 0;
    while index < 2 * 4 * BLOCK {
        let (channel, pair, entry) = (index / (4 * BLOCK), index / 4 % BLOCK, index % 4);
        let code = 2 * pair + channel;
        let byte = if entry >> channel & 1 == 1 { code } else { 2 * BLOCK + code };
        indices[channel][4 * pair + entry] = byte as u8;
        index += 1;
    }
    indices
};

/// For two tables, of eight pairs each, and for each pair of four channels the entries of pairs that go to the 64 entries.
const TABLE_ENTRIES: [[[u8; 4 * BLOCK]; 2]; 2] = {
    let mut indices = [[[0; 4 * BLOCK]; 2]; 2];
    let mut index = 0;
    while index < 4 * 4 * BLOCK {
        let (table, half, four, entry) =
            (index / (8 * BLOCK), index / (4 * BLOCK) % 2, index / BLOCK % 4, index % BLOCK);
        let pair = 8 * table + 2 * four + half;
        indices[table][half][four * BLOCK + entry] = (4 * pair + (entry >> (2 * half)) % 4) as u8;
        index += 1;
    }
    indices
};
