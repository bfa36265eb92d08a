//! What the gradient of a convolution's operand means for what stands before it: for a quantizer by
//! the straight-through rule, for its learned step, and for a batch norm with ReLU its sums.

use super::operand::code;
use super::{GradMode, Producer};
use crate::kernels::elementwise::{Block, ChannelAffine, ProductSums, Source, Stored, mask, padded};
use syq_core::Levels;

/// One image's gradient on its way out of a convolution.
pub(super) struct PassOn<'a> {
    /// The input's quantizer.
    pub(super) levels: Option<Levels>,
    /// The input, or with `affine` what it is computed from, in whole blocks.
    pub(super) x: &'a [f32],
    pub(super) affine: Option<&'a ChannelAffine>,
    /// The operand's gradient.
    pub(super) gradient: &'a [f32],
    pub(super) dx: &'a mut [f32],
    pub(super) mode: GradMode,
    /// The batch norm that made the input, this image of it.
    pub(super) producer: Option<Producer<'a>>,
    /// Σ dx and Σ dx·z, a channel each, of this image, if there is a producer.
    pub(super) sums: &'a mut [f32],
}

impl PassOn<'_> {
    /// Writes or adds the gradient; returns the image's share of the step's gradient.
    #[inline(always)]
    pub(super) fn run(self) -> f64 {
        match (self.levels.is_some(), self.mode, self.producer.is_some()) {
            (false, GradMode::Overwrite, false) => self.read::<false, false, false>(),
            (false, GradMode::Overwrite, true) => self.read::<false, false, true>(),
            (false, GradMode::Accumulate, false) => self.read::<false, true, false>(),
            (false, GradMode::Accumulate, true) => self.read::<false, true, true>(),
            (true, GradMode::Overwrite, false) => self.read::<true, false, false>(),
            (true, GradMode::Overwrite, true) => self.read::<true, false, true>(),
            (true, GradMode::Accumulate, false) => self.read::<true, true, false>(),
            (true, GradMode::Accumulate, true) => self.read::<true, true, true>(),
        }
    }

    #[inline(always)]
    fn read<const QUANTIZED: bool, const ADD: bool, const PRODUCER: bool>(self) -> f64 {
        let (all, (x, rest)) = (self.x, self.x.as_chunks());
        match self.affine {
            Some(affine) => self.blocks::<QUANTIZED, ADD, PRODUCER>(affine.source(all), &[]),
            None => self.blocks::<QUANTIZED, ADD, PRODUCER>(Stored::new(x), rest),
        }
    }

    #[inline(always)]
    fn blocks<const QUANTIZED: bool, const ADD: bool, const PRODUCER: bool>(
        self,
        mut x: impl Source,
        x_rest: &[f32],
    ) -> f64 {
        let nothing = Levels { step: 0.0, inverse_step: 0.0, largest: 0, zero: 0 };
        let Producer { z, floor } = self.producer.unwrap_or(Producer { z: &[], floor: 0.0 });
        let mut state = State {
            levels: self.levels.unwrap_or(nothing),
            floor,
            steps: [0.0; 16],
            sums: ProductSums::new(self.sums.len() / 2),
        };
        let (g, g_rest) = self.gradient.as_chunks::<16>();
        let (dx, dx_rest) = self.dx.as_chunks_mut::<16>();
        let (z, z_rest) = z.as_chunks::<16>();
        for (index, (g, dx)) in g.iter().zip(dx).enumerate() {
            let x = x.next();
            let z = if PRODUCER { &z[index] } else { &x };
            state.block::<QUANTIZED, ADD, PRODUCER>(&x, g, z, dx);
        }
        if !dx_rest.is_empty() {
            let mut last = padded(dx_rest);
            state.block::<QUANTIZED, ADD, PRODUCER>(&padded(x_rest), &padded(g_rest), &padded(z_rest), &mut last);
            dx_rest.copy_from_slice(&last[..dx_rest.len()]);
        }
        if PRODUCER {
            state.sums.fold(self.sums);
        }
        let mut total = 0.0;
        for step in state.steps {
            total += f64::from(step);
        }
        total
    }
}

/// What is the same for all blocks, and what they sum.
struct State {
    levels: Levels,
    floor: f32,
    steps: Block,
    sums: ProductSums,
}

impl State {
    #[inline(always)]
    fn block<const QUANTIZED: bool, const ADD: bool, const PRODUCER: bool>(
        &mut self,
        x: &Block,
        gradient: &Block,
        z: &Block,
        dx: &mut Block,
    ) {
        let mut g = *gradient;
        if QUANTIZED {
            for i in 0..16 {
                one(self.levels, x[i], &mut g[i], &mut self.steps[i]);
            }
        }
        if ADD {
            for i in 0..16 {
                g[i] += dx[i];
            }
        }
        if PRODUCER {
            mask(&mut g, x, self.floor);
            self.sums.add(&g, z);
        }
        *dx = g;
    }
}

/// [`Levels::input_gradient`] in place, and [`Levels::step_gradient`] onto `step`, without branches.
#[inline(always)]
fn one(levels: Levels, x: f32, g: &mut f32, step: &mut f32) {
    let [smallest, largest] = levels.bounds();
    let t = x * levels.inverse_step;
    let inside = t >= smallest && t <= largest;
    let bound = if t > largest { largest } else { smallest };
    *step += *g * if inside { code(levels, x) - t } else { bound };
    *g = if inside { *g } else { 0.0 };
}
