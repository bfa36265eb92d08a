//! The text of the calling thread's last error.

use std::cell::RefCell;
use std::ffi::{CString, c_char};

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// The text of the last error of the calling thread, UTF-8 on one line; "" if it had none. It is for people: programs
/// should look at the status. The text stays until the next call of this library on the same thread; a call that
/// succeeds leaves it as it was.
#[unsafe(no_mangle)]
pub extern "C" fn syq_last_error() -> *const c_char {
    // A thread that is ending may have lost its text already.
    LAST.try_with(|last| last.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}

/// Keeps `message` for the calling thread.
pub(crate) fn set(message: &str) {
    // A file name in a message may hold anything; a text without NULs always is a C string.
    let line: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = CString::new(line).unwrap_or_default();
    // Where the thread is ending there is nobody to ask for the text.
    let _ = LAST.try_with(|last| last.replace(text));
}

#[cfg(test)]
pub(crate) fn text() -> String {
    LAST.with(|last| last.borrow().to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_has_its_own_line() {
        set("one\ntwo\0three");
        assert_eq!(text(), "one two three");
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(text(), ""));
        });
        set("");
        assert_eq!(text(), "");
    }
}
