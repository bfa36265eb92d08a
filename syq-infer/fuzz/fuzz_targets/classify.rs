//! See [`syq_fuzz::classify`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| syq_fuzz::classify(bytes));
