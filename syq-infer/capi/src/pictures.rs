//! Pictures, as RGB bytes or as the bytes of a JPEG or PNG file: their tensors, and their likeliest classes.

use crate::engine::SyqEngine;
use crate::guard;
use crate::limits::SyqPictureLimits;
use crate::pointers::{self, required};
use crate::session::SyqSession;
use crate::status::{Failure, SyqStatus};
use std::mem::MaybeUninit;
use syq_infer::picture::decode;
use syq_infer::rgb::{RgbImage, RgbSizeError, RgbView};

/// One class of an answer.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SyqCandidate {
    /// The class, from 0, as `syq_engine_label` counts.
    pub index: usize,
    /// Its softmax probability, within 0 to 1. Unlike the logit it may differ in its last bits between systems.
    pub probability: f64,
    /// Its logit.
    pub logit: f32,
}

/// A picture of which C gave the size.
///
/// # Safety
/// Unless it is NULL, `rgb` points to `height · width · 3` bytes, which nobody writes during `'a`.
unsafe fn view<'a>(rgb: *const u8, height: usize, width: usize) -> Result<RgbView<'a>, Failure> {
    let bytes = height.checked_mul(width).and_then(|pixels| pixels.checked_mul(3));
    let bytes = bytes.ok_or(RgbSizeError { height, width, bytes: 0 })?;
    // SAFETY: the caller's promise.
    let pixels = unsafe { pointers::input("rgb", rgb, bytes) }?;
    Ok(RgbView::new(height, width, pixels)?)
}

/// The picture in the bytes of a file, if it is within `limits`.
///
/// # Safety
/// Unless it is NULL, `bytes` points to `len` bytes, which nobody writes during the call.
unsafe fn decoded(bytes: *const u8, len: usize, limits: Option<&SyqPictureLimits>) -> Result<RgbImage, Failure> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { pointers::input("bytes", bytes, len) }?;
    Ok(decode(bytes, &SyqPictureLimits::or_default(limits))?)
}

/// Writes the likeliest classes to `candidates`, and gives their number.
///
/// # Safety
/// Unless it is NULL, `candidates` points to room for `k` candidates, which nobody else uses during the call.
unsafe fn classify(
    session: Option<&SyqSession>,
    candidates: *mut SyqCandidate,
    k: usize,
    picture: RgbView<'_>,
) -> Result<usize, Failure> {
    // SAFETY: the caller's promise.
    let room = unsafe { pointers::output("candidates", candidates, k) }?;
    let found = required("session", session)?.with(|session| Ok(session.classify(picture, k)?))?;
    for (place, class) in room.iter_mut().zip(&found) {
        *place = SyqCandidate { index: class.index, probability: class.probability, logit: class.logit };
    }
    Ok(found.len())
}

/// Writes the tensor of a picture to `input`.
///
/// # Safety
/// Unless it is NULL, `input` points to room for `input_len` floats, which nobody else uses during the call.
unsafe fn prepare(
    engine: Option<&SyqEngine>,
    input: *mut f32,
    input_len: usize,
    picture: RgbView<'_>,
) -> Result<(), Failure> {
    // SAFETY: the caller's promise.
    let input = unsafe { pointers::output("input", input, input_len) }?;
    Ok(required("engine", engine)?.engine.prepare(picture, input)?)
}

/// The `k` likeliest classes of an RGB picture of any size, likeliest first. `rgb` has a byte a channel, as
/// `[row][column][red, green, blue]` from the top, with nothing between the rows. `candidates` has room for `k`; how many
/// were written, at most the number of classes, goes to `*written`, which is 0 on failure.
///
/// # Safety
/// `session` is a session, `rgb` points to `height * width * 3` bytes, `candidates` to room for `k` candidates, and
/// `written` to room for a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syq_session_classify_rgb(
    session: Option<&SyqSession>,
    rgb: *const u8,
    height: usize,
    width: usize,
    candidates: *mut SyqCandidate,
    k: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> SyqStatus {
    guard::status(|| {
        pointers::write("written", written, 0, || {
            // SAFETY: the caller's promise.
            let picture = unsafe { view(rgb, height, width) }?;
            // SAFETY: the caller's promise.
            unsafe { classify(session, candidates, k, picture) }
        })
    })
}

