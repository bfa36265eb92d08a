//! See [`syq_fuzz::model`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| syq_fuzz::model(bytes));
