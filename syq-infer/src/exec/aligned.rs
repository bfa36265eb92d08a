//! Memory that begins on a cache line, so that no vector of sixteen values lies on two.

/// Bytes of a cache line.
const LINE: usize = 64;

/// Elements whose first lies on a cache line.
#[derive(Clone, Debug, Default)]
pub(super) struct Aligned<T> {
    /// Longer than what is used, by less than a line.
    memory: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy + Default> Aligned<T> {
    pub(super) fn new(len: usize) -> Self {
        let spare = LINE / size_of::<T>().max(1);
        let memory = vec![T::default(); len + spare];
        let start = memory.as_ptr().align_offset(LINE).min(spare);
        Self { memory, start, len }
    }
}

impl<T> Aligned<T> {
    pub(super) fn as_slice(&self) -> &[T] {
        &self.memory[self.start..][..self.len]
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.memory[self.start..][..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_begins_on_a_line() {
        for len in [0, 1, 5, 64, 1000] {
            let mut floats: Aligned<f32> = Aligned::new(len);
            assert_eq!((floats.as_slice().len(), floats.as_slice().as_ptr().align_offset(LINE)), (len, 0));
            floats.as_mut_slice().fill(1.0);
            let bytes: Aligned<u8> = Aligned::new(len);
            assert_eq!((bytes.as_slice().len(), bytes.as_slice().as_ptr().align_offset(LINE)), (len, 0));
        }
    }
}
