//! The function that watches a run of many images and may cancel it.

use crate::status::{Failure, SyqStatus};
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

/// Is told that `done` of `total` images are done, and answers 0 to go on or anything else to cancel: then no image is
/// begun any more, and the function is not called again. The calls of a run come one at a time, with `done` counting
/// from 1, but from whichever thread ran the image. The function must return (no longjmp, no exception), and it cannot
/// run sessions: those calls give `SYQ_STATUS_BUSY`.
pub type SyqProgress = Option<unsafe extern "C" fn(done: usize, total: usize, user: *mut c_void) -> c_int>;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Refuses a run that a progress function asks for. Another session's threads might wait for this one, which might
/// meanwhile take up an image of the run that is being watched, and wait for its own progress function for ever.
pub(crate) fn refuse_inside() -> Result<(), Failure> {
    match INSIDE.get() {
        true => Err(Failure::new(SyqStatus::Busy, "a progress function cannot run a session")),
        false => Ok(()),
    }
}

/// A progress function during one run.
pub(crate) struct Listener {
    function: unsafe extern "C" fn(usize, usize, *mut c_void) -> c_int,
    /// Never changes; an atomic pointer is one that threads may share.
    user: AtomicPtr<c_void>,
    total: usize,
    /// Images that the function was told of.
    done: Mutex<usize>,
    cancelled: AtomicBool,
}

impl Listener {
    /// # Safety
    /// `function` may be called with `user` from any thread as long as the listener lives.
    pub(crate) unsafe fn new(
        function: unsafe extern "C" fn(usize, usize, *mut c_void) -> c_int,
        user: *mut c_void,
        total: usize,
    ) -> Self {
        let (user, done, cancelled) = (AtomicPtr::new(user), Mutex::new(0), AtomicBool::new(false));
        Self { function, user, total, done, cancelled }
    }

    /// The flag that stops the run.
    pub(crate) fn cancelled(&self) -> &AtomicBool {
        &self.cancelled
    }

    /// Another image is done.
    pub(crate) fn tell(&self) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if self.cancelled.load(Ordering::Relaxed) {
            return;
        }
        *done += 1;
        let user = self.user.load(Ordering::Relaxed);
        INSIDE.set(true);
        // SAFETY: what whoever made the listener promised.
        let answer = unsafe { (self.function)(*done, self.total, user) };
        INSIDE.set(false);
        self.cancelled.store(answer != 0, Ordering::Relaxed);
    }
}
