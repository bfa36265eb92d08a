//! What stands between C and everything else: failures become statuses, and no panic leaves the library or prints.

use crate::last_error;
use crate::status::{Failure, SyqStatus};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// The status of `run`.
pub(crate) fn status(run: impl FnOnce() -> Result<(), Failure>) -> SyqStatus {
    answer(run).err().unwrap_or(SyqStatus::Ok)
}

/// What `run` gives; a failure is kept as the thread's last error.
pub(crate) fn answer<T>(run: impl FnOnce() -> Result<T, Failure>) -> Result<T, SyqStatus> {
    silence_panics();
    let outer = INSIDE.replace(true);
    // What `run` has changed is the session's, which can go on after a panic, or is thrown away.
    let result = catch_unwind(AssertUnwindSafe(run));
    INSIDE.set(outer);
    let failure = match result {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(failure)) => failure,
        Err(payload) => Failure::panicked(&*payload),
    };
    last_error::set(&failure.message);
    Err(failure.status)
}

/// Keeps the library's own panics from being printed: their message becomes the last error. Those of others, where
/// this code is part of a program in Rust, are left to the hook that was there.
fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = take_hook();
        set_hook(Box::new(move |panic| {
            let own_thread = std::thread::current().name().is_some_and(|name| name.starts_with("syq-"));
            if !(own_thread || INSIDE.get()) {
                others(panic);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_and_failures_become_statuses() {
        assert_eq!(status(|| Ok(())), SyqStatus::Ok);
        assert_eq!(answer(|| Ok(7)), Ok(7));
        assert_eq!(status(|| Err(Failure::new(SyqStatus::Isa, "none"))), SyqStatus::Isa);
        assert_eq!(last_error::text(), "none");
        assert_eq!(status(|| panic!("wanted by the test")), SyqStatus::Internal);
        assert_eq!(last_error::text(), "a defect of the library: wanted by the test");
        let number = 7;
        assert_eq!(status(|| panic!("number {number}")), SyqStatus::Internal);
        assert_eq!(last_error::text(), "a defect of the library: number 7");
        // A success leaves the text.
        assert_eq!(status(|| Ok(())), SyqStatus::Ok);
        assert_eq!(last_error::text(), "a defect of the library: number 7");
    }
}
