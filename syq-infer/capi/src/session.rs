//! Sessions: an engine with threads and memory to run it, and the logits of tensors.

use crate::engine::SyqEngine;
use crate::guard;
use crate::pointers::{self, required};
use crate::progress::{Listener, SyqProgress, refuse_inside};
use crate::status::{Failure, SyqStatus};
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::{Mutex, TryLockError};
use syq_infer::{Control, Session};

/// What runs an engine, with threads and memory of its own. A session does one thing at a time: each thread of a
/// program that classifies should have one. It is made once and used for many pictures.
#[derive(Debug)]
pub struct SyqSession(Mutex<Session>);

impl SyqSession {
    /// Runs `run` unless somebody else does.
    pub(crate) fn with<T>(&self, run: impl FnOnce(&mut Session) -> Result<T, Failure>) -> Result<T, Failure> {
        refuse_inside()?;
        let mut session = match self.0.try_lock() {
            Ok(session) => session,
            // The library's sessions can go on after a panic.
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::new(SyqStatus::Busy, "the session is in use by another call"));
            }
        };
        run(&mut session)
    }
}

/// Makes a session that runs `engine` on `threads` threads: 0 means one for each core, 1 means the calling thread
/// alone. The engine may be freed before the session. On failure `*session` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn syq_session_new(
    engine: Option<&SyqEngine>,
    threads: usize,
    session: Option<&mut MaybeUninit<Option<Box<SyqSession>>>>,
) -> SyqStatus {
    guard::status(|| {
        pointers::write("session", session, None, || {
            let session = required("engine", engine)?.engine.session(threads)?;
            Ok(Some(Box::new(SyqSession(Mutex::new(session)))))
        })
    })
}

/// Frees a session; NULL is nothing to free. No call may be using it.
#[unsafe(no_mangle)]
pub extern "C" fn syq_session_free(session: Option<Box<SyqSession>>) {
    // A status has nowhere to go.
    let _ = guard::status(|| {
        drop(session);
        Ok(())
    });
}

/// The logits of one or more images. `input` has `input_len` floats: the images' tensors one after another, each of
/// `height * width * channels` floats as `syq_engine_input_shape` says, normalised as the model expects it (see
/// `syq_engine_prepare_rgb`). So `input_len` is a multiple of that, at least one, and tells the number of images.
/// `logits` has room for `logits_len` floats, which is that number times `syq_engine_classes`; they are written image
/// by image. On failure what `logits` holds is not defined.
///
/// # Safety
/// `session` is a session, `input` points to `input_len` floats, and `logits` to room for `logits_len` others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syq_session_logits(
    session: Option<&SyqSession>,
    input: *const f32,
    input_len: usize,
    logits: *mut f32,
    logits_len: usize,
) -> SyqStatus {
    // SAFETY: this function asks for the same; without a function there is nothing to promise of it.
    unsafe { syq_session_logits_with(session, input, input_len, logits, logits_len, None, ptr::null_mut()) }
}

/// As `syq_session_logits`, watched by `progress` (NULL: by nobody), which is called after each image and may cancel the
/// run. Then the status is `SYQ_STATUS_CANCELLED`, unless all images were done by then, and the session can be used for
/// other runs. `user` is passed to `progress` as it is.
///
/// # Safety
/// As for `syq_session_logits`; and `progress` may be called with `user` on any thread until this function returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syq_session_logits_with(
    session: Option<&SyqSession>,
    input: *const f32,
    input_len: usize,
    logits: *mut f32,
    logits_len: usize,
    progress: SyqProgress,
    user: *mut c_void,
) -> SyqStatus {
    guard::status(|| {
        required("session", session)?.with(|session| {
            // SAFETY: the caller's promise.
            let input = unsafe { pointers::input("input", input, input_len) }?;
            // SAFETY: the caller's promise.
            let logits = unsafe { pointers::output("logits", logits, logits_len) }?;
            let Some(function) = progress else {
                return Ok(session.run_into(input, logits)?);
            };
            // SAFETY: the caller's promise; the listener is dropped before this function returns.
            let listener = unsafe { Listener::new(function, user, input.len() / session.plan().input().len()) };
            let tell = |_| listener.tell();
            let control = Control::new().progress(&tell).cancelled_by(listener.cancelled());
            Ok(session.run_controlled(input, logits, &control)?)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::last_error;
    use syq_infer::{Engine, builtin};

    #[test]
    fn a_session_is_refused_while_it_is_used_and_goes_on_after_a_panic() {
        let session = Engine::from_bytes(builtin(), None).unwrap().session(1).unwrap();
        let session = SyqSession(Mutex::new(session));
        let status = guard::status(|| session.with(|_| session.with(|_| Ok(()))));
        assert_eq!((status, &*last_error::text()), (SyqStatus::Busy, "the session is in use by another call"));
        let status = guard::status(|| session.with(|_| -> Result<(), Failure> { panic!("wanted by the test") }));
        assert_eq!(status, SyqStatus::Internal);
        assert_eq!(guard::answer(|| session.with(|session| Ok(session.threads()))), Ok(1));
    }

    #[test]
    fn handles_may_cross_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<SyqEngine>();
        shared::<SyqSession>();
    }
}
