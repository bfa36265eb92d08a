//! Recycled f32 buffers: a step of one shape allocates nothing after the first.

use std::collections::HashMap;

/// Buffers by length.
#[derive(Debug, Default)]
pub struct Buffers {
    free: HashMap<usize, Vec<Vec<f32>>>,
}

impl Buffers {
    /// No buffers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A buffer of `len` values, left as its last user left them.
    pub fn take(&mut self, len: usize) -> Vec<f32> {
        self.free.get_mut(&len).and_then(Vec::pop).unwrap_or_else(|| vec![0.0; len])
    }

    /// Gives a buffer back.
    pub fn recycle(&mut self, buffer: Vec<f32>) {
        if !buffer.is_empty() {
            self.free.entry(buffer.len()).or_default().push(buffer);
        }
    }
}
