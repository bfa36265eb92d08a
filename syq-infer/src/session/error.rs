//! Why a session cannot be made or used.

use crate::isa::IsaError;
use crate::kernels::KernelError;
use crate::plan::PlanError;
use crate::preprocess::PreprocessError;
use syq_pack::file::{FileError, FormatError};
use thiserror::Error;

/// Why a session cannot be made or used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// A model file that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Bytes that are no model file.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A model that cannot be compiled.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// An instruction set that the machine does not have.
    #[error(transparent)]
    Isa(#[from] IsaError),
    /// Threads that cannot be started.
    #[error("cannot start {threads} threads: {reason}")]
    Threads {
        /// Threads asked for.
        threads: usize,
        /// The system's reason, or that the library was built without threads.
        reason: String,
    },
    /// A picture that does not fit the model's recipe.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
    /// A model without a recipe was given a picture.
    #[error("the model has no preprocessing recipe: it takes tensors, not pictures")]
    NoRecipe,
    /// An input of the wrong length.
    #[error("the input has {found} values, the network needs a multiple of {expected}")]
    Input {
        /// Values found.
        found: usize,
        /// Values of one image.
        expected: usize,
    },
    /// A buffer for the logits of the wrong length.
    #[error("the buffer for the logits has {found} elements, the images give {expected}")]
    Logits {
        /// Elements found.
        found: usize,
        /// Elements needed.
        expected: usize,
    },
    /// A run that was cancelled through its [`Control`](super::Control).
    #[error("cancelled after {done} of {images} images")]
    Cancelled {
        /// Images whose logits were written.
        done: usize,
        /// Images of the run.
        images: usize,
    },
    /// A kernel that refused its arguments: a defect of the plan.
    #[error(transparent)]
    Kernel(#[from] KernelError),
}
