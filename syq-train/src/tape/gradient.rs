//! The gradient of a value while its consumers contribute.

use super::Context;
use crate::kernels::BatchNormGradient;
use std::sync::Arc;
use syq_pack::Aligned;

/// Sum of the contributions so far.
#[derive(Debug, PartialEq)]
pub enum Gradient {
    /// Nobody asks for it: the value is the picture.
    Unwanted,
    /// No contribution yet.
    Zero,
    /// The sum.
    Sum(Upstream),
}

/// A sum of contributions, and what is known of it beside the values.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// The values; a residual add gives the same ones to both sides.
    values: Arc<Aligned<f32>>,
    /// The first backward pass of the batch norm that made the value, where the value's consumer did it:
    /// the values are masked by its ReLU, and these are Σ dy and Σ dy·z of each channel.
    pub measured: Option<[Vec<f64>; 2]>,
    /// The last backward pass of the batch norm that reads the value, which is left to the layer that
    /// made the value v: the gradient is a·values + b·v + c.
    pub pending: Option<BatchNormGradient>,
}

impl From<Aligned<f32>> for Upstream {
    fn from(values: Aligned<f32>) -> Self {
        Arc::new(values).into()
    }
}

impl From<Arc<Aligned<f32>>> for Upstream {
    fn from(values: Arc<Aligned<f32>>) -> Self {
        Self { values, measured: None, pending: None }
    }
}

impl Upstream {
    /// The values; of a pending gradient those that its factors belong to.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// With the sums of the batch norm that made the value.
    pub fn measured(self, measured: Option<[Vec<f64>; 2]>) -> Self {
        Self { measured, ..self }
    }

    /// With what is left to the layer that made the value.
    pub fn pending(self, factors: BatchNormGradient) -> Self {
        Self { pending: Some(factors), ..self }
    }

    /// The values, which may have other readers.
    pub fn share(self) -> Arc<Aligned<f32>> {
        self.values
    }

    /// The values to write on: a copy if they have other readers.
    pub fn into_values(self, cx: &mut Context<'_>) -> Aligned<f32> {
        Arc::try_unwrap(self.values).unwrap_or_else(|shared| {
            let mut copy = cx.buffers.take(shared.len());
            copy.copy_from_slice(&shared);
            copy
        })
    }

    /// Gives the values' buffer back, unless somebody else reads it.
    pub fn recycle(self, cx: &mut Context<'_>) {
        if let Some(values) = Arc::into_inner(self.values) {
            cx.buffers.recycle(values);
        }
    }
}

impl Gradient {
    /// Whether anybody asks for it.
    pub fn is_wanted(&self) -> bool {
        *self != Self::Unwanted
    }

    /// Adds a contribution, which becomes the sum where it is the first. (A pending one is always the
    /// only one: its value has no other reader.)
    pub fn add(&mut self, cx: &mut Context<'_>, contribution: impl Into<Upstream>) {
        let contribution = contribution.into();
        *self = match std::mem::replace(self, Self::Unwanted) {
            Self::Unwanted => {
                contribution.recycle(cx);
                Self::Unwanted
            }
            Self::Zero => Self::Sum(contribution),
            Self::Sum(sum) => {
                let mut sum = sum.into_values(cx);
                let len = sum.len().div_ceil(cx.batch.max(1)).max(1);
                cx.workers.chunks(&mut sum, len, |index, chunk| {
                    for (a, b) in chunk.iter_mut().zip(&contribution.values[index * len..]) {
                        *a += b;
                    }
                });
                contribution.recycle(cx);
                Self::Sum(sum.into())
            }
        };
    }
}
