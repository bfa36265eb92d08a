//! Memory that begins at a cache line, so that no register of a kernel is loaded from two.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line.
const LINE: usize = 64;

/// A fixed number of elements from a cache line on. What they hold may change when the value is cloned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aligned<T> {
    memory: Vec<T>,
    len: usize,
}

impl<T: Copy + Default> Aligned<T> {
    pub(super) fn new(len: usize) -> Self {
        let spare = LINE / size_of::<T>().max(1);
        Self { memory: vec![T::default(); len + spare], len }
    }
}

impl<T> Aligned<T> {
    /// The first element at a cache line; where there is none, alignment is only worth less speed.
    fn start(&self) -> usize {
        self.memory.as_ptr().align_offset(LINE).min(self.memory.len() - self.len)
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        let start = self.start();
        &self.memory[start..start + self.len]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        let start = self.start();
        &mut self.memory[start..start + self.len]
    }
}
