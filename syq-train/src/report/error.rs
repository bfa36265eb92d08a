//! What can be wrong with a run's folder.

use crate::checkpoint::CheckpointError;
use crate::metrics::MetricsError;
use std::path::PathBuf;
use thiserror::Error;

/// A run that cannot be reported; names the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A log that cannot be read; names the line.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// A checkpoint that cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file that cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A configuration that is not TOML; the message has the line.
    #[error("{}: {source}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<toml::de::Error>,
    },
    /// A run of which no epoch has ended.
    #[error("{}: line 2: no epoch has ended yet", path.display())]
    NoEpoch {
        /// Its metrics.
        path: PathBuf,
    },
}
