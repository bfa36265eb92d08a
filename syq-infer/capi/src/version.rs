//! The version of the library.

use std::ffi::{CStr, c_char};

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => panic!("cargo's version has a NUL"),
};

/// The version of the library, such as "0.1.0". The string lives as long as the program.
#[unsafe(no_mangle)]
pub extern "C" fn syq_version() -> *const c_char {
    VERSION.as_ptr()
}
