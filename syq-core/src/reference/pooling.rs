//! Max and average pooling.

use crate::error::ShapeError;
use crate::geometry::{Shape, Window};

/// Max pooling of floats or codes. The padding never wins: a window sees the pixels of the image
/// alone, in row-major order, and a later pixel replaces the maximum only when it is greater.
///
/// # Errors
/// A window that does not fit the input.
pub fn max_pool<T: Copy + PartialOrd>(
    input: &[T],
    shape: Shape,
    window: Window,
    lowest: T,
) -> Result<Vec<T>, ShapeError> {
    pool(input, shape, window, |values| values.fold(lowest, |max, x| if x > max { x } else { max }))
}

/// Average pooling: the sum of the window's pixels from 0 in row-major order, divided by their
/// number. Padding does not count.
///
/// # Errors
/// A window that does not fit the input.
pub fn average_pool(input: &[f32], shape: Shape, window: Window) -> Result<Vec<f32>, ShapeError> {
    pool(input, shape, window, |values| {
        let (sum, count) = values.fold((0.0f32, 0u32), |(sum, count), x| (sum + x, count + 1));
        sum / count as f32
    })
}

fn pool<T: Copy>(
    input: &[T],
    shape: Shape,
    window: Window,
    reduce: impl Fn(&mut dyn Iterator<Item = T>) -> T,
) -> Result<Vec<T>, ShapeError> {
    let [height, width] = window.output(shape.height, shape.width)?;
    let mut output = Vec::with_capacity(height * width * shape.channels);
    for row in 0..height {
        let rows = span(row, window.stride[0], window.kernel[0], window.padding.top, shape.height);
        for column in 0..width {
            let columns = span(column, window.stride[1], window.kernel[1], window.padding.left, shape.width);
            for channel in 0..shape.channels {
                let mut values = rows.clone().flat_map(|y| {
                    columns.clone().map(move |x| input[(y * shape.width + x) * shape.channels + channel])
                });
                output.push(reduce(&mut values));
            }
        }
    }
    Ok(output)
}

/// The pixels of one window along one axis that lie inside the image.
fn span(output: usize, stride: usize, kernel: usize, padding: usize, size: usize) -> std::ops::Range<usize> {
    let start = output * stride;
    start.saturating_sub(padding)..(start + kernel).saturating_sub(padding).min(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Padding;

    #[test]
    fn padding_never_wins_and_never_counts() {
        let shape = Shape::new(2, 2, 1);
        let input = [-4.0, -3.0, -2.0, -1.0];
        let window = Window::square(2, 1, Padding::uniform(1));
        let max = max_pool(&input, shape, window, f32::NEG_INFINITY).unwrap();
        assert_eq!(max, [-4.0, -3.0, -3.0, -2.0, -1.0, -1.0, -2.0, -1.0, -1.0]);
        let average = average_pool(&input, shape, window).unwrap();
        assert_eq!(average[..2], [-4.0, -3.5]);
        assert_eq!(average[4], -2.5);
    }
}
