//! Memory that begins at a cache line, so that no register of a kernel is loaded from two lines or stored to two.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line.
const LINE: usize = 64;

/// Values from a cache line on, where they were not taken over from a [`Vec`]. What kernels read and write lies in
/// these: the trainer's feature maps and gradients, the engine's slots.
#[derive(Debug, Default)]
pub struct Aligned<T> {
    memory: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy + Default> Aligned<T> {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let memory = vec![T::default(); len + LINE / size_of::<T>().max(1)];
        // Where there is no such element, alignment is only worth less speed.
        let start = memory.as_ptr().align_offset(LINE).min(memory.len() - len);
        Self { memory, start, len }
    }

    /// Makes it `len` values, those that the memory holds, or zeros if it has to grow.
    pub fn resize(&mut self, len: usize) {
        if len > self.capacity() {
            *self = Self::zeros(len);
        }
        self.len = len;
    }
}

impl<T> Aligned<T> {
    /// The most values that [`Self::resize`] has room for.
    pub fn capacity(&self) -> usize {
        self.memory.len() - self.start
    }
}

impl<T: Copy + Default> Clone for Aligned<T> {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl<T: PartialEq> PartialEq for Aligned<T> {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl<T> From<Vec<T>> for Aligned<T> {
    /// The same memory, wherever it begins.
    fn from(memory: Vec<T>) -> Self {
        let len = memory.len();
        Self { memory, start: 0, len }
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.memory[self.start..][..self.len]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.memory[self.start..][..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_begin_at_a_line_and_keep_their_memory() {
        for len in [0, 1, 15, 16, 17, 100_000] {
            let mut values = Aligned::<f32>::zeros(len);
            assert_eq!((values.len(), values.as_ptr().addr() % LINE), (len, 0));
            let memory = values.as_ptr();
            values.fill(1.0);
            values.resize(len / 2);
            assert_eq!((values.len(), values.as_ptr()), (len / 2, memory));
            values.resize(len + 1000);
            assert!(values.len() == len + 1000 && values.iter().all(|value| *value == 0.0 || *value == 1.0));
            assert_eq!(values.as_ptr().addr() % LINE, 0);
        }
        assert_eq!(Aligned::<u8>::zeros(100).as_ptr().addr() % LINE, 0);
    }

    #[test]
    fn vectors_are_taken_over() {
        let vector = vec![1.0, 2.0];
        let memory = vector.as_ptr();
        let values = Aligned::from(vector);
        assert_eq!((&values[..], values.as_ptr()), (&[1.0, 2.0][..], memory));
        assert_eq!(values.clone(), values);
    }
}
