//! Why a model cannot be compiled.

use crate::kernels::KernelError;
use syq_core::ShapeError;
use syq_pack::ModelError;
use thiserror::Error;

/// A model that cannot be compiled.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A model that does not fit together.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A layer that cannot be packed.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// A buffer too large for the address space.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A layer without the parameters or shapes that its kind needs.
    #[error("layer {layer:?}: {what} is missing")]
    Missing {
        /// Name of the layer.
        layer: String,
        /// What is missing.
        what: &'static str,
    },
}
