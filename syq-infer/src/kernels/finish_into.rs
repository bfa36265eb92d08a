//! Batch norm, residual, ReLU, the feature map and the next convolution's input in one pass over the values of some rows.

use super::error::check_len;
#[cfg(target_arch = "x86_64")]
use super::row_functions::Activation;
use super::row_functions::{Affine, Finish, check_pixels};
use super::{InputLayout, KernelError, Kernels};
#[cfg(target_arch = "x86_64")]
use crate::isa::Isa;
use syq_core::Levels;

/// What is added to the values.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Residual<'a> {
    Nothing,
    /// As many.
    Values(&'a [f32]),
    /// What the float sink holds, whose place the sum takes.
    InPlace,
}

/// Where the finished values of some pixels go.
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

/// Some pixels of a convolution's input: part of one row, or the same columns of several.
#[derive(Debug)]
pub(crate) struct Placed<'a> {
    pub(crate) layout: InputLayout,
    pub(crate) levels: Levels,
    /// Pixels of each row.
    pub(crate) columns: usize,
    /// From the first pixel to the last, with what lies between the rows.
    pub(crate) elements: &'a mut [u32],
}

impl Placed<'_> {
    /// The elements of each row.
    pub(super) fn rows(&mut self) -> impl Iterator<Item = &mut [u32]> {
        let len = self.columns * self.layout.pixel_len();
        self.elements.chunks_mut(self.layout.row_len().max(1)).map(move |row| &mut row[..len])
    }

    /// Checks that so many values are its pixels.
    fn check(&self, values: usize, channels: usize) -> Result<(), KernelError> {
        let Self { layout, columns, .. } = self;
        check_len("the channels of the layout", layout.shape().channels, channels)?;
        let pixels = values.checked_div(channels).unwrap_or(0);
        let rows = pixels.checked_div(*columns).unwrap_or(0);
        check_len("the pixels of whole rows", pixels, rows * columns)?;
        let (end, count) = (*columns, layout.shape().width);
        if end > count {
            return Err(KernelError::Range { what: "columns", start: 0, end, count });
        }
        let between = rows.saturating_sub(1) * (layout.row_len() - columns * layout.pixel_len());
        check_len("the elements of the rows", self.elements.len(), pixels * layout.pixel_len() + between)
    }
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
    pub(super) placed: Option<Placed<'a>>,
}

impl Kernels {
    /// Finishes `values`, whole pixels, and stores them: what [`Kernels::finish`] and
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
        if let Some(placed) = &placed {
            placed.check(values.len(), channels)?;
        }
        #[cfg(target_arch = "x86_64")]
        if let (Isa::Avx512, None, Some(affine)) = (self.isa(), finish.bias, finish.affine)
            && super::avx512::finishes_into(channels, placed.as_ref())
        {
            check_len("the scale of a batch norm", affine.scale.len(), channels)?;
            check_len("the offset of a batch norm", affine.offset.len(), channels)?;
            let relu = finish.activation == Activation::Relu;
            let work = IntoWork { values, channels, affine, residual, relu, keep, floats, placed };
            // SAFETY: a `Kernels` of AVX-512 exists only where the processor has its features.
            unsafe { super::avx512::finish_into(work) };
            return Ok(());
        }
        self.finish_floats(values, channels, finish, residual, floats)?;
        let Some(mut placed) = placed else { return Ok(()) };
        let (levels, layout, row) = (placed.levels, placed.layout, placed.columns * channels);
        for (values, elements) in values.chunks(row.max(1)).zip(placed.rows()) {
            self.place_values(values, levels, &layout, elements)?;
        }
        Ok(())
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
