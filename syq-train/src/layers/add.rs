//! The residual add, where no batch norm stands before it to take it along.

use crate::error::TrainError;
use crate::tape::{Context, Gradient, Layer, Tensor, Upstream};
use std::sync::Arc;

/// a + b.
#[derive(Debug)]
pub struct Add;

impl Layer for Add {
    fn forward(&mut self, cx: &mut Context<'_>, inputs: &[&Tensor]) -> Result<Tensor, TrainError> {
        let [a, b] = [inputs[0], inputs[1]];
        let mut y = cx.buffers.take(a.values.len());
        let len = a.shape.len();
        cx.workers.chunks(&mut y, len, |index, y| {
            let start = index * len;
            for ((y, a), b) in y.iter_mut().zip(&a.values[start..]).zip(&b.values[start..]) {
                *y = a + b;
            }
        });
        Ok(Tensor::new(a.shape, y))
    }

    fn backward(
        &mut self,
        cx: &mut Context<'_>,
        _inputs: &[&Tensor],
        _output: &Tensor,
        gradient: Upstream,
        into: &mut [Gradient],
    ) -> Result<(), TrainError> {
        let shared = gradient.share();
        into[0].add(cx, Arc::clone(&shared));
        into[1].add(cx, shared);
        Ok(())
    }
}
