//! Feature maps that are read block by block: as they are stored, or computed while they are read and so never stored.

use super::blocks::{Block, next};
use super::passes::{gradient, normalize};
use super::{ChannelAffine, Factors};
use std::slice::Iter;

/// One image, sixteen values after sixteen values.
pub(in crate::kernels) trait Source {
    /// The next block; behind the end whatever comes of zeros.
    fn next(&mut self) -> Block;
}

/// Values that are there.
pub(in crate::kernels) struct Stored<'a>(Iter<'a, Block>);

impl<'a> Stored<'a> {
    /// The blocks of one image.
    #[inline(always)]
    pub(in crate::kernels) fn new(blocks: &'a [Block]) -> Self {
        Self(blocks.iter())
    }
}

impl Source for Stored<'_> {
    #[inline(always)]
    fn next(&mut self) -> Block {
        *self.0.next().unwrap_or(&[0.0; 16])
    }
}

/// The output of a batch norm, from its input.
pub(in crate::kernels) struct Normalized<'a> {
    x: Iter<'a, Block>,
    affine: &'a ChannelAffine,
    at: usize,
}

impl Source for Normalized<'_> {
    #[inline(always)]
    fn next(&mut self) -> Block {
        let ChannelAffine { scale, offset, floor } = self.affine;
        let x = self.x.next().unwrap_or(&[0.0; 16]);
        let y = normalize(x, &[0.0; 16], &scale[self.at], &offset[self.at], *floor);
        self.at = next(self.at, scale.len());
        y
    }
}

impl ChannelAffine {
    /// The whole blocks of the image `x`.
    #[inline(always)]
    pub(in crate::kernels) fn source<'a>(&'a self, x: &'a [f32]) -> Normalized<'a> {
        Normalized { x: x.as_chunks().0.iter(), affine: self, at: 0 }
    }
}

/// The gradient of a batch norm's input.
pub(in crate::kernels) struct InputGradients<'a> {
    x: Iter<'a, Block>,
    dy: Iter<'a, Block>,
    factors: &'a Factors,
    at: usize,
}

impl Source for InputGradients<'_> {
    #[inline(always)]
    fn next(&mut self) -> Block {
        let [x, dy] = [&mut self.x, &mut self.dy].map(|blocks| blocks.next().unwrap_or(&[0.0; 16]));
        let dx = gradient(self.factors, self.at, dy, x);
        self.at = next(self.at, self.factors.0[0].len());
        dx
    }
}

impl Factors {
    /// The whole blocks of one image.
    #[inline(always)]
    pub(in crate::kernels) fn source<'a>(&'a self, x: &'a [f32], dy: &'a [f32]) -> InputGradients<'a> {
        InputGradients { x: x.as_chunks().0.iter(), dy: dy.as_chunks().0.iter(), factors: self, at: 0 }
    }
}
