//! Why a contestant cannot be started, does not answer, or has no model.

use std::path::PathBuf;
use syq_pack::file::FileError;
use syq_pack::{ModelError, NetworkError};
use thiserror::Error;

/// A contestant that cannot run, or a report that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PeerError {
    /// A program that cannot be started or spoken to.
    #[error("cannot {what} {}: {source}", program.display())]
    Program {
        /// What was tried.
        what: &'static str,
        /// The program.
        program: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A program that ended, with the last lines of what it said.
    #[error("{log}")]
    Ended {
        /// The last lines of its standard error.
        log: String,
    },
    /// An answer that is not of the protocol.
    #[error("asked for {asked} runs, the worker answered {answer:?}")]
    Answer {
        /// Runs that were asked for.
        asked: usize,
        /// The line.
        answer: String,
    },
    /// A network that does not fit together.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A model that does not fit together.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A model file that cannot be written or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file that cannot be written or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A report or network that is no JSON of ours.
    #[error("{}: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// A report of something else that is to be added to.
    #[error("the report to add to has {what} {found}, this run has {here}")]
    Other {
        /// What differs.
        what: &'static str,
        /// Of the report.
        found: String,
        /// Of this run.
        here: String,
    },
}
