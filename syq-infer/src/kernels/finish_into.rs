//! Batch norm, residual, ReLU, the feature map and the next convolution's input in one pass over a row's values.

use super::error::check_len;
#[cfg(target_arch = "x86_64")]
use super::row_functions::{Activation, check_place};
use super::row_functions::{Affine, Finish, check_pixels};
use super::{InputLayout, KernelError, Kernels};
#[cfg(target_arch = "x86_64")]
use crate::isa::Isa;
use syq_core::Levels;

/// What is added to a row's values.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Residual<'a> {
    Nothing,
    /// As long as the row.
    Values(&'a [f32]),
    /// What the float sink holds, whose place the sum takes.
    InPlace,
}

/// Where the finished values of some pixels of one row go.
#[derive(Debug)]
pub(crate) struct Destination<'a> {
    /// The working space, if somebody needs them there.
    pub(crate) keep: Keep,
    /// The feature map.
    pub(crate) floats: Option<&'a mut [f32]>,
    /// Their codes in a convolution's layout.
    pub(crate) placed: Option<Placed<'a>>,
}

/// Whether the working space holds the finished values afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Finished,
    Anything,
}

/// Some pixels of one row of a convolution's input.
#[derive(Debug)]
pub(crate) struct Placed<'a> {
    pub(crate) layout: InputLayout,
    pub(crate) levels: Levels,
    pub(crate) elements: &'a mut [u32],
}

/// A call whose arguments are checked, in which nothing is left to the other passes.
#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "AVX-512 alone has the one pass"))]
pub(super) struct IntoWork<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) channels: usize,
    pub(super) affine: Affine<'a>,
    pub(super) residual: Residual<'a>,
    pub(super) relu: bool,
    pub(super) keep: Keep,
    pub(super) floats: Option<&'a mut [f32]>,
    pub(super) placed: Placed<'a>,
}

impl Kernels {
    /// Finishes `values`, whole pixels of one row, and stores them: what [`Kernels::finish`] and
    /// [`Kernels::place_values`] do one after the other. `finish` has no residual of its own.
    ///
    /// # Errors
    /// As those.
    pub(crate) fn finish_into(
        self,
        values: &mut [f32],
        channels: usize,
        finish: &Finish<'_>,
        residual: Residual<'_>,
        to: Destination<'_>,
    ) -> Result<(), KernelError> {
        check_pixels("the row", values.len(), channels)?;
        let Destination { keep, floats, placed } = to;
        if let Some(floats) = &floats {
            check_len("the feature map", floats.len(), values.len())?;
        }
        let residual = match (residual, &floats) {
            (Residual::InPlace, None) => Residual::Values(&[]),
            (residual, _) => residual,
        };
        if let Residual::Values(residual) = residual {
            check_len("the residual", residual.len(), values.len())?;
        }
        let Some(Placed { layout, levels, elements }) = placed else {
            return self.finish_floats(values, channels, finish, residual, floats);
        };
        #[cfg(target_arch = "x86_64")]
        if let (Isa::Avx512, None, Some(affine)) = (self.isa(), finish.bias, finish.affine)
            && super::avx512::finishes_into(&layout, levels)
        {
            check_len("the scale of a batch norm", affine.scale.len(), channels)?;
            check_len("the offset of a batch norm", affine.offset.len(), channels)?;
            check_len("the channels of the layout", layout.shape().channels, channels)?;
            check_place(values.len(), &layout, elements)?;
            let relu = finish.activation == Activation::Relu;
            let placed = Placed { layout, levels, elements };
            let work = IntoWork { values, channels, affine, residual, relu, keep, floats, placed };
            // SAFETY: a `Kernels` of AVX-512 exists only where the processor has its features.
            unsafe { super::avx512::finish_into(work) };
            return Ok(());
        }
        self.finish_floats(values, channels, finish, residual, floats)?;
        self.place_values(values, levels, &layout, elements)
    }

    /// Finishes `values` in place, and copies them to the feature map.
    fn finish_floats(
        self,
        values: &mut [f32],
        channels: usize,
        finish: &Finish<'_>,
        residual: Residual<'_>,
        floats: Option<&mut [f32]>,
    ) -> Result<(), KernelError> {
        let residual = match residual {
            Residual::Nothing => None,
            Residual::Values(residual) => Some(residual),
            Residual::InPlace => floats.as_deref(),
        };
        self.finish(values, channels, &Finish { residual, ..*finish })?;
        if let Some(floats) = floats {
            floats.copy_from_slice(values);
        }
        Ok(())
    }
}
