//! The straight-through rule: what the gradient of a quantized operand means for its input and for
//! the quantizer's step.

use super::operand::code;
use super::{GradMode, Input};
use syq_core::Levels;

/// Hands the gradient of a convolution's operand through its quantizer (straight-through) to `dx`;
/// returns the image's share of the step's gradient.
#[inline(always)]
pub(super) fn pass_on(input: Input<'_>, x: &[f32], gradient: &[f32], dx: &mut [f32], mode: GradMode) -> f64 {
    match (input, mode) {
        (Input::Float(_), GradMode::Overwrite) => {
            dx.copy_from_slice(gradient);
            0.0
        }
        (Input::Float(_), GradMode::Accumulate) => {
            for (dx, g) in dx.iter_mut().zip(gradient) {
                *dx += g;
            }
            0.0
        }
        (Input::Quantized { levels, .. }, GradMode::Overwrite) => chunks::<false>(levels, x, gradient, dx),
        (Input::Quantized { levels, .. }, GradMode::Accumulate) => chunks::<true>(levels, x, gradient, dx),
    }
}

#[inline(always)]
fn chunks<const ADD: bool>(levels: Levels, x: &[f32], gradient: &[f32], dx: &mut [f32]) -> f64 {
    let mut sums = [0.0f32; 16];
    let (xs, x_rest) = x.as_chunks::<16>();
    let (gradients, gradient_rest) = gradient.as_chunks::<16>();
    let (dxs, dx_rest) = dx.as_chunks_mut::<16>();
    for ((x, g), dx) in xs.iter().zip(gradients).zip(dxs) {
        for i in 0..16 {
            one::<ADD>(levels, x[i], g[i], &mut dx[i], &mut sums[i]);
        }
    }
    for (((x, g), dx), sum) in x_rest.iter().zip(gradient_rest).zip(dx_rest).zip(&mut sums) {
        one::<ADD>(levels, *x, *g, dx, sum);
    }
    let mut total = 0.0;
    for sum in sums {
        total += f64::from(sum);
    }
    total
}

/// [`Levels::input_gradient`] and [`Levels::step_gradient`] without branches.
#[inline(always)]
fn one<const ADD: bool>(levels: Levels, x: f32, g: f32, dx: &mut f32, sum: &mut f32) {
    let largest = f32::from(levels.largest);
    let t = x * levels.inverse_step;
    let inside = t >= 0.0 && t <= largest;
    let passed = if inside { g } else { 0.0 };
    *dx = if ADD { *dx + passed } else { passed };
    let above = if t > largest { largest } else { 0.0 };
    *sum += g * if inside { code(levels, x) - t } else { above };
}
