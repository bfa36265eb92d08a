//! A text file that grows with a run: each line is of one step.
//!
//! A resumed run first drops the lines that came after its checkpoint, so no step is ever told twice, and
//! a line that a crash cut short.

use super::MetricsError;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// What the lines of a file look like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// The first line, where there is one before the lines of steps; else empty.
    pub(super) header: &'static str,
    /// The step of a line.
    pub(super) step: fn(&str) -> Option<u64>,
}

/// A file that lines are appended to.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Opens `path`, or makes it, and keeps the lines up to and including step `after` (0 for a new run:
    /// lines of step 0 are dropped as well).
    ///
    /// # Errors
    /// The file cannot be read or written, or has other lines; then it is unchanged.
    pub(super) fn open(path: &Path, form: Form, after: u64) -> Result<Self, MetricsError> {
        let wrap = |source| MetricsError::Io { path: path.to_owned(), source };
        let text = read_if_there(path).map_err(wrap)?;
        let kept = kept(&text, form, after, path)?;
        if kept != text {
            replace(path, kept.as_bytes()).map_err(wrap)?;
        }
        Self::extend(path)
    }

    fn extend(path: &Path) -> Result<Self, MetricsError> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|source| MetricsError::Io { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends whole lines in one write, and has them on the disk: the checkpoint that follows counts on it.
    pub(super) fn append(&mut self, lines: &str) -> Result<(), MetricsError> {
        let written = self.file.write_all(lines.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|source| MetricsError::Io { path: self.path.clone(), source })
    }
}

/// The text of a file; of one that is not there, none.
fn read_if_there(path: &Path) -> std::io::Result<String> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        result => result,
    }
}

/// Puts `content` in the place of a file, in one step; the file keeps its permissions.
pub(crate) fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let Some(permissions) = permissions(path)? else { return std::fs::write(path, content) };
    crate::atomic::replace(path, |file| {
        file.write_all(content)?;
        file.set_permissions(permissions)
    })
}

/// The permissions of a file, if there is one.
fn permissions(path: &Path) -> std::io::Result<Option<Permissions>> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        metadata => Ok(Some(metadata?.permissions())),
    }
}

fn kept(text: &str, form: Form, after: u64, path: &Path) -> Result<String, MetricsError> {
    let mut kept = String::with_capacity(text.len());
    let headers = usize::from(!form.header.is_empty());
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let Some(row) = line.strip_suffix('\n') else {
            // A line without its end is ours only if a crash cut it short.
            if index < headers && !form.header.starts_with(line) {
                return Err(foreign(path, line, form));
            }
            break;
        };
        if index < headers {
            if row != form.header {
                return Err(foreign(path, row, form));
            }
        } else {
            let step = (form.step)(row).ok_or_else(|| MetricsError::Row { path: path.to_owned(), line: index + 1 })?;
            if step > after || after == 0 {
                continue;
            }
        }
        kept.push_str(line);
    }
    if kept.is_empty() && headers > 0 {
        kept = format!("{}\n", form.header);
    }
    Ok(kept)
}

fn foreign(path: &Path, found: &str, form: Form) -> MetricsError {
    MetricsError::Header { path: path.to_owned(), found: found.to_owned(), expected: form.header }
}

/// The whole lines of a file with their numbers, from 1, without the header.
///
/// # Errors
/// The file cannot be read, is empty, has another first line, or ends within a line.
pub(super) fn lines(path: &Path, form: Form) -> Result<Vec<(usize, String)>, MetricsError> {
    let text = std::fs::read_to_string(path).map_err(|source| MetricsError::Io { path: path.to_owned(), source })?;
    if text.is_empty() {
        return Err(MetricsError::Empty { path: path.to_owned() });
    }
    let count = text.lines().count();
    if !text.ends_with('\n') {
        return Err(MetricsError::Truncated { path: path.to_owned(), line: count });
    }
    let first = text.lines().next().unwrap_or_default();
    if !form.header.is_empty() && first != form.header {
        return Err(foreign(path, first, form));
    }
    let headers = usize::from(!form.header.is_empty());
    Ok(text.lines().enumerate().skip(headers).map(|(index, line)| (index + 1, line.to_owned())).collect())
}

/// One line of a CSV file, taken apart at its commas.
pub(super) struct Fields<'a> {
    path: &'a Path,
    line: usize,
    columns: Vec<&'static str>,
    values: Vec<&'a str>,
}

impl<'a> Fields<'a> {
    /// The fields of `row`, which must be as many as `header` has.
    pub(super) fn new(path: &'a Path, line: usize, header: &'static str, row: &'a str) -> Result<Self, MetricsError> {
        let columns: Vec<&str> = header.split(',').collect();
        let values: Vec<&str> = row.split(',').collect();
        if columns.len() != values.len() {
            let (found, expected) = (values.len(), columns.len());
            return Err(MetricsError::Width { path: path.to_owned(), line, found, expected });
        }
        Ok(Self { path, line, columns, values })
    }

    /// The text of a column.
    pub(super) fn text(&self, column: &'static str) -> &'a str {
        let index = self.columns.iter().position(|name| *name == column);
        index.and_then(|index| self.values.get(index)).copied().unwrap_or_default()
    }

    /// The value of a column.
    pub(super) fn value<T: std::str::FromStr>(&self, column: &'static str) -> Result<T, MetricsError> {
        let text = self.text(column);
        text.parse().map_err(|_| MetricsError::Value {
            path: self.path.to_owned(),
            line: self.line,
            column,
            found: text.to_owned(),
        })
    }

    /// The value of a column that may be empty.
    pub(super) fn optional<T: std::str::FromStr>(&self, column: &'static str) -> Result<Option<T>, MetricsError> {
        if self.text(column).is_empty() { Ok(None) } else { self.value(column).map(Some) }
    }
}

/// The step that a CSV line begins with.
pub(super) fn leading_step(row: &str) -> Option<u64> {
    row.split(',').next().and_then(|step| step.parse().ok())
}
