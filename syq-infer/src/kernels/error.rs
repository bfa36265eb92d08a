//! What can be wrong with the arguments of a kernel.

use super::layout::InputLayout;
use syq_core::{CoreError, ShapeError};
use thiserror::Error;

/// Weights that cannot be packed, or a call whose buffers do not fit the packed layer.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum KernelError {
    /// Weights, scales or a geometry that make no layer.
    #[error(transparent)]
    Layer(#[from] CoreError),
    /// A shape that overflows or does not fit.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// An input buffer laid out for another layer or kernel.
    #[error("layer {layer:?}: the input is laid out as {found}, the packed weights need {expected}")]
    Layout {
        /// Name of the layer.
        layer: String,
        /// Layout of the buffer.
        found: Box<InputLayout>,
        /// Layout that the weights were packed for.
        expected: Box<InputLayout>,
    },
    /// Sums too large for the kernel that was asked for; another one takes the layer.
    #[error("layer {layer:?}: sums of up to {bound} do not fit the lookup kernel, which takes {limit}")]
    Narrow {
        /// Name of the layer.
        layer: String,
        /// What a subgroup's sum may reach.
        bound: usize,
        /// What the kernel takes.
        limit: usize,
    },
    /// A buffer of the wrong length.
    #[error("{what} has {found} elements instead of {expected}")]
    Length {
        /// Which buffer.
        what: &'static str,
        /// Elements found.
        found: usize,
        /// Elements needed.
        expected: usize,
    },
    /// A range of rows, columns or filter blocks beyond the end.
    #[error("{what} {start}..{end} of {count}")]
    Range {
        /// What is counted.
        what: &'static str,
        /// First of the range.
        start: usize,
        /// One past the last of the range.
        end: usize,
        /// How many there are.
        count: usize,
    },
    /// A call for single pixels on a layer with a larger input or output.
    #[error("layer {layer:?} is not fully connected")]
    NotVector {
        /// Name of the layer.
        layer: String,
    },
    /// Codes for a layout that does not hold codes.
    #[error("codes cannot be placed in a {format} layout")]
    Format {
        /// Name of the layout's format.
        format: &'static str,
    },
    /// An input of another element type than the format has.
    #[error("layer {layer:?}: the input's elements are of another type than its format {format}")]
    Element {
        /// Name of the layer.
        layer: String,
        /// Name of the format.
        format: &'static str,
    },
}

/// The error of a buffer that is not `expected` long.
pub(crate) fn check_len(what: &'static str, found: usize, expected: usize) -> Result<(), KernelError> {
    if found == expected { Ok(()) } else { Err(KernelError::Length { what, found, expected }) }
}
