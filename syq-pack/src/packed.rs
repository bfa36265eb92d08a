//! Weight codes packed to 1 or 2 bits, as they stand in the model file.
//!
//! A flat bit stream over a layer's codes in `[filter][kernel row][kernel column][channel]` order,
//! cut into 32-bit words, the first code in the least significant bits. Binary: one bit, 0 = +1 and
//! 1 = −1. Ternary: two bits, 00 = 0, 01 = +1, 10 = −1; 11 is reserved. Unused bits of the last word
//! are zero, so that each sequence of codes has exactly one form.

use syq_core::Codebook;
use thiserror::Error;

/// Words that are not the packed form of any codes, or codes that have none.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PackError {
    /// A code that the codebook does not have.
    #[error("weight {index} has code {code}, which the {codebook} codebook does not have")]
    Code {
        /// Index of the weight.
        index: usize,
        /// The code.
        code: i8,
        /// Name of the codebook.
        codebook: &'static str,
    },
    /// The bit pattern 11 in ternary words.
    #[error("weight {index} has the reserved ternary code 3")]
    Reserved {
        /// Index of the first such weight.
        index: usize,
    },
    /// Too few or too many words.
    #[error("{len} weights of the {codebook} codebook need {expected} words, found {found}")]
    Words {
        /// Number of weights.
        len: usize,
        /// Name of the codebook.
        codebook: &'static str,
        /// Words found.
        found: usize,
        /// Words needed.
        expected: usize,
    },
    /// Bits set behind the last weight.
    #[error("the last word {word:#010x} has bits set behind the last of {len} weights")]
    Tail {
        /// The word.
        word: u32,
        /// Number of weights.
        len: usize,
    },
}

/// The codes of one layer, packed; canonical by construction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedCodes {
    codebook: Codebook,
    len: usize,
    words: Vec<u32>,
}

impl PackedCodes {
    /// Packs codes −1, 0 and +1.
    ///
    /// # Errors
    /// A code that the codebook does not have.
    pub fn pack(codebook: Codebook, codes: &[i8]) -> Result<Self, PackError> {
        if let Some(index) = codes.iter().position(|code| !codebook.contains(*code)) {
            return Err(PackError::Code { index, code: codes[index], codebook: codebook.name() });
        }
        let bits = codebook.bits();
        let words = codes
            .chunks(per_word(codebook))
            .map(|chunk| chunk.iter().rev().fold(0u32, |word, code| (word << bits) | pattern(codebook, *code)));
        Ok(Self { codebook, len: codes.len(), words: words.collect() })
    }

    /// Takes words that are packed already.
    ///
    /// # Errors
    /// A wrong number of words, a reserved code, or bits behind the last weight.
    pub fn from_words(codebook: Codebook, len: usize, words: Vec<u32>) -> Result<Self, PackError> {
        let (found, expected) = (words.len(), Self::words_for(codebook, len));
        if found != expected {
            return Err(PackError::Words { len, codebook: codebook.name(), found, expected });
        }
        if codebook == Codebook::Ternary {
            let reserved = |word: u32| word & (word >> 1) & 0x5555_5555;
            // Without an early end the check is vectorised; only bad words are searched.
            if words.iter().fold(0, |found, word| found | reserved(*word)) != 0 {
                let index = words.iter().position(|word| reserved(*word) != 0).unwrap_or_default();
                let within = reserved(words[index]).trailing_zeros() as usize / 2;
                return Err(PackError::Reserved { index: index * per_word(codebook) + within });
            }
        }
        let used = (len % per_word(codebook)) as u32 * codebook.bits();
        match words.last() {
            Some(&word) if used != 0 && word >> used != 0 => Err(PackError::Tail { word, len }),
            _ => Ok(Self { codebook, len, words }),
        }
    }

    /// Words that `len` weights take.
    pub const fn words_for(codebook: Codebook, len: usize) -> usize {
        len.div_ceil(per_word(codebook))
    }

    /// The codebook.
    pub const fn codebook(&self) -> Codebook {
        self.codebook
    }

    /// Number of weights.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no weights.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The packed words.
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// The codes −1, 0 and +1 in order.
    pub fn iter(&self) -> impl Iterator<Item = i8> + '_ {
        let (codebook, bits) = (self.codebook, self.codebook.bits());
        let of_word = move |word: u32| (0..per_word(codebook) as u32).map(move |i| code(codebook, word >> (i * bits)));
        self.words.iter().flat_map(move |word| of_word(*word)).take(self.len)
    }

    /// The codes −1, 0 and +1, unpacked.
    pub fn unpack(&self) -> Vec<i8> {
        let mut codes = vec![0; self.len];
        self.unpack_from(0, &mut codes);
        codes
    }

    /// Unpacks the codes from the one with index `first` on into `codes`, as many as fit. What lies
    /// beyond the last weight is left alone.
    pub fn unpack_from(&self, first: usize, codes: &mut [i8]) {
        let per_word = per_word(self.codebook);
        let len = codes.len().min(self.len.saturating_sub(first));
        // Up to the next word.
        let head = len.min((per_word - first % per_word) % per_word);
        let (head, rest) = codes[..len].split_at_mut(head);
        let one = |index: usize| {
            let within = (index % per_word) as u32 * self.codebook.bits();
            code(self.codebook, self.words[index / per_word] >> within)
        };
        head.iter_mut().enumerate().for_each(|(i, code)| *code = one(first + i));
        let start = first + head.len();
        let words = self.words.get(start / per_word..).unwrap_or_default();
        let tail = match self.codebook {
            Codebook::Binary => unpack_words(words, &BINARY_BYTES, rest),
            Codebook::Ternary => unpack_words(words, &TERNARY_BYTES, rest),
        };
        let tail_start = first + len - tail.len();
        tail.iter_mut().enumerate().for_each(|(i, code)| *code = one(tail_start + i));
    }
}

