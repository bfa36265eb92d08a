//! What a function answers: a status, and for whoever asks `syq_last_error` a text.

use std::any::Any;
use std::fmt::Display;
use syq_infer::picture::PictureError;
use syq_infer::preprocess::PreprocessError;
use syq_infer::rgb::RgbSizeError;
use syq_infer::{IsaError, SessionError};
use syq_pack::file::{FileError, FileErrorKind, FormatError};

/// What a function answers. `syq_last_error` has the details in words.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyqStatus {
    /// All went well.
    Ok = 0,
    /// A pointer that must not be NULL is NULL, or an array is not aligned for its elements.
    Pointer = 1,
    /// A path that is not UTF-8, on a system whose paths are not bytes.
    Path = 2,
    /// A model file that the system cannot read: it does not exist, or may not be opened.
    File = 3,
    /// Bytes that are no model, that are damaged, or that go beyond the limits; or a model that cannot be run.
    Model = 4,
    /// An instruction set that does not exist, or that this machine does not have.
    Isa = 5,
    /// A picture that cannot be decoded, or that does not fit the model.
    Picture = 6,
    /// An array of the wrong length.
    Length = 7,
    /// The model was given a picture and has no recipe for preparing one: it takes tensors alone.
    NoRecipe = 8,
    /// Threads that cannot be started.
    Threads = 9,
    /// The run was cancelled by its progress function.
    Cancelled = 10,
    /// The session is in use by another call, or a progress function tried to run a session.
    Busy = 11,
    /// A defect of the library. The handles can still be used, and be freed.
    Internal = 12,
}

/// Why a call came to nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: SyqStatus,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(status: SyqStatus, message: impl Display) -> Self {
        Self { status, message: message.to_string() }
    }

    /// A panic, with its message if it has one.
    pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Self {
        let message = payload.downcast_ref::<&str>().copied();
        let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self::new(SyqStatus::Internal, format!("a defect of the library: {}", message.unwrap_or("a panic")))
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        let status = match error {
            SessionError::File(error) => return error.into(),
            SessionError::Preprocess(error) => return error.into(),
            SessionError::Format(_) | SessionError::Plan(_) => SyqStatus::Model,
            SessionError::Isa(_) => SyqStatus::Isa,
            SessionError::Threads { .. } => SyqStatus::Threads,
            SessionError::NoRecipe => SyqStatus::NoRecipe,
            SessionError::Input { .. } | SessionError::Logits { .. } => SyqStatus::Length,
            SessionError::Cancelled { .. } => SyqStatus::Cancelled,
            _ => SyqStatus::Internal,
        };
        Self::new(status, error)
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        let status = if matches!(error.kind, FileErrorKind::Io(_)) { SyqStatus::File } else { SyqStatus::Model };
        Self::new(status, error)
    }
}

impl From<FormatError> for Failure {
    fn from(error: FormatError) -> Self {
        Self::new(SyqStatus::Model, error)
    }
}

impl From<IsaError> for Failure {
    fn from(error: IsaError) -> Self {
        Self::new(SyqStatus::Isa, error)
    }
}

impl From<PictureError> for Failure {
    fn from(error: PictureError) -> Self {
        Self::new(SyqStatus::Picture, error)
    }
}

impl From<RgbSizeError> for Failure {
    fn from(error: RgbSizeError) -> Self {
        Self::new(SyqStatus::Picture, error)
    }
}

impl From<PreprocessError> for Failure {
    fn from(error: PreprocessError) -> Self {
        let status = match error {
            PreprocessError::OutputLength { .. } => SyqStatus::Length,
            PreprocessError::Recipe(_) => SyqStatus::Model,
            _ => SyqStatus::Picture,
        };
        Self::new(status, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a C program does not provoke; the others are provoked by `examples/selftest.c`.
    #[test]
    fn errors_keep_their_kind_and_their_words() {
        let error = SessionError::Threads { threads: 7, reason: "no room".to_owned() };
        let failure = Failure::from(error);
        assert_eq!((failure.status, &*failure.message), (SyqStatus::Threads, "cannot start 7 threads: no room"));
        let error = PreprocessError::DoesNotFit { resized: [1, 2], input: [3, 4] };
        assert_eq!(Failure::from(SessionError::Preprocess(error)).status, SyqStatus::Picture);
        let payload: Box<dyn Any + Send> = Box::new(7);
        let failure = Failure::panicked(&*payload);
        assert_eq!((failure.status, &*failure.message), (SyqStatus::Internal, "a defect of the library: a panic"));
    }
}
