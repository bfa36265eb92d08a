//! Feature map to vector.

use crate::error::TrainError;
use crate::tape::{Context, Gradient, Layer, Tensor, Upstream};
use syq_core::Shape;

/// The same values as one pixel of many channels.
#[derive(Debug)]
pub struct Flatten;

impl Layer for Flatten {
    fn forward(&mut self, cx: &mut Context<'_>, inputs: &[&Tensor]) -> Result<Tensor, TrainError> {
        let x = inputs[0];
        let mut y = cx.buffers.take(x.values.len());
        y.copy_from_slice(&x.values);
        Ok(Tensor::new(Shape::vector(x.shape.len()), y))
    }

    fn backward(
        &mut self,
        cx: &mut Context<'_>,
        _inputs: &[&Tensor],
        _output: &Tensor,
        gradient: Upstream,
        into: &mut [Gradient],
    ) -> Result<(), TrainError> {
        into[0].add(cx, gradient);
        Ok(())
    }
}
