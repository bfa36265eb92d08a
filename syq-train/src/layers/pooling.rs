//! Max and average pooling.

use crate::error::TrainError;
use crate::tape::{Context, Gradient, Layer, Tensor, Upstream};
use std::ops::Range;
use syq_core::{Shape, Window};

/// Calls `visit` with each window's output pixel, rows and columns inside the image.
fn for_each_window(
    window: Window,
    input: Shape,
    output: Shape,
    mut visit: impl FnMut(usize, Range<usize>, Range<usize>),
) {
    let span = |index: usize, axis: usize, padding: usize, size: usize| {
        let start = index * window.stride[axis];
        start.saturating_sub(padding)..(start + window.kernel[axis]).saturating_sub(padding).min(size)
    };
    for row in 0..output.height {
        for column in 0..output.width {
            let rows = span(row, 0, window.padding.top, input.height);
            let columns = span(column, 1, window.padding.left, input.width);
            visit(row * output.width + column, rows, columns);
        }
    }
}

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

    fn winner(x: &[f32], shape: Shape, channel: usize, rows: &Range<usize>, columns: &Range<usize>) -> usize {
        let index = |row: usize, column: usize| (row * shape.width + column) * shape.channels + channel;
        let mut best = index(rows.start, columns.start);
        for row in rows.clone() {
            for column in columns.clone() {
                if x[index(row, column)] > x[best] {
                    best = index(row, column);
                }
            }
        }
        best
    }
}

impl Layer for MaxPool {
    fn forward(&mut self, cx: &mut Context<'_>, inputs: &[&Tensor]) -> Result<Tensor, TrainError> {
        let x = inputs[0];
        let (shape, output, window) = (x.shape, self.output, self.window);
        let mut y = cx.buffers.take(cx.batch * output.len());
        cx.workers.chunks(&mut y, output.len(), |index, y| {
            let x = &x.values[index * shape.len()..][..shape.len()];
            for_each_window(window, shape, output, |pixel, rows, columns| {
                for (channel, y) in y[pixel * shape.channels..][..shape.channels].iter_mut().enumerate() {
                    *y = x[Self::winner(x, shape, channel, &rows, &columns)];
                }
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
        let x = inputs[0];
        let (shape, output, window) = (x.shape, self.output, self.window);
        let mut dx = cx.buffers.take(x.values.len());
        cx.workers.chunks(&mut dx, shape.len(), |index, dx| {
            dx.fill(0.0);
            let x = &x.values[index * shape.len()..][..shape.len()];
            let dy = &gradient.values()[index * output.len()..][..output.len()];
            for_each_window(window, shape, output, |pixel, rows, columns| {
                for (channel, dy) in dy[pixel * shape.channels..][..shape.channels].iter().enumerate() {
                    dx[Self::winner(x, shape, channel, &rows, &columns)] += dy;
                }
            });
        });
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
        let (shape, output, window) = (x.shape, self.output, self.window);
        let channels = shape.channels;
        let mut y = cx.buffers.take(cx.batch * output.len());
        cx.workers.chunks(&mut y, output.len(), |index, y| {
            let x = &x.values[index * shape.len()..][..shape.len()];
            for_each_window(window, shape, output, |pixel, rows, columns| {
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
        let (output, window, channels) = (self.output, self.window, shape.channels);
        let mut dx = cx.buffers.take(inputs[0].values.len());
        cx.workers.chunks(&mut dx, shape.len(), |index, dx| {
            dx.fill(0.0);
            let dy = &gradient.values()[index * output.len()..][..output.len()];
            for_each_window(window, shape, output, |pixel, rows, columns| {
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
