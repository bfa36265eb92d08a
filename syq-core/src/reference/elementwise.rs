//! Batch norm at inference, ReLU and the residual add.

/// Batch norm at inference, in place: fma(x, scale, offset) of each channel, the fastest index.
pub fn affine(values: &mut [f32], scale: &[f32], offset: &[f32]) {
    for pixel in values.chunks_mut(scale.len().max(1)) {
        for ((x, scale), offset) in pixel.iter_mut().zip(scale).zip(offset) {
            *x = x.mul_add(*scale, *offset);
        }
    }
}

/// ReLU, in place. Negative zero and NaN give +0.
pub fn relu(values: &mut [f32]) {
    for x in values {
        *x = if *x > 0.0 { *x } else { 0.0 };
    }
}

/// The residual add, a + b.
pub fn add(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}