/// As `syq_session_classify_rgb`, of the picture in the `len` bytes of a JPEG or PNG file. Which of them it is follows
/// from the bytes. At most 64 million pixels are decoded: see `syq_session_classify_encoded_with`.
///
/// # Safety
/// `session` is a session, `bytes` points to `len` bytes, `candidates` to room for `k` candidates, and `written` to room
/// for a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syq_session_classify_encoded(
    session: Option<&SyqSession>,
    bytes: *const u8,
    len: usize,
    candidates: *mut SyqCandidate,
    k: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> SyqStatus {
    // SAFETY: this function asks for the same; without limits there is nothing to promise of them.
    unsafe { syq_session_classify_encoded_with(session, bytes, len, None, candidates, k, written) }
}

/// As `syq_session_classify_encoded`, within `limits` (NULL: the defaults), which are checked before anything is decoded.
///
/// # Safety
/// `session` is a session, `bytes` points to `len` bytes, `limits` to limits or nowhere, `candidates` to room for `k`
/// candidates, and `written` to room for a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syq_session_classify_encoded_with(
    session: Option<&SyqSession>,
    bytes: *const u8,
    len: usize,
    limits: Option<&SyqPictureLimits>,
    candidates: *mut SyqCandidate,
    k: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> SyqStatus {
    guard::status(|| {
        pointers::write("written", written, 0, || {
            // SAFETY: the caller's promise.
            let picture = unsafe { decoded(bytes, len, limits) }?;
            // SAFETY: the caller's promise.
            unsafe { classify(session, candidates, k, picture.view()) }
        })
    })
}

/// Prepares an RGB picture by the model's own recipe (size, crop, normalisation) for `syq_session_logits`: writes one
/// image's tensor of `input_len` floats to `input`. `rgb` is as in `syq_session_classify_rgb`. On failure what `input`
/// holds is not defined.
///
/// # Safety
/// `engine` is an engine, `rgb` points to `height * width * 3` bytes, and `input` to room for `input_len` floats.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syq_engine_prepare_rgb(
    engine: Option<&SyqEngine>,
    rgb: *const u8,
    height: usize,
    width: usize,
    input: *mut f32,
    input_len: usize,
) -> SyqStatus {
    guard::status(|| {
        // SAFETY: the caller's promise.
        let picture = unsafe { view(rgb, height, width) }?;
        // SAFETY: the caller's promise.
        unsafe { prepare(engine, input, input_len, picture) }
    })
}

/// As `syq_engine_prepare_rgb`, of the picture in the `len` bytes of a JPEG or PNG file.
///
/// # Safety
/// `engine` is an engine, `bytes` points to `len` bytes, and `input` to room for `input_len` floats.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syq_engine_prepare_encoded(
    engine: Option<&SyqEngine>,
    bytes: *const u8,
    len: usize,
    input: *mut f32,
    input_len: usize,
) -> SyqStatus {
    // SAFETY: this function asks for the same; without limits there is nothing to promise of them.
    unsafe { syq_engine_prepare_encoded_with(engine, bytes, len, None, input, input_len) }
}

/// As `syq_engine_prepare_encoded`, within `limits` (NULL: the defaults), which are checked before anything is decoded.
///
/// # Safety
/// `engine` is an engine, `bytes` points to `len` bytes, `limits` to limits or nowhere, and `input` to room for
/// `input_len` floats.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syq_engine_prepare_encoded_with(
    engine: Option<&SyqEngine>,
    bytes: *const u8,
    len: usize,
    limits: Option<&SyqPictureLimits>,
    input: *mut f32,
    input_len: usize,
) -> SyqStatus {
    guard::status(|| {
        // SAFETY: the caller's promise.
        let picture = unsafe { decoded(bytes, len, limits) }?;
        // SAFETY: the caller's promise.
        unsafe { prepare(engine, input, input_len, picture.view()) }
    })
}
