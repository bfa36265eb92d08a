//! See [`syq_fuzz::plan`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| syq_fuzz::plan(bytes));
