//! Packing and unpacking are inverse to each other, and each sequence of codes has one packed form.

use proptest::prelude::*;
use syq_core::Codebook;
use syq_pack::PackedCodes;

fn codes(codebook: Codebook) -> impl Strategy<Value = Vec<i8>> {
    let code = match codebook {
        Codebook::Binary => prop_oneof![Just(-1i8), Just(1)].boxed(),
        Codebook::Ternary => (-1i8..=1).boxed(),
    };
    prop::collection::vec(code, 0..200)
}

proptest! {
    #[test]
    fn unpack_undoes_pack(binary in codes(Codebook::Binary), ternary in codes(Codebook::Ternary)) {
        for (codebook, codes) in [(Codebook::Binary, binary), (Codebook::Ternary, ternary)] {
            let packed = PackedCodes::pack(codebook, &codes).unwrap();
            prop_assert_eq!(packed.len(), codes.len());
            prop_assert_eq!(packed.words().len(), (codes.len() * codebook.bits() as usize).div_ceil(32));
            prop_assert_eq!(packed.unpack(), codes);
            let again = PackedCodes::from_words(codebook, packed.len(), packed.words().to_vec()).unwrap();
            prop_assert_eq!(again, packed);
        }
    }

    /// Whatever words are taken are the words that packing their codes gives.
    #[test]
    fn accepted_words_are_canonical(len in 0usize..100, words in prop::collection::vec(any::<u32>(), 0..8)) {
        for codebook in Codebook::ALL {
            if let Ok(packed) = PackedCodes::from_words(codebook, len, words.clone()) {
                prop_assert_eq!(PackedCodes::pack(codebook, &packed.unpack()).unwrap(), packed);
            }
        }
    }

    /// Words without reserved codes and with a clear tail are taken.
    #[test]
    fn good_words_are_taken(len in 1usize..100, fill in any::<u32>()) {
        let ternary = fill & !(fill >> 1 & 0x5555_5555);
        for (codebook, word) in [(Codebook::Binary, fill), (Codebook::Ternary, ternary)] {
            let mut words = vec![word; PackedCodes::words_for(codebook, len)];
            let used = len * codebook.bits() as usize % 32;
            if used != 0 {
                let last = words.len() - 1;
                words[last] &= (1 << used) - 1;
            }
            prop_assert!(PackedCodes::from_words(codebook, len, words).is_ok());
        }
    }
}
