//! Look-ups with AVX2: one byte shuffle for 32 filters.

use crate::kernels::generic::lookup::{LookupOps, binary_lookups, ternary_lookups};
use crate::kernels::generic::tile::Job;
use crate::kernels::layout::{BLOCK, Selectors};
use std::arch::x86_64::*;

/// The operations, made of closures that inherit the features of [`ops`].
struct Ops<Table, LookUp, Fold, FoldDifference, Double, Exact, AddScaled> {
    table: Table,
    look_up: LookUp,
    fold: Fold,
    fold_difference: FoldDifference,
    double: Double,
    exact: Exact,
    add_scaled: AddScaled,
    zero: __m256i,
    middle: __m256i,
    empty: __m256,
}

type Words = [__m256i; 2];
type Sums = [__m256; 4];

/// Look-ups with binary weights. Not inlined: AVX-512 shares the code.
#[inline(never)]
#[target_feature(enable = "avx2,fma")]
pub(in crate::kernels) fn binary(job: &mut Job<'_, u32>, weights: &[Selectors]) {
    binary_lookups(&ops(), job, weights);
}

/// Look-ups with ternary weights.
#[inline(never)]
#[target_feature(enable = "avx2,fma")]
pub(in crate::kernels) fn ternary(job: &mut Job<'_, u32>, weights: &[[Selectors; 2]]) {
    ternary_lookups(&ops(), job, weights);
}

/// The operations of [`LookupOps`].
#[target_feature(enable = "avx2,fma")]
fn ops() -> impl LookupOps {
    Ops {
        table: |table: &[u8; 16]| _mm256_broadcastsi128_si256(bytemuck::cast(*table)),
        look_up: |sums, table, selectors: &Selectors| {
            _mm256_add_epi8(sums, _mm256_shuffle_epi8(table, bytemuck::cast(selectors.0)))
        },
        // Widening in the halves of the register: see `selector_byte`.
        fold: |words: Words, bytes| {
            let zero = _mm256_setzero_si256();
            [
                _mm256_add_epi16(words[0], _mm256_unpacklo_epi8(bytes, zero)),
                _mm256_add_epi16(words[1], _mm256_unpackhi_epi8(bytes, zero)),
            ]
        },
        fold_difference: |words: Words, [plus, minus]: [__m256i; 2]| {
            // Unsigned times signed: plus · 1 + minus · −1.
            let signs = _mm256_set1_epi16(i16::from_le_bytes([1, 0xff]));
            let [low, high] = [_mm256_unpacklo_epi8(plus, minus), _mm256_unpackhi_epi8(plus, minus)];
            [
                _mm256_add_epi16(words[0], _mm256_maddubs_epi16(low, signs)),
                _mm256_add_epi16(words[1], _mm256_maddubs_epi16(high, signs)),
            ]
        },
        double: |words: Words| [_mm256_add_epi16(words[0], words[0]), _mm256_add_epi16(words[1], words[1])],
        exact: |words: Words, less: u32| {
            // With 0x4b00 in its upper half a 16-bit number is the float 2^23 + n, and 2^23 + less is
            // exact too: the difference is the integer, without a conversion.
            let magic = _mm256_set1_epi16(0x4b00);
            let less = _mm256_castsi256_ps(_mm256_set1_epi32(less.wrapping_add(0x4b00_0000).cast_signed()));
            let exact = |wide: __m256i| _mm256_sub_ps(_mm256_castsi256_ps(wide), less);
            [
                exact(_mm256_unpacklo_epi16(words[0], magic)),
                exact(_mm256_unpackhi_epi16(words[0], magic)),
                exact(_mm256_unpacklo_epi16(words[1], magic)),
                exact(_mm256_unpackhi_epi16(words[1], magic)),
            ]
        },
        add_scaled: |sums: Sums, scale: f32, exact: Sums| {
            let scale = _mm256_set1_ps(scale);
            [
                _mm256_fmadd_ps(scale, exact[0], sums[0]),
                _mm256_fmadd_ps(scale, exact[1], sums[1]),
                _mm256_fmadd_ps(scale, exact[2], sums[2]),
                _mm256_fmadd_ps(scale, exact[3], sums[3]),
            ]
        },
        zero: _mm256_setzero_si256(),
        middle: _mm256_set1_epi16(i16::MIN),
        empty: _mm256_setzero_ps(),
    }
}

