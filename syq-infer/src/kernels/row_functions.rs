//! The steps between convolutions as methods of [`Kernels`]: a row, or any run of whole pixels, at a
//! time. Arguments are checked, then dispatched once.

use super::error::check_len;
use super::generic::rows::{FinishWork, RowWork};
use super::{InputFormat, InputLayout, KernelError, Kernels};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::isa::Isa;
use syq_core::Levels;

/// What becomes of a convolution's results: bias, batch norm, residual, activation, in this order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Finish<'a> {
    /// Added to each channel.
    pub bias: Option<&'a [f32]>,
    /// Batch norm at inference.
    pub affine: Option<Affine<'a>>,
    /// Added element by element; as long as the row.
    pub residual: Option<&'a [f32]>,
    /// Applied last.
    pub activation: Activation,
}

/// fma(x, scale, offset) of each channel.
#[derive(Clone, Copy, Debug)]
pub struct Affine<'a> {
    /// Factor of each channel.
    pub scale: &'a [f32],
    /// Summand of each channel.
    pub offset: &'a [f32],
}

/// An activation function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// None.
    #[default]
    Identity,
    /// x if x > 0, otherwise +0.
    Relu,
}

impl Kernels {
    /// Applies `finish` to `values`, whole pixels of `channels`, in place.
    ///
    /// # Errors
    /// A slice of the wrong length.
    pub fn finish(self, values: &mut [f32], channels: usize, finish: &Finish<'_>) -> Result<(), KernelError> {
        check_pixels("the row", values.len(), channels)?;
        let (scale, offset) = finish.affine.map_or((&[][..], &[][..]), |affine| (affine.scale, affine.offset));
        let (bias, residual) = (finish.bias.unwrap_or_default(), finish.residual.unwrap_or_default());
        if finish.affine.is_some() {
            check_len("the scale of a batch norm", scale.len(), channels)?;
            check_len("the offset of a batch norm", offset.len(), channels)?;
        }
        if finish.bias.is_some() {
            check_len("the bias", bias.len(), channels)?;
        }
        if finish.residual.is_some() {
            check_len("the residual", residual.len(), values.len())?;
        }
        let relu = finish.activation == Activation::Relu;
        self.rows(RowWork::Finish(FinishWork { values, channels, bias, scale, offset, residual, relu }));
        Ok(())
    }

    /// The codes of `values`, side by side.
    ///
    /// # Errors
    /// Slices of different lengths.
    pub fn quantize(self, values: &[f32], levels: Levels, codes: &mut [u8]) -> Result<(), KernelError> {
        check_len("the code buffer", codes.len(), values.len())?;
        self.rows(RowWork::Quantize { values, levels, codes });
        Ok(())
    }

    /// Quantizes whole pixels of one image row and writes them to their place in a convolution's input:
    /// `elements` are those of the pixels, such as [`InputLayout::row`] gives for a whole row. (Floats
    /// need no function: they are copied.)
    ///
    /// # Errors
    /// Slices that are not the same number of whole pixels, a layout of floats, or of fewer planes than
    /// the codes have bits.
    pub fn place_values(
        self,
        values: &[f32],
        levels: Levels,
        layout: &InputLayout,
        elements: &mut [u32],
    ) -> Result<(), KernelError> {
        if let InputFormat::Planes(bits) | InputFormat::Tables(bits) | InputFormat::WideTables(bits, _) =
            layout.format()
        {
            check_len("the largest code of the layout's planes", bits.largest().into(), levels.largest.into())?;
        }
        check_place(values.len(), layout, elements)?;
        self.rows(RowWork::PlaceValues { values, levels, layout: *layout, row: elements });
        Ok(())
    }

    /// Writes the codes of whole pixels of one image row to their place in a convolution's input, as
    /// [`Kernels::place_values`]. Bits above the layout's planes are dropped.
    ///
    /// # Errors
    /// Slices that are not the same number of whole pixels, or a layout of floats.
    pub fn place_codes(self, codes: &[u8], layout: &InputLayout, elements: &mut [u32]) -> Result<(), KernelError> {
        check_place(codes.len(), layout, elements)?;
        self.rows(RowWork::PlaceCodes { codes, layout: *layout, row: elements });
        Ok(())
    }

    pub(super) fn rows(self, work: RowWork<'_>) {
        match self.isa() {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a `Kernels` of AVX-512 exists only where the processor has its features.
            Isa::Avx512 => unsafe { super::avx512::rows(work) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a `Kernels` of AVX2 exists only where the processor has its features.
            Isa::Avx2 => unsafe { super::avx2::rows(work) },
            #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
            // SAFETY: a `Kernels` of NEON exists only where the processor has it.
            Isa::Neon => unsafe { super::neon::rows(work) },
            _ => super::portable::rows(work),
        }
    }
}

pub(super) fn check_pixels(what: &'static str, len: usize, channels: usize) -> Result<(), KernelError> {
    let whole = len.checked_div(channels).map_or(0, |pixels| pixels * channels);
    check_len(what, len, whole)
}

/// Checks that `len` values and the elements are the same whole pixels.
pub(super) fn check_place(len: usize, layout: &InputLayout, elements: &[u32]) -> Result<(), KernelError> {
    if layout.format() == InputFormat::Float {
        return Err(KernelError::Format { format: layout.format().name() });
    }
    let channels = layout.shape().channels;
    check_pixels("the row", len, channels)?;
    check_len("the elements of the row", elements.len(), len.checked_div(channels).unwrap_or(0) * layout.pixel_len())
}
