//! TensorBoard event files: what `metrics.csv` and `layers.csv` say as scalars, and the weights' histograms.
//!
//! One file a run, in the run's folder, so that `tensorboard --logdir runs` shows each run under its
//! folder's name. As in the other logs, a resumed run first drops what came after its checkpoint. The
//! times are those of the clock; everything else is the same in a resumed run and in an undisturbed one.

mod message;
mod record;

pub use record::RecordError;

use crate::metrics::Row;
use crate::metrics::histogram::{Histogram, LayerHistogram};
use crate::metrics::layers::LayerRow;
use crate::metrics::{Part, log};
use message::{Event, HistogramProto, Summary, Value, value, what};
use prost::Message as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use thiserror::Error;

/// The file's version, which its first record states.
const VERSION: &str = "brain.Event:2";

/// An event file that cannot be used; names it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TensorBoardError {
    /// It cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It holds something else, or was damaged; then it is left as it is.
    #[error("{path}: byte {offset}: {source}", path = path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Where the record at fault begins.
        offset: usize,
        /// What is wrong with it.
        source: RecordError,
    },
}

/// Appends events to a file.
#[derive(Debug)]
pub struct TensorBoard {
    path: PathBuf,
    file: File,
}

impl TensorBoard {
    /// Opens `path`, or makes it, and keeps the events up to and including step `after` (0: none). A last
    /// record that a crash cut short goes too.
    ///
    /// # Errors
    /// The file cannot be read or written, or is no event file; then it is unchanged.
    pub fn open(path: &Path, after: u64) -> Result<Self, TensorBoardError> {
        let wrap = |source| TensorBoardError::Io { path: path.to_owned(), source };
        let bytes = match std::fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            result => result.map_err(wrap)?,
        };
        let kept = kept(&bytes, after).map_err(|(offset, source)| TensorBoardError::Record {
            path: path.to_owned(),
            offset,
            source,
        })?;
        if kept != bytes || bytes.is_empty() {
            log::replace(path, &kept).map_err(wrap)?;
        }
        let file = OpenOptions::new().append(true).open(path).map_err(wrap)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Opens `path`, or makes it, and keeps every event: for what is measured when a run is over.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn extend(path: &Path) -> Result<Self, TensorBoardError> {
        Self::open(path, u64::MAX)
    }

    /// Loss and accuracy of a part, and the learning rate with the training images.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn metrics(&mut self, row: &Row) -> Result<(), TensorBoardError> {
        let part = row.split.name();
        let mut values = vec![
            scalar(format!("loss/{part}"), row.loss),
            scalar(format!("top1/{part}"), row.top1),
            scalar(format!("top5/{part}"), row.top5),
        ];
        if row.split == Part::Train {
            values.push(scalar("learning_rate".to_owned(), row.lr));
            values.push(scalar("images_per_second".to_owned(), row.images_per_second));
        }
        self.append(row.step, values)
    }

    /// Of each quantized layer the mean α of its subgroups, the share of zeros among its weights, and the
    /// learned step of its input.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn layers(&mut self, step: u64, rows: &[LayerRow]) -> Result<(), TensorBoardError> {
        let mut values = Vec::new();
        for rows in rows.chunk_by(|a, b| a.layer == b.layer) {
            let coded: Vec<_> = rows.iter().filter_map(|row| row.coded).collect();
            let (Some(first), false) = (rows.first(), coded.is_empty()) else { continue };
            let mean = |sum: f64| sum / coded.len() as f64;
            let scale = coded.iter().map(|coded| f64::from(coded.scale)).sum();
            let zero = coded.iter().map(|coded| coded.shares[1]).sum();
            values.push(scalar(format!("scale/{}", first.layer), mean(scale)));
            values.push(scalar(format!("zero_share/{}", first.layer), mean(zero)));
            if let Some(step) = first.activation_step {
                values.push(scalar(format!("activation_step/{}", first.layer), step.into()));
            }
        }
        self.append(step, values)
    }

    /// The histograms of the layers' weights.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn histograms(&mut self, step: u64, layers: &[LayerHistogram]) -> Result<(), TensorBoardError> {
        let value = |layer: &LayerHistogram| Value {
            tag: format!("weights/{}", layer.layer),
            value: Some(value::Value::Histogram(proto(&layer.weights))),
        };
        self.append(step, layers.iter().map(value).collect())
    }

    fn append(&mut self, step: u64, value: Vec<Value>) -> Result<(), TensorBoardError> {
        if value.is_empty() {
            return Ok(());
        }
        let what = what::What::Summary(Summary { value });
        let event = Event { wall_time: now(), step: step as i64, what: Some(what) };
        let written = self.file.write_all(&record::encode(&event.encode_to_vec()));
        written.map_err(|source| TensorBoardError::Io { path: self.path.clone(), source })
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

fn scalar(tag: String, value: f64) -> Value {
    Value { tag, value: Some(value::Value::Simple(value as f32)) }
}

/// TensorBoard knows a bin by its upper edge; the lower one is the edge before.
fn proto(histogram: &Histogram) -> HistogramProto {
    HistogramProto {
        min: histogram.min.into(),
        max: histogram.max.into(),
        num: histogram.total() as f64,
        sum: histogram.sum,
        sum_squares: histogram.sum_squares,
        bucket_limit: histogram.bins().map(|([_, high], _)| high).collect(),
        bucket: histogram.bins().map(|(_, count)| count as f64).collect(),
    }
}

/// The records of `bytes` that stay, the version's among them; or where something is wrong.
fn kept(bytes: &[u8], after: u64) -> Result<Vec<u8>, (usize, RecordError)> {
    let version = what::What::FileVersion(VERSION.to_owned());
    let mut kept = Vec::with_capacity(bytes.len());
    let mut offset = 0;
    while let Some(record) = record::decode(&bytes[offset..]).map_err(|error| (offset, error))? {
        let event = Event::decode(record.data).map_err(|error| (offset, error.into()))?;
        let is_version = matches!(event.what, Some(what::What::FileVersion(_)));
        if (offset == 0) != is_version {
            return Err((offset, RecordError::Version));
        }
        let told = after > 0 && u64::try_from(event.step).is_ok_and(|step| step <= after);
        if is_version || told {
            kept.extend_from_slice(&bytes[offset..offset + record.len]);
        }
        offset += record.len;
    }
    if kept.is_empty() {
        // What is not even one record is ours only if it begins like one.
        let event = Event { wall_time: now(), step: 0, what: Some(version) };
        kept = record::encode(&event.encode_to_vec());
        if !bytes.is_empty() && (bytes.len() > kept.len() || bytes[..bytes.len().min(8)] != kept[..bytes.len().min(8)])
        {
            return Err((0, RecordError::Version));
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests;
