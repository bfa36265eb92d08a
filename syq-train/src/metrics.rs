//! `metrics.csv`: one row for each logged training interval and each evaluation.
//!
//! A resumed run first cuts the rows that came after its checkpoint, so no step is ever told twice.

use crate::layers::Loss;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The first line.
const HEADER: &str = "step,epoch,split,loss,top1,top5,lr,images_per_second,seconds";

/// A metrics file that cannot be used; names it.
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
    #[error("{path}: the first line is {found:?}, expected {HEADER:?}", path = path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// Its first line.
        found: String,
    },
    /// A row that does not begin with a step.
    #[error("{path}: line {line} does not begin with a step", path = path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
    },
}

/// Which images a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Training images, augmented, while the weights change.
    Train,
    /// Held-out training images.
    Validation,
    /// Test images.
    Test,
}

impl Part {
    /// The name, lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// One row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Optimizer steps taken so far.
    pub step: u64,
    /// Epochs done, fractions included.
    pub epoch: f64,
    /// Which images.
    pub split: Part,
    /// Mean loss.
    pub loss: f64,
    /// Percentage of images whose class was the first guess.
    pub top1: f64,
    /// Percentage whose class was among the first five.
    pub top5: f64,
    /// Learning rate.
    pub lr: f64,
    /// Throughput.
    pub images_per_second: f64,
    /// Seconds since the run (or its resumption) began.
    pub seconds: f64,
}

impl Row {
    /// The row of other images, measured in `seconds` after the training row `trained`.
    pub fn after(trained: &Self, split: Part, loss: &Loss, seconds: f64) -> Self {
        Self {
            split,
            loss: loss.mean(),
            top1: loss.top1(),
            top5: loss.top5(),
            images_per_second: loss.images as f64 / seconds,
            seconds: trained.seconds + seconds,
            ..*trained
        }
    }
}

/// Appends rows to a file.
#[derive(Debug)]
pub struct Metrics {
    path: PathBuf,
    file: File,
}

impl Metrics {
    /// Opens `path`, or makes it, and keeps the rows up to and including step `after` (0 for a new run:
    /// rows of step 0 are cut as well). A last line that a crash cut short goes too.
    ///
    /// # Errors
    /// The file cannot be read or written, or is not a metrics file; then it is unchanged.
    pub fn open(path: &Path, after: u64) -> Result<Self, MetricsError> {
        let wrap = |source| MetricsError::Io { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path).map_err(wrap)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(wrap)?;
        let mut keep = 0;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let Some(row) = line.strip_suffix('\n') else { break };
            if index == 0 && row != HEADER {
                return Err(MetricsError::Header { path: path.to_owned(), found: row.to_owned() });
            }
            if index > 0 {
                let step = row.split(',').next().and_then(|step| step.parse::<u64>().ok());
                let step = step.ok_or_else(|| MetricsError::Row { path: path.to_owned(), line: index + 1 })?;
                if step > after || after == 0 {
                    break;
                }
            }
            keep += line.len();
        }
        // A single line without its end is only ours if a crash cut our own header short.
        if keep == 0 && !HEADER.starts_with(text.as_str()) {
            let found = text.lines().next().unwrap_or("").to_owned();
            return Err(MetricsError::Header { path: path.to_owned(), found });
        }
        file.set_len(keep as u64).map_err(wrap)?;
        file.seek(SeekFrom::End(0)).map_err(wrap)?;
        if keep == 0 {
            writeln!(file, "{HEADER}").map_err(wrap)?;
        }
        Ok(Self { path: path.to_owned(), file })
    }

    /// Appends one row, in one write.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(&mut self, row: &Row) -> Result<(), MetricsError> {
        let Row { step, epoch, split, loss, top1, top5, lr, images_per_second, seconds } = *row;
        let split = split.name();
        let line = format!(
            "{step},{epoch:.4},{split},{loss:.6},{top1:.6},{top5:.6},{lr:.6e},{images_per_second:.1},{seconds:.2}\n"
        );
        self.file.write_all(line.as_bytes()).map_err(|source| MetricsError::Io { path: self.path.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn row(step: u64) -> Row {
        let [epoch, loss, top1, top5, lr] = [0.5, 1.25, 0.75, 0.875, 0.001];
        Row { step, epoch, split: Part::Validation, loss, top1, top5, lr, images_per_second: 1234.56, seconds: 9.0 }
    }

    #[test]
    fn a_resumed_run_repeats_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        let mut metrics = Metrics::open(&path, 0).unwrap();
        for step in [0, 10, 10, 20, 30] {
            metrics.append(&row(step)).unwrap();
        }
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"4").unwrap();
        let mut metrics = Metrics::open(&path, 10).unwrap();
        metrics.append(&row(20)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let steps: Vec<&str> = text.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
        assert_eq!(steps, ["0", "10", "10", "20"]);
        assert_eq!(
            text.lines().last().unwrap(),
            "20,0.5000,validation,1.250000,0.750000,0.875000,1.000000e-3,1234.6,9.00"
        );
        Metrics::open(&path, 0).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{HEADER}\n"));
    }

    #[test]
    fn foreign_files_stay_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        for text in ["a,b\n1,2\n", "no end", &format!("{HEADER}\nx,1\n")] {
            fs::write(&path, text).unwrap();
            assert!(Metrics::open(&path, 5).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        fs::write(&path, &HEADER[..7]).unwrap();
        Metrics::open(&path, 5).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{HEADER}\n"));
    }
}
