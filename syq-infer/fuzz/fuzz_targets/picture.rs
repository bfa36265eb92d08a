//! See [`syq_fuzz::picture`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| syq_fuzz::picture(bytes));
