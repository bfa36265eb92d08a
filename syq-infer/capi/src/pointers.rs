//! From what C passes to references, slices and strings: the only place where a pointer is believed.

use crate::status::{Failure, SyqStatus};
use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::path::Path;
use std::slice;

/// A place for a handle or a value, which the caller need not have initialised.
pub(crate) type Out<'a, T> = Option<&'a mut MaybeUninit<T>>;

/// What must be there.
pub(crate) fn required<T>(name: &str, pointer: Option<T>) -> Result<T, Failure> {
    pointer.ok_or_else(|| null(name))
}

/// Writes what `make` gives to the place `name`; `nothing`, if it fails.
pub(crate) fn write<T>(
    name: &str,
    place: Out<'_, T>,
    nothing: T,
    make: impl FnOnce() -> Result<T, Failure>,
) -> Result<(), Failure> {
    let place = required(name, place)?;
    // Before `make`, which may panic: the caller never sees the place as it was.
    place.write(nothing);
    place.write(make()?);
    Ok(())
}

/// The `len` elements at `pointer`, which may be NULL if there are none.
///
/// # Safety
/// Unless it is NULL, `pointer` points to `len` initialised elements, which nobody writes during `'a`.
pub(crate) unsafe fn input<'a, T: Copy>(name: &str, pointer: *const T, len: usize) -> Result<&'a [T], Failure> {
    if len == 0 {
        return Ok(&[]);
    }
    check(name, pointer, len)?;
    // SAFETY: not NULL, aligned, and no larger than an object can be; the rest is the caller's promise.
    Ok(unsafe { slice::from_raw_parts(pointer, len) })
}

/// Room for `len` elements at `pointer`, which may be NULL if there are none. It is filled with the type's default
/// first, as C need not have initialised it.
///
/// # Safety
/// Unless it is NULL, `pointer` points to room for `len` elements, which nobody else uses during `'a`.
pub(crate) unsafe fn output<'a, T: Copy + Default>(
    name: &str,
    pointer: *mut T,
    len: usize,
) -> Result<&'a mut [T], Failure> {
    if len == 0 {
        return Ok(&mut []);
    }
    check(name, pointer, len)?;
    // SAFETY: not NULL, aligned, and no larger than an object can be; the rest is the caller's promise. Elements that
    // may be uninitialised need no more.
    let room = unsafe { slice::from_raw_parts_mut(pointer.cast::<MaybeUninit<T>>(), len) };
    room.fill(MaybeUninit::new(T::default()));
    // SAFETY: as before, and each element has just been initialised; `room` is not used any more.
    Ok(unsafe { slice::from_raw_parts_mut(pointer, len) })
}

/// The string at `pointer`; `None` if it is NULL.
///
/// # Safety
/// Unless it is NULL, `pointer` points to bytes that end with a NUL, which nobody writes during `'a`.
pub(crate) unsafe fn text<'a>(pointer: *const c_char) -> Option<&'a CStr> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: not NULL; the rest is the caller's promise.
    Some(unsafe { CStr::from_ptr(pointer) })
}

/// A path as the system has it: bytes.
#[cfg(unix)]
pub(crate) fn path(text: &CStr) -> Result<&Path, Failure> {
    use std::os::unix::ffi::OsStrExt;
    Ok(Path::new(std::ffi::OsStr::from_bytes(text.to_bytes())))
}

/// A path in UTF-8, where the system's are not bytes.
#[cfg(not(unix))]
pub(crate) fn path(text: &CStr) -> Result<&Path, Failure> {
    utf8_path(text)
}

#[cfg(any(not(unix), test))]
fn utf8_path(text: &CStr) -> Result<&Path, Failure> {
    let path = text.to_str().map_err(|error| Failure::new(SyqStatus::Path, format!("the path: {error}")))?;
    Ok(Path::new(path))
}

fn null(name: &str) -> Failure {
    Failure::new(SyqStatus::Pointer, format!("{name} is NULL"))
}

fn check<T>(name: &str, pointer: *const T, len: usize) -> Result<(), Failure> {
    if pointer.is_null() {
        return Err(null(name));
    }
    if !pointer.is_aligned() {
        return Err(Failure::new(SyqStatus::Pointer, format!("{name} is not aligned for its elements")));
    }
    if len.checked_mul(size_of::<T>()).is_none_or(|bytes| bytes > isize::MAX as usize) {
        return Err(Failure::new(SyqStatus::Length, format!("{name} cannot have {len} elements")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;

    #[test]
    fn impossible_arrays_are_refused() {
        let value = 1.0_f32;
        let fails = |pointer, len| check("x", pointer, len).unwrap_err();
        assert_eq!(check("x", &raw const value, 1), Ok(()));
        assert_eq!(fails(ptr::null(), 1), Failure::new(SyqStatus::Pointer, "x is NULL"));
        assert_eq!(fails((&raw const value).wrapping_byte_add(1), 1).status, SyqStatus::Pointer);
        assert_eq!(fails(&raw const value, isize::MAX as usize / 4 + 1).status, SyqStatus::Length);
        assert_eq!(fails(&raw const value, usize::MAX).status, SyqStatus::Length);
    }

    #[test]
    fn without_a_place_nothing_is_made() {
        let made = |place: Out<'_, i32>| {
            let mut calls = 0;
            let result = write("x", place, 0, || {
                calls += 1;
                Ok(1)
            });
            (result.map_err(|failure| failure.message), calls)
        };
        assert_eq!(made(None), (Err("x is NULL".to_owned()), 0));
        assert_eq!(made(Some(&mut MaybeUninit::uninit())), (Ok(()), 1));
    }

    #[test]
    fn paths_in_utf8_are_checked() {
        assert_eq!(utf8_path(c"a/b"), Ok(Path::new("a/b")));
        assert_eq!(utf8_path(c"\xFF").unwrap_err().status, SyqStatus::Path);
        assert_eq!(path(c"a/b"), Ok(Path::new("a/b")));
    }
}
