//! Watching a run of many images, and stopping it.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What a run of many images tells its caller, and what may stop it. Both are looked at between images.
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use syq_infer::{Control, Engine, SessionError, builtin};
///
/// let engine = Engine::from_bytes(builtin(), None)?;
/// let images = vec![0.5; 100 * engine.plan().input().len()];
/// let mut logits = vec![0.0; 100 * engine.plan().classes()];
/// let enough = AtomicBool::new(false);
/// let stop = |done| enough.store(done >= 7, Ordering::Relaxed);
/// let control = Control::new().progress(&stop).cancelled_by(&enough);
/// let result = engine.session(1)?.run_controlled(&images, &mut logits, &control);
/// assert!(matches!(result, Err(SessionError::Cancelled { done: 7, images: 100 })));
/// # Ok::<(), SessionError>(())
/// ```
#[derive(Clone, Copy, Default)]
pub struct Control<'a> {
    progress: Option<&'a (dyn Fn(usize) + Sync)>,
    cancelled: Option<&'a AtomicBool>,
}

impl<'a> Control<'a> {
    /// Nobody is told, and nothing stops the run.
    pub const fn new() -> Self {
        Self { progress: None, cancelled: None }
    }

    /// Calls `progress` with the number of images that are done, after each of them, from the thread that ran it.
    #[must_use]
    pub const fn progress(self, progress: &'a (dyn Fn(usize) + Sync)) -> Self {
        Self { progress: Some(progress), ..self }
    }

    /// Stops the run as soon as the flag is set: no image is begun any more.
    #[must_use]
    pub const fn cancelled_by(self, flag: &'a AtomicBool) -> Self {
        Self { cancelled: Some(flag), ..self }
    }

    pub(super) const fn watch(self) -> Watch<'a> {
        Watch { control: self, done: AtomicUsize::new(0) }
    }
}

impl fmt::Debug for Control<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let progress = self.progress.map(|_| "a callback");
        f.debug_struct("Control").field("progress", &progress).field("cancelled", &self.cancelled).finish()
    }
}

/// One run under control.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    control: Control<'a>,
    done: AtomicUsize,
}

impl Watch<'_> {
    /// Images that are done.
    pub(crate) fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// Whether no image may be begun any more.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.control.cancelled.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    /// An image is done.
    pub(crate) fn advance(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(progress) = self.control.progress {
            progress(done);
        }
    }
}
