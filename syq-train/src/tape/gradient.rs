//! The gradient of a value while its consumers contribute.

use super::Context;

/// Sum of the contributions so far.
#[derive(Debug, PartialEq)]
pub enum Gradient {
    /// Nobody asks for it: the value is the picture.
    Unwanted,
    /// No contribution yet.
    Zero,
    /// The sum.
    Sum(Vec<f32>),
}

impl Gradient {
    /// Whether anybody asks for it.
    pub fn is_wanted(&self) -> bool {
        *self != Self::Unwanted
    }

    /// Adds a contribution, which becomes the sum where it is the first.
    pub fn add(&mut self, cx: &mut Context<'_>, contribution: Vec<f32>) {
        match self {
            Self::Unwanted => cx.buffers.recycle(contribution),
            Self::Zero => *self = Self::Sum(contribution),
            Self::Sum(sum) => {
                let len = sum.len().div_ceil(cx.batch.max(1)).max(1);
                cx.workers.chunks(sum, len, |index, chunk| {
                    for (a, b) in chunk.iter_mut().zip(&contribution[index * len..]) {
                        *a += b;
                    }
                });
                cx.buffers.recycle(contribution);
            }
        }
    }
}
