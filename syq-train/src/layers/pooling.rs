//! Max and average pooling.

use crate::error::TrainError;
use crate::kernels::Pooling;
use crate::tape::{Context, Gradient, Layer, Tensor, Upstream};
use syq_core::{Shape, Window};

/// Max pooling; the padding never wins. The gradient goes to the first pixel, in row-major order,
/// that has the maximum.
#[derive(Debug)]
pub struct MaxPool {
    window: Window,
    output: Shape,
}

impl MaxPool {
    /// Pools with `window` into feature maps of shape `output`.
    pub fn new(window: Window, output: Shape) -> Self {
        Self { window, output }
    }

    fn pooling(&self, input: Shape) -> Pooling {
        Pooling { window: self.window, input, output: self.output }
    }
}

impl Layer for MaxPool {
    fn forward(&mut self, cx: &mut Context<'_>, inputs: &[&Tensor]) -> Result<Tensor, TrainError> {
        let mut y = cx.buffers.take(cx.batch * self.output.len());
        self.pooling(inputs[0].shape).max(cx.workers, &inputs[0].values, &mut y);
        Ok(Tensor::new(self.output, y))
    }

    fn backward(
        &mut self,
        cx: &mut Context<'_>,
        inputs: &[&Tensor],
        _output: &Tensor,
        gradient: Upstream,
        into: &mut [Gradient],
    ) -> Result<(), TrainError> {
        let x = inputs[0];
        let mut dx = cx.buffers.take(x.values.len());
        self.pooling(x.shape).max_gradient(cx.workers, &x.values, gradient.values(), &mut dx);
        gradient.recycle(cx);
        into[0].add(cx, dx);
        Ok(())
    }
}

/// Average pooling; the padding does not count.
#[derive(Debug)]
pub struct AveragePool {
    window: Window,
    output: Shape,
}

impl AveragePool {
    /// Pools with `window` into feature maps of shape `output`.
    pub fn new(window: Window, output: Shape) -> Self {
        Self { window, output }
    }
}

impl Layer for AveragePool {
    fn forward(&mut self, cx: &mut Context<'_>, inputs: &[&Tensor]) -> Result<Tensor, TrainError> {
        let x = inputs[0];
        let (shape, output) = (x.shape, self.output);
        let (channels, pooling) = (shape.channels, Pooling { window: self.window, input: shape, output });
        let mut y = cx.buffers.take(cx.batch * output.len());
        cx.workers.chunks(&mut y, output.len(), |index, y| {
            let x = &x.values[index * shape.len()..][..shape.len()];
            pooling.for_each_window(|pixel, rows, columns| {
                let y = &mut y[pixel * channels..][..channels];
                y.fill(0.0);
                let count = (rows.len() * columns.len()) as f32;
                for row in rows {
                    for column in columns.clone() {
                        for (y, x) in y.iter_mut().zip(&x[(row * shape.width + column) * channels..]) {
                            *y += x;
                        }
                    }
                }
                y.iter_mut().for_each(|y| *y /= count);
            });
        });
        Ok(Tensor::new(output, y))
    }

    fn backward(
        &mut self,
        cx: &mut Context<'_>,
        inputs: &[&Tensor],
        _output: &Tensor,
        gradient: Upstream,
        into: &mut [Gradient],
    ) -> Result<(), TrainError> {
        let shape = inputs[0].shape;
        let (output, channels) = (self.output, shape.channels);
        let pooling = Pooling { window: self.window, input: shape, output };
        let mut dx = cx.buffers.take(inputs[0].values.len());
        cx.workers.chunks(&mut dx, shape.len(), |index, dx| {
            dx.fill(0.0);
            let dy = &gradient.values()[index * output.len()..][..output.len()];
            pooling.for_each_window(|pixel, rows, columns| {
                let dy = &dy[pixel * channels..][..channels];
                let share = 1.0 / (rows.len() * columns.len()) as f32;
                for row in rows {
                    for column in columns.clone() {
                        for (dx, dy) in dx[(row * shape.width + column) * channels..].iter_mut().zip(dy) {
                            *dx += dy * share;
                        }
                    }
                }
            });
        });
        gradient.recycle(cx);
        into[0].add(cx, dx);
        Ok(())
    }
}
