//! Look-ups with AVX2: one byte shuffle for 32 filters.

use crate::kernels::generic::lookup::LookupOps;
use crate::kernels::layout::{BLOCK, Selectors};
use std::arch::x86_64::*;

/// The operations, made of closures that inherit the features of [`ops`].
struct Ops<Table, LookUp, Fold, Quadruple, Double, Difference, Flush> {
    table: Table,
    look_up: LookUp,
    fold: Fold,
    quadruple: Quadruple,
    double: Double,
    difference: Difference,
    flush: Flush,
    zero: __m256i,
    empty: __m256,
}

type Words = [__m256i; 2];
type Sums = [__m256; 4];

/// The operations of [`LookupOps`].
#[target_feature(enable = "avx2,fma")]
pub(in crate::kernels) fn ops() -> impl LookupOps {
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
        quadruple: |words: Words| [_mm256_slli_epi16::<2>(words[0]), _mm256_slli_epi16::<2>(words[1])],
        double: |words: Words| [_mm256_add_epi16(words[0], words[0]), _mm256_add_epi16(words[1], words[1])],
        difference: |a: Words, b: Words| {
            let middle = _mm256_set1_epi16(i16::MIN);
            let difference = |a, b| _mm256_add_epi16(_mm256_sub_epi16(a, b), middle);
            [difference(a[0], b[0]), difference(a[1], b[1])]
        },
        flush: |words: Words, less: u32, scale: f32, sums: Sums| {
            // With 0x4b00 in its upper half a 16-bit number is the float 2^23 + n, and 2^23 + less is
            // exact too: the difference is the integer, without a conversion.
            let magic = _mm256_set1_epi16(0x4b00);
            let less = _mm256_castsi256_ps(_mm256_set1_epi32(less.wrapping_add(0x4b00_0000).cast_signed()));
            let scale = _mm256_set1_ps(scale);
            let add = |wide: __m256i, sum| _mm256_fmadd_ps(scale, _mm256_sub_ps(_mm256_castsi256_ps(wide), less), sum);
            [
                add(_mm256_unpacklo_epi16(words[0], magic), sums[0]),
                add(_mm256_unpackhi_epi16(words[0], magic), sums[1]),
                add(_mm256_unpacklo_epi16(words[1], magic), sums[2]),
                add(_mm256_unpackhi_epi16(words[1], magic), sums[3]),
            ]
        },
        zero: _mm256_setzero_si256(),
        empty: _mm256_setzero_ps(),
    }
}

impl<
    Table: Fn(&[u8; 16]) -> __m256i,
    LookUp: Fn(__m256i, __m256i, &Selectors) -> __m256i,
    Fold: Fn(Words, __m256i) -> Words,
    Quadruple: Fn(Words) -> Words,
    Double: Fn(Words) -> Words,
    Difference: Fn(Words, Words) -> Words,
    Flush: Fn(Words, u32, f32, Sums) -> Sums,
> LookupOps for Ops<Table, LookUp, Fold, Quadruple, Double, Difference, Flush>
{
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
    fn quadruple(&self, words: Words) -> Words {
        (self.quadruple)(words)
    }
    #[inline(always)]
    fn double(&self, words: Words) -> Words {
        (self.double)(words)
    }
    #[inline(always)]
    fn difference(&self, a: Words, b: Words) -> Words {
        (self.difference)(a, b)
    }
    #[inline(always)]
    fn flush(&self, words: Words, less: u32, scale: f32, sums: Sums) -> Sums {
        (self.flush)(words, less, scale, sums)
    }
    #[inline(always)]
    fn store(&self, sums: Sums) -> [[f32; BLOCK]; 2] {
        bytemuck::cast(sums)
    }
}
