//! The operations that one kernel of one instruction set consists of.
//!
//! An implementation is a set of closures made inside a `#[target_feature]` function: closures
//! inherit its features, so they call intrinsics without `unsafe`, and the loops over them are
//! `#[inline(always)]` into that function. Whatever the register width, a value has [`BLOCK`] lanes.
//!
//! [`BLOCK`]: crate::kernels::layout::BLOCK

use super::super::layout::{BLOCK, Lanes};
use std::marker::PhantomData;

/// Sixteen-lane arithmetic of one convolution kernel.
pub(crate) trait Kernel {
    /// What one pixel contributes to a step: an f32, four u8 or 32 bits.
    type Element: Copy;
    /// What sixteen filters contribute to a step.
    type Weight;
    /// The running sum of a subgroup.
    type Acc: Copy;
    /// The running sum of at most [`Kernel::CHUNK`] steps, perhaps narrower than an accumulator.
    type Part: Copy;
    /// The layer's float result, growing by one subgroup at a time.
    type Sum: Copy;
    /// Steps that a [`Kernel::Part`] can take before it must be folded.
    const CHUNK: usize;
    /// Most pixels in a tile.
    const PIXELS: usize;
    /// Most blocks of sixteen filters in a tile: 1 or 2.
    const BLOCKS: usize;
    /// Steps without a jump back between them. Where positions have few steps, jumps are guessed wrong often
    /// enough to cost a third of the speed, in some builds and not in others.
    const UNROLL: usize;

    /// An empty accumulator.
    fn zero(&self) -> Self::Acc;
    /// An empty result.
    fn empty(&self) -> Self::Sum;
    /// Begins a chunk.
    fn start(&self, acc: Self::Acc) -> Self::Part;
    /// One step.
    fn mac(&self, part: Self::Part, x: Self::Element, w: &Self::Weight) -> Self::Part;
    /// Ends the chunk that `start(acc)` began.
    fn fold(&self, acc: Self::Acc, part: Self::Part) -> Self::Acc;
    /// a + b.
    fn add(&self, a: Self::Acc, b: Self::Acc) -> Self::Acc;
    /// Adds a finished subgroup: fma(scale, acc + constant, sum).
    fn flush(&self, acc: Self::Acc, constant: &Lanes<i32>, scale: &Lanes<f32>, sum: Self::Sum) -> Self::Sum;
    /// The lanes of a result.
    fn store(&self, sum: Self::Sum) -> [f32; BLOCK];
}

/// Element, weight, accumulator, part and sum type of an [`Ops`].
pub(crate) type Types<E, W, A, Q, F> = PhantomData<fn(E, W, A, Q) -> F>;

/// A [`Kernel`] made of closures, with `CHUNK`, `PIXELS`, `BLOCKS` and `UNROLL` of that trait.
pub(crate) struct Ops<
    const CHUNK: usize,
    const PIXELS: usize,
    const BLOCKS: usize,
    const UNROLL: usize,
    E,
    W,
    A,
    Q,
    F,
    Start,
    Mac,
    Fold,
    Add,
    Flush,
    Store,
> {
    pub(crate) types: Types<E, W, A, Q, F>,
    pub(crate) zero: A,
    pub(crate) empty: F,
    pub(crate) start: Start,
    pub(crate) mac: Mac,
    pub(crate) fold: Fold,
    pub(crate) add: Add,
    pub(crate) flush: Flush,
    pub(crate) store: Store,
}

impl<
    const CHUNK: usize,
    const PIXELS: usize,
    const BLOCKS: usize,
    const UNROLL: usize,
    E: Copy,
    W,
    A: Copy,
    Q: Copy,
    F: Copy,
    Start: Fn(A) -> Q,
    Mac: Fn(Q, E, &W) -> Q,
    Fold: Fn(A, Q) -> A,
    Add: Fn(A, A) -> A,
    Flush: Fn(A, &Lanes<i32>, &Lanes<f32>, F) -> F,
    Store: Fn(F) -> [f32; BLOCK],
> Kernel for Ops<CHUNK, PIXELS, BLOCKS, UNROLL, E, W, A, Q, F, Start, Mac, Fold, Add, Flush, Store>
{
    type Element = E;
    type Weight = W;
    type Acc = A;
    type Part = Q;
    type Sum = F;
    const CHUNK: usize = CHUNK;
    const PIXELS: usize = PIXELS;
    const BLOCKS: usize = BLOCKS;
    const UNROLL: usize = UNROLL;

    #[inline(always)]
    fn zero(&self) -> A {
        self.zero
    }
    #[inline(always)]
    fn empty(&self) -> F {
        self.empty
    }
    #[inline(always)]
    fn start(&self, acc: A) -> Q {
        (self.start)(acc)
    }
    #[inline(always)]
    fn mac(&self, part: Q, x: E, w: &W) -> Q {
        (self.mac)(part, x, w)
    }
    #[inline(always)]
    fn fold(&self, acc: A, part: Q) -> A {
        (self.fold)(acc, part)
    }
    #[inline(always)]
    fn add(&self, a: A, b: A) -> A {
        (self.add)(a, b)
    }
    #[inline(always)]
    fn flush(&self, acc: A, constant: &Lanes<i32>, scale: &Lanes<f32>, sum: F) -> F {
        (self.flush)(acc, constant, scale, sum)
    }
    #[inline(always)]
    fn store(&self, sum: F) -> [f32; BLOCK] {
        (self.store)(sum)
    }
}
