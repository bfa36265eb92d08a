//! What a run writes down while it trains: `metrics.csv`, a row for each epoch and part; `layers.csv`,
//! what became of every layer ([`layers`]); `histograms.jsonl`, its weights before and after ([`histogram`]).
//!
//! A resumed run first cuts the rows that came after its checkpoint, so no step is ever told twice.

mod error;
pub mod histogram;
pub mod layers;
pub(crate) mod log;

pub use error::MetricsError;

use crate::layers::Loss;
use log::{Fields, Form, Log, leading_step};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The first line.
const HEADER: &str = "step,epoch,split,loss,top1,top5,lr,images_per_second,seconds";
const FORM: Form = Form { header: HEADER, step: leading_step };

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

/// A text that names no part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPart;

impl std::str::FromStr for Part {
    type Err = UnknownPart;

    fn from_str(text: &str) -> Result<Self, UnknownPart> {
        [Self::Train, Self::Validation, Self::Test].into_iter().find(|part| part.name() == text).ok_or(UnknownPart)
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
    /// A row without figures, for [`Self::after`] where the row of the training itself is not at hand: of `step` optimizer
    /// steps and `epoch` epochs.
    pub const fn at(step: u64, epoch: f64) -> Self {
        let [loss, top1, top5, lr, images_per_second, seconds] = [0.0; 6];
        Self { step, epoch, split: Part::Train, loss, top1, top5, lr, images_per_second, seconds }
    }

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
    log: Log,
}

impl Metrics {
    /// Opens `path`, or makes it, and keeps the rows up to and including step `after` (0 for a new run:
    /// rows of step 0 are cut as well). A last line that a crash cut short goes too.
    ///
    /// # Errors
    /// The file cannot be read or written, or is not a metrics file; then it is unchanged.
    pub fn open(path: &Path, after: u64) -> Result<Self, MetricsError> {
        Ok(Self { log: Log::open(path, FORM, after)? })
    }

    /// Opens `path`, or makes it, and keeps every row: for what is measured when a run is over.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn extend(path: &Path) -> Result<Self, MetricsError> {
        Self::open(path, u64::MAX)
    }

    /// Appends one row, in one write.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(&mut self, row: &Row) -> Result<(), MetricsError> {
        let Row { step, epoch, split, loss, top1, top5, lr, images_per_second, seconds } = *row;
        let split = split.name();
        self.log.append(&format!(
            "{step},{epoch:.4},{split},{loss:.6},{top1:.6},{top5:.6},{lr:.6e},{images_per_second:.1},{seconds:.2}\n"
        ))
    }

    /// Every row of the file at `path`.
    ///
    /// # Errors
    /// The file cannot be read, is empty, ends within a line, or has a row that is none; names the line.
    pub fn read(path: &Path) -> Result<Vec<Row>, MetricsError> {
        log::lines(path, FORM)?.iter().map(|(line, row)| parse(&Fields::new(path, *line, HEADER, row)?)).collect()
    }
}

fn parse(fields: &Fields<'_>) -> Result<Row, MetricsError> {
    Ok(Row {
        step: fields.value("step")?,
        epoch: fields.value("epoch")?,
        split: fields.value("split")?,
        loss: fields.value("loss")?,
        top1: fields.value("top1")?,
        top5: fields.value("top5")?,
        lr: fields.value("lr")?,
        images_per_second: fields.value("images_per_second")?,
        seconds: fields.value("seconds")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write as _;

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

    #[test]
    fn what_comes_after_a_run_cuts_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        let mut metrics = Metrics::open(&path, 0).unwrap();
        for step in [10, 20, 30] {
            metrics.append(&row(step)).unwrap();
        }
        // The best epoch's checkpoint is measured when the run is over; the run itself can still go on.
        Metrics::extend(&path).unwrap().append(&row(20)).unwrap();
        let steps = || Metrics::read(&path).unwrap().iter().map(|row| row.step).collect::<Vec<_>>();
        assert_eq!(steps(), [10, 20, 30, 20]);
        Metrics::open(&path, 20).unwrap();
        assert_eq!(steps(), [10, 20, 20]);
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        let mut metrics = Metrics::open(&path, 0).unwrap();
        let row = Row { images_per_second: 12.5, ..row(7) };
        metrics.append(&row).unwrap();
        assert_eq!(Metrics::read(&path).unwrap(), [row]);
    }

    #[test]
    fn a_damaged_file_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        let good = "390,1.0000,train,1.0,40.0,88.0,1e-1,653.0,76.44";
        for (text, says) in [
            (String::new(), "metrics.csv: line 1: the file is empty"),
            ("a,b\n".to_owned(), "metrics.csv: the first line is \"a,b\""),
            (format!("{HEADER}\n{good}"), "metrics.csv: line 2: the file ends within it"),
            (format!("{HEADER}\n{good}\n390,1.0,test\n"), "metrics.csv: line 3: 3 fields, expected 9"),
            (format!("{HEADER}\n{}\n", good.replace("40.0", "x")), "metrics.csv: line 2: top1 is \"x\""),
            (format!("{HEADER}\n{}\n", good.replace("train", "tests")), "metrics.csv: line 2: split is \"tests\""),
        ] {
            fs::write(&path, text).unwrap();
            let error = Metrics::read(&path).unwrap_err().to_string();
            assert!(error.contains(says), "{says}: {error}");
        }
        assert!(Metrics::read(&folder.path().join("absent")).unwrap_err().to_string().contains("absent"));
    }
}