impl<
    Table: Fn(&[u8; 16]) -> __m256i,
    LookUp: Fn(__m256i, __m256i, &Selectors) -> __m256i,
    Fold: Fn(Words, __m256i) -> Words,
    FoldDifference: Fn(Words, [__m256i; 2]) -> Words,
    Double: Fn(Words) -> Words,
    Exact: Fn(Words, u32) -> Sums,
    AddScaled: Fn(Sums, f32, Sums) -> Sums,
> LookupOps for Ops<Table, LookUp, Fold, FoldDifference, Double, Exact, AddScaled>
{
    /// Twelve sums, a table and the weights fill the registers.
    const PIXELS: usize = 6;
    type Table = __m256i;
    type Bytes = __m256i;
    type Words = Words;
    type Sums = Sums;

    #[inline(always)]
    fn bytes(&self) -> __m256i {
        self.zero
    }
    #[inline(always)]
    fn words(&self) -> Words {
        [self.zero; 2]
    }
    #[inline(always)]
    fn empty(&self) -> Sums {
        [self.empty; 4]
    }
    #[inline(always)]
    fn table(&self, table: &[u8; 16]) -> __m256i {
        (self.table)(table)
    }
    #[inline(always)]
    fn look_up(&self, sums: __m256i, table: __m256i, selectors: &Selectors) -> __m256i {
        (self.look_up)(sums, table, selectors)
    }
    #[inline(always)]
    fn fold(&self, words: Words, bytes: __m256i) -> Words {
        (self.fold)(words, bytes)
    }
    #[inline(always)]
    fn double(&self, words: Words) -> Words {
        (self.double)(words)
    }
    #[inline(always)]
    fn fold_difference(&self, words: Words, bytes: [__m256i; 2]) -> Words {
        (self.fold_difference)(words, bytes)
    }
    #[inline(always)]
    fn middle(&self) -> Words {
        [self.middle; 2]
    }
    #[inline(always)]
    fn exact(&self, words: Words, less: u32) -> Sums {
        (self.exact)(words, less)
    }
    #[inline(always)]
    fn add_scaled(&self, sums: Sums, scale: f32, exact: Sums) -> Sums {
        (self.add_scaled)(sums, scale, exact)
    }
    #[inline(always)]
    fn store(&self, sums: Sums) -> [[f32; BLOCK]; 2] {
        bytemuck::cast(sums)
    }
}

/// For each of four channels the shuffle that gives its code to the entries of a table that add it: first of one
/// four, then of the next. Bit 7 of an index gives 0.
const ENTRIES: [[u8; 2 * BLOCK]; 4] = entries();

const fn entries() -> [[u8; 2 * BLOCK]; 4] {
    let mut indices = [[0x80; 2 * BLOCK]; 4];
    let mut index = 0;
    while index < 4 * 2 * BLOCK {
        let (channel, four, entry) = (index / (2 * BLOCK), index / BLOCK % 2, index % BLOCK);
        if entry >> channel & 1 == 1 {
            indices[channel][four * BLOCK + entry] = (4 * four + channel) as u8;
        }
        index += 1;
    }
    indices
}

/// The tables of sixteen halves of codes, and their sum.
#[target_feature(enable = "avx2")]
pub(in crate::kernels) fn tables(codes: &[u8; BLOCK]) -> ([[u8; 16]; 4], u32) {
    let codes: __m128i = bytemuck::cast(*codes);
    let two = |both| {
        let of_channel = |channel: usize| _mm256_shuffle_epi8(both, bytemuck::cast(ENTRIES[channel]));
        _mm256_add_epi8(_mm256_add_epi8(of_channel(0), of_channel(1)), _mm256_add_epi8(of_channel(2), of_channel(3)))
    };
    let both = _mm256_broadcastsi128_si256(codes);
    let sums = _mm_sad_epu8(codes, _mm_setzero_si128());
    let sum = _mm_cvtsi128_si32(sums).cast_unsigned() + _mm_extract_epi32::<2>(sums).cast_unsigned();
    (bytemuck::cast([two(both), two(_mm256_srli_si256::<8>(both))]), sum)
}
