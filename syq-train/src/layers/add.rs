//! The residual add, where no batch norm stands before it to take it along.

use crate::error::TrainError;
use crate::tape::{Context, Gradient, Layer, Tensor};

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
        gradient: Vec<f32>,
        into: &mut [Gradient],
    ) -> Result<(), TrainError> {
        let mut copy = cx.buffers.take(gradient.len());
        copy.copy_from_slice(&gradient);
        into[0].add(cx, copy);
        into[1].add(cx, gradient);
        Ok(())
    }
}
