//! ReLU, where no batch norm stands before it to take it along.

use crate::error::TrainError;
use crate::tape::{Context, Gradient, Layer, Tensor, Upstream};

/// max(x, 0); the gradient at 0 is 0.
#[derive(Debug)]
pub struct Relu;

impl Layer for Relu {
    fn forward(&mut self, cx: &mut Context<'_>, inputs: &[&Tensor]) -> Result<Tensor, TrainError> {
        let x = inputs[0];
        let mut y = cx.buffers.take(x.values.len());
        let len = x.shape.len();
        cx.workers.chunks(&mut y, len, |index, y| {
            for (y, x) in y.iter_mut().zip(&x.values[index * len..]) {
                *y = if *x > 0.0 { *x } else { 0.0 };
            }
        });
        Ok(Tensor::new(x.shape, y))
    }

    fn backward(
        &mut self,
        cx: &mut Context<'_>,
        _inputs: &[&Tensor],
        output: &Tensor,
        gradient: Upstream,
        into: &mut [Gradient],
    ) -> Result<(), TrainError> {
        let len = output.shape.len();
        let mut gradient = gradient.into_values(cx);
        cx.workers.chunks(&mut gradient, len, |index, dy| {
            for (dy, y) in dy.iter_mut().zip(&output.values[index * len..]) {
                *dy = if *y > 0.0 { *dy } else { 0.0 };
            }
        });
        into[0].add(cx, gradient);
        Ok(())
    }
}