/// Unpacks whole words, a byte at a time, and returns what is left of `codes`: less than a word's.
fn unpack_words<'a, const N: usize>(words: &[u32], bytes: &[[i8; N]; 256], codes: &'a mut [i8]) -> &'a mut [i8] {
    let (chunks, _) = codes.as_chunks_mut::<N>();
    let (chunks, _) = chunks.as_chunks_mut::<4>();
    let len = chunks.len() * 4 * N;
    for (word, chunks) in words.iter().zip(chunks) {
        *chunks = word.to_le_bytes().map(|byte| bytes[usize::from(byte)]);
    }
    &mut codes[len..]
}

/// The codes in each byte of binary words.
static BINARY_BYTES: [[i8; 8]; 256] = codes_of_bytes(Codebook::Binary);

/// The codes in each byte of ternary words.
static TERNARY_BYTES: [[i8; 4]; 256] = codes_of_bytes(Codebook::Ternary);

const fn codes_of_bytes<const N: usize>(codebook: Codebook) -> [[i8; N]; 256] {
    let mut bytes = [[0; N]; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut i = 0;
        while i < N {
            bytes[byte][i] = code(codebook, (byte as u32) >> (i as u32 * codebook.bits()));
            i += 1;
        }
        byte += 1;
    }
    bytes
}

/// Weights in a word: 32 or 16. No weight straddles two words.
const fn per_word(codebook: Codebook) -> usize {
    (u32::BITS / codebook.bits()) as usize
}

fn pattern(codebook: Codebook, code: i8) -> u32 {
    match codebook {
        Codebook::Binary => u32::from(code < 0),
        Codebook::Ternary => u32::from(code > 0) | u32::from(code < 0) << 1,
    }
}

const fn code(codebook: Codebook, bits: u32) -> i8 {
    match codebook {
        Codebook::Binary => 1 - 2 * (bits & 1) as i8,
        Codebook::Ternary => (bits & 1) as i8 - (bits >> 1 & 1) as i8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_are_the_documented_ones() {
        let binary = PackedCodes::pack(Codebook::Binary, &[1, -1, 1, 1, -1]).unwrap();
        assert_eq!(binary.words(), [0b10010]);
        let ternary = PackedCodes::pack(Codebook::Ternary, &[0, 1, -1, 1]).unwrap();
        assert_eq!(ternary.words(), [0b01_10_01_00]);
        let long: Vec<i8> = (0..17).map(|i| if i == 16 { -1 } else { 0 }).collect();
        assert_eq!(PackedCodes::pack(Codebook::Ternary, &long).unwrap().words(), [0, 2]);
    }

    #[test]
    fn any_range_can_be_unpacked() {
        for codebook in [Codebook::Binary, Codebook::Ternary] {
            let codes: Vec<i8> = (0..203).map(|i| [1, -1, 0, 1, -1, -1, 0][i * i % 7]).collect();
            let codes: Vec<i8> = codes.into_iter().map(|code| if codebook.contains(code) { code } else { 1 }).collect();
            let packed = PackedCodes::pack(codebook, &codes).unwrap();
            assert_eq!((packed.unpack(), packed.iter().collect::<Vec<_>>()), (codes.clone(), codes.clone()));
            for (first, len) in [(0, 64), (1, 2), (3, 70), (16, 187), (31, 172), (200, 3), (203, 0)] {
                let mut range = vec![9; len];
                packed.unpack_from(first, &mut range);
                assert_eq!(range, codes[first..first + len], "{first} {len}");
            }
            let mut beyond = [9; 4];
            packed.unpack_from(201, &mut beyond);
            packed.unpack_from(usize::MAX, &mut beyond[2..]);
            assert_eq!(beyond, [codes[201], codes[202], 9, 9]);
        }
    }

    #[test]
    fn what_is_not_canonical_is_refused() {
        let from = PackedCodes::from_words;
        assert_eq!(from(Codebook::Ternary, 18, vec![0, 0b1101]), Err(PackError::Reserved { index: 17 }));
        assert_eq!(from(Codebook::Ternary, 17, vec![0, 0b0101]), Err(PackError::Tail { word: 5, len: 17 }));
        assert_eq!(from(Codebook::Binary, 31, vec![1 << 31]), Err(PackError::Tail { word: 1 << 31, len: 31 }));
        assert!(from(Codebook::Binary, 32, vec![1 << 31]).is_ok());
        for words in [vec![], vec![0, 0]] {
            assert!(matches!(from(Codebook::Binary, 32, words), Err(PackError::Words { expected: 1, .. })));
        }
        assert_eq!(
            PackedCodes::pack(Codebook::Binary, &[1, 0]),
            Err(PackError::Code { index: 1, code: 0, codebook: "binary" })
        );
        assert!(PackedCodes::pack(Codebook::Ternary, &[2]).is_err());
    }
}
