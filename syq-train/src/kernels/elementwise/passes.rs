//! The passes over one image (or a few), sixteen values at a time.

use super::Factors;
use super::blocks::{Block, add, fold, next, padded, period};
use crate::kernels::lanes::{Kernel, Lanes};

/// y = max(x·scale + offset + residual, floor).
pub(super) struct Affine<'a> {
    pub(super) x: &'a [f32],
    /// Empty if there is none.
    pub(super) residual: &'a [f32],
    pub(super) scale: &'a [Block],
    pub(super) offset: &'a [Block],
    pub(super) floor: f32,
    pub(super) y: &'a mut [f32],
}

/// A block of [`Affine`].
#[inline(always)]
pub(super) fn normalize(x: &Block, residual: &Block, scale: &Block, offset: &Block, floor: f32) -> Block {
    let mut y = [0.0; 16];
    for i in 0..16 {
        let value = x[i] * scale[i] + offset[i] + residual[i];
        y[i] = if value > floor { value } else { floor };
    }
    y
}

impl Kernel for Affine<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let Self { x, residual, scale, offset, floor, y } = self;
        let ((x, x_rest), (r, r_rest)) = (x.as_chunks::<16>(), residual.as_chunks::<16>());
        let (y, y_rest) = y.as_chunks_mut::<16>();
        let mut at = 0;
        if residual.is_empty() {
            for (x, y) in x.iter().zip(y) {
                *y = normalize(x, &[0.0; 16], &scale[at], &offset[at], floor);
                at = next(at, scale.len());
            }
        } else {
            for ((x, r), y) in x.iter().zip(r).zip(y) {
                *y = normalize(x, r, &scale[at], &offset[at], floor);
                at = next(at, scale.len());
            }
        }
        if !y_rest.is_empty() {
            let last = normalize(&padded(x_rest), &padded(r_rest), &scale[at], &offset[at], floor);
            y_rest.copy_from_slice(&last[..y_rest.len()]);
        }
    }
}

/// Σ x and Σ x² of each channel.
pub(super) struct Sums<'a> {
    pub(super) x: &'a [f32],
    /// Σ x of each channel, then Σ x².
    pub(super) sums: &'a mut [f32],
}

impl Kernel for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let mut sums = ProductSums::new(self.sums.len() / 2);
        let (x, rest) = self.x.as_chunks::<16>();
        for x in x {
            sums.add(x, x);
        }
        if !rest.is_empty() {
            sums.add(&padded(rest), &padded(rest));
        }
        sums.fold(self.sums);
    }
}

/// Masks the gradient, and sums it and its products with x.
pub(super) struct MaskedSums<'a> {
    pub(super) x: &'a [f32],
    /// The gradient is zero where this is not above 0; empty if there is no mask.
    pub(super) masked_by: &'a [f32],
    pub(super) gradient: &'a mut [f32],
    /// Σ dy of each channel, then Σ dy·x.
    pub(super) sums: &'a mut [f32],
}

impl Kernel for MaskedSums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let mut sums = ProductSums::new(self.sums.len() / 2);
        let (x, x_rest) = self.x.as_chunks::<16>();
        let (y, y_rest) = self.masked_by.as_chunks::<16>();
        let (dy, dy_rest) = self.gradient.as_chunks_mut::<16>();
        if self.masked_by.is_empty() {
            for (x, dy) in x.iter().zip(dy) {
                sums.add(dy, x);
            }
        } else {
            for ((x, y), dy) in x.iter().zip(y).zip(dy) {
                mask(dy, y, 0.0);
                sums.add(dy, x);
            }
        }
        if !dy_rest.is_empty() {
            let mut last = padded(dy_rest);
            if !self.masked_by.is_empty() {
                mask(&mut last, &padded(y_rest), 0.0);
            }
            sums.add(&last, &padded(x_rest));
            dy_rest.copy_from_slice(&last[..dy_rest.len()]);
        }
        sums.fold(self.sums);
    }
}

/// Zeroes the gradient where `y` is not above `floor`.
#[inline(always)]
pub(in crate::kernels) fn mask(gradient: &mut Block, y: &Block, floor: f32) {
    for i in 0..16 {
        gradient[i] = if y[i] > floor { gradient[i] } else { 0.0 };
    }
}

/// Σ a and Σ a·b of each channel, while blocks of an image come one after the other.
pub(in crate::kernels) struct ProductSums {
    sums: Vec<[Block; 2]>,
    at: usize,
}

impl ProductSums {
    pub(in crate::kernels) fn new(channels: usize) -> Self {
        Self { sums: vec![[[0.0; 16]; 2]; period(channels)], at: 0 }
    }

    #[inline(always)]
    pub(in crate::kernels) fn add(&mut self, a: &Block, b: &Block) {
        let [sum, products] = &mut self.sums[self.at];
        add(sum, a);
        for i in 0..16 {
            products[i] += a[i] * b[i];
        }
        self.at = next(self.at, self.sums.len());
    }

    /// Into `[2][channels]`.
    pub(in crate::kernels) fn fold(&self, into: &mut [f32]) {
        let (sum, products) = into.split_at_mut(into.len() / 2);
        for (which, into) in [sum, products].into_iter().enumerate() {
            let blocks: Vec<Block> = self.sums.iter().map(|sums| sums[which]).collect();
            fold(&blocks, into);
        }
    }
}

/// dx = a·dy + b·x + c.
pub(super) struct Gradient<'a> {
    pub(super) x: &'a [f32],
    pub(super) factors: &'a Factors,
    pub(super) dy: &'a [f32],
    pub(super) dx: &'a mut [f32],
}

impl Kernel for Gradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let ((x, x_rest), (dy, dy_rest)) = (self.x.as_chunks::<16>(), self.dy.as_chunks::<16>());
        let (dx, dx_rest) = self.dx.as_chunks_mut::<16>();
        let mut at = 0;
        for ((x, dy), dx) in x.iter().zip(dy).zip(dx) {
            *dx = gradient(self.factors, at, dy, x);
            at = next(at, self.factors.0[0].len());
        }
        if !dx_rest.is_empty() {
            let last = gradient(self.factors, at, &padded(dy_rest), &padded(x_rest));
            dx_rest.copy_from_slice(&last[..dx_rest.len()]);
        }
    }
}

/// The same with dy where dx goes.
pub(super) struct GradientInPlace<'a> {
    pub(super) x: &'a [f32],
    pub(super) factors: &'a Factors,
    pub(super) dx: &'a mut [f32],
}

impl Kernel for GradientInPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let (x, x_rest) = self.x.as_chunks::<16>();
        let (dx, dx_rest) = self.dx.as_chunks_mut::<16>();
        let mut at = 0;
        for (x, dx) in x.iter().zip(dx) {
            *dx = gradient(self.factors, at, dx, x);
            at = next(at, self.factors.0[0].len());
        }
        if !dx_rest.is_empty() {
            let last = gradient(self.factors, at, &padded(dx_rest), &padded(x_rest));
            dx_rest.copy_from_slice(&last[..dx_rest.len()]);
        }
    }
}

/// A block of [`Gradient`].
#[inline(always)]
pub(super) fn gradient(factors: &Factors, at: usize, dy: &Block, x: &Block) -> Block {
    let [a, b, c] = &factors.0;
    let (a, b, c) = (&a[at], &b[at], &c[at]);
    let mut dx = [0.0; 16];
    for i in 0..16 {
        dx[i] = a[i] * dy[i] + b[i] * x[i] + c[i];
    }
    dx
}
