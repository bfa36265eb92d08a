//! The C interface of the SYQ inference engine: `libsyq.so`, `libsyq.a` and `include/syq.h`, for programs in C and in
//! whatever calls C. How they are built and linked, with a first program, is in the package's `README.md`.
//!
//! The header is generated from this crate's documentation by `cargo xtask header`, and a test of `xtask` compares the
//! two. Its comments therefore are written for whoever reads C: names as in C, no links.
//!
//! # Ownership
//!
//! Whoever creates a handle frees it, once: [`engine::SyqEngine`] by [`engine::syq_engine_free`],
//! [`session::SyqSession`] by [`session::syq_session_free`], in either order, because a session keeps a reference of
//! its own to the compiled model. Strings belong to the library and are never freed by the caller. Buffers belong to
//! the caller, and the library keeps none of them beyond the call.
//!
//! # Threads
//!
//! An engine is immutable: any thread may use it at any time. A session does one thing at a time: a second call on it
//! from elsewhere is refused with [`status::SyqStatus::Busy`] rather than left undefined. The last error is the calling
//! thread's own.
//!
//! # What C can break, and what it cannot
//!
//! Functions that take only handles and single values are safe functions here: their pointers are `Option<&T>` and
//! `Option<Box<T>>`, which Rust promises to be C pointers that may be null. Whoever passes an array, a string or a
//! function promises what stands under *Safety*; turning these into slices is done in `pointers` alone. A null pointer
//! is a status and not a crash. A panic, which would be a defect of the library, is caught, kept from printing, and
//! reported as [`status::SyqStatus::Internal`].
//!
//! # Dependencies
//!
//! `syq-infer` and `syq-pack` are this workspace's own. The tests also use `serde_json`, which reads where cargo put
//! the libraries.

pub mod engine;
mod guard;
pub mod last_error;
pub mod limits;
pub mod pictures;
mod pointers;
pub mod progress;
pub mod session;
pub mod status;
pub mod version;
