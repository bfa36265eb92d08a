//! What can be wrong with the files that a run writes down.

use std::path::PathBuf;
use thiserror::Error;

/// A metrics file that cannot be used; names it, and the line where one is at fault.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// It cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file with another first line, which we do not overwrite.
    #[error("{path}: the first line is {found:?}, expected {expected:?}", path = path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// Its first line.
        found: String,
        /// The first line of such a file.
        expected: &'static str,
    },
    /// A row that does not begin with a step.
    #[error("{path}: line {line} does not begin with a step", path = path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
    },
    /// A file without a single line.
    #[error("{path}: line 1: the file is empty", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A last line without its end.
    #[error("{path}: line {line}: the file ends within it", path = path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
    },
    /// A row with another number of fields.
    #[error("{path}: line {line}: {found} fields, expected {expected}", path = path.display())]
    Width {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// Fields of the row.
        found: usize,
        /// Fields of the header.
        expected: usize,
    },
    /// A field that is not what its column holds.
    #[error("{path}: line {line}: {column} is {found:?}", path = path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// The column's name.
        column: &'static str,
        /// The field.
        found: String,
    },
    /// A line that is not the JSON that it should be.
    #[error("{path}: line {line}: {source}", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}
