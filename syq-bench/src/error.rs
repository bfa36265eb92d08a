//! Why a case cannot be made, checked or run.

use crate::peers::PeerError;
use syq_core::{CoreError, ShapeError};
use syq_infer::SessionError;
use syq_infer::kernels::KernelError;
use syq_pack::{ModelError, NetworkError};
use thiserror::Error;

/// A case that cannot be made, or that gives a wrong answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BenchError {
    /// A layer that the reference refuses.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// A shape that does not fit.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// Weights or buffers that a kernel refuses.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// A network that does not fit together.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A model that does not fit together.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A session that cannot be made or run.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A worker beside the peers.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// An answer that differs from the reference.
    #[error("case {case}: {wrong}")]
    Wrong {
        /// Name of the case.
        case: String,
        /// What differs.
        wrong: Mismatch,
    },
}

/// The first value of an answer that is not the reference's, as bits.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Mismatch {
    /// A value that differs.
    #[error("element {index} is {found:#010x}, the reference gives {expected:#010x}")]
    Value {
        /// Index in the output.
        index: usize,
        /// The bits found.
        found: u32,
        /// The bits of the reference.
        expected: u32,
    },
    /// A wrong number of values, or integers where floats belong.
    #[error("{found} values in the output, the reference gives {expected}")]
    Length {
        /// Values found.
        found: usize,
        /// Values of the reference.
        expected: usize,
    },
}
