//! Recycled f32 buffers: a step of one shape allocates nothing after the first.

use std::collections::HashMap;
use syq_pack::Aligned;

/// Buffers by length.
#[derive(Debug, Default)]
pub struct Buffers {
    free: HashMap<usize, Vec<Aligned<f32>>>,
}

impl Buffers {
    /// No buffers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A buffer of `len` values, left as its last user left them.
    pub fn take(&mut self, len: usize) -> Aligned<f32> {
        self.free.get_mut(&len).and_then(Vec::pop).unwrap_or_else(|| Aligned::zeros(len))
    }

    /// Gives a buffer back.
    pub fn recycle(&mut self, buffer: Aligned<f32>) {
        if !buffer.is_empty() {
            self.free.entry(buffer.len()).or_default().push(buffer);
        }
    }
}
