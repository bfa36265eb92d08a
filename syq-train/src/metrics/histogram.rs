//! `histograms.jsonl`: histograms of every layer's float weights, a line before the first step and one at the
//! end of the run.
//!
//! A bin is a power of two wide and begins at a multiple of its width. Bins of two histograms therefore
//! never overlap in part: the finer one's can be added up to the coarser one's ([`Histogram::coarsen`]).

use super::MetricsError;
use super::log::{self, Form, Log};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The range of the values is at least half as many bins wide, and at most as many.
const BINS: f64 = 64.0;

/// How many of a layer's weights lie where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Histogram {
    /// The width of a bin is 2 to this power.
    pub exponent: i32,
    /// The first bin begins at this multiple of the width.
    pub first: i64,
    /// Number of values in each bin, from the first; a value on an edge belongs to the upper bin.
    pub counts: Vec<u64>,
    /// The least value.
    pub min: f32,
    /// The greatest value.
    pub max: f32,
    /// Sum of the values.
    pub sum: f64,
    /// Sum of their squares.
    pub sum_squares: f64,
}

impl Histogram {
    /// The histogram of `values`; those that are not finite are left out.
    pub fn new(values: &[f32]) -> Self {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let (min, max) = finite().fold((f32::INFINITY, f32::NEG_INFINITY), |(min, max), x| (min.min(x), max.max(x)));
        if min > max {
            return Self { exponent: 0, first: 0, counts: Vec::new(), min: 0.0, max: 0.0, sum: 0.0, sum_squares: 0.0 };
        }
        let range = f64::from(max) - f64::from(min);
        // Equal values, all in one bin: any width of their own size will do.
        let spread = if range > 0.0 { range } else { f64::from(max.abs()) };
        let exponent = if spread > 0.0 { (spread / BINS).log2().ceil() as i32 } else { 0 };
        let inverse = 2f64.powi(-exponent);
        let bin = |value: f32| {
            // Rounded towards zero, then down: the processor's baseline has no instruction for the latter.
            let place = f64::from(value) * inverse;
            let bin = place as i64;
            bin - i64::from(bin as f64 > place)
        };
        let first = bin(min);
        let mut counts = vec![0; (bin(max) - first) as usize + 1];
        let (mut sum, mut sum_squares) = (0.0, 0.0);
        for value in finite() {
            if let Some(count) = counts.get_mut((bin(value) - first) as usize) {
                *count += 1;
            }
            sum += f64::from(value);
            sum_squares += f64::from(value) * f64::from(value);
        }
        Self { exponent, first, counts, min, max, sum, sum_squares }
    }

    /// Width of a bin.
    pub fn width(&self) -> f64 {
        2f64.powi(self.exponent)
    }

    /// Number of values.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Each bin's lower and upper edge with its number of values.
    pub fn bins(&self) -> impl Iterator<Item = ([f64; 2], u64)> {
        let width = self.width();
        let edge = move |bin: i64| bin as f64 * width;
        let bins = (self.first..).zip(self.counts.iter().copied());
        bins.map(move |(bin, count)| ([edge(bin), edge(bin.saturating_add(1))], count))
    }

    /// The same values in bins 2 to the power `exponent` wide; one that is not coarser gives a copy.
    #[must_use]
    pub fn coarsen(&self, exponent: i32) -> Self {
        let mut coarse = self.clone();
        let shift = exponent.saturating_sub(self.exponent).clamp(0, 62);
        if shift == 0 {
            return coarse;
        }
        coarse.exponent += shift;
        coarse.first = self.first >> shift;
        coarse.counts.clear();
        for (bin, count) in (self.first..).zip(&self.counts) {
            let index = ((bin >> shift) - coarse.first) as usize;
            if coarse.counts.len() <= index {
                coarse.counts.resize(index + 1, 0);
            }
            coarse.counts[index] += count;
        }
        coarse
    }
}

/// The weights of one layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerHistogram {
    /// The layer's name.
    pub layer: String,
    /// Filters, kernel rows, kernel columns, channels of a filter.
    pub shape: [usize; 4],
    /// The threshold below which a weight's code is 0, where the weights have codes and are not normalised before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f32>,
    /// Where the weights lie.
    pub weights: Histogram,
}

/// All layers at one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Optimizer steps taken so far.
    pub step: u64,
    /// The layers, in the network's order.
    pub layers: Vec<LayerHistogram>,
}

/// A line's step, whatever else it says.
#[derive(Deserialize)]
struct Step {
    step: u64,
}

fn step_of(line: &str) -> Option<u64> {
    serde_json::from_str(line).ok().map(|Step { step }| step)
}

const FORM: Form = Form { header: "", step: step_of };

/// Appends to `histograms.jsonl`.
#[derive(Debug)]
pub struct HistogramLog {
    log: Log,
}

impl HistogramLog {
    /// Opens `path`, or makes it, and keeps the snapshots up to and including step `after` (0: none).
    ///
    /// # Errors
    /// The file cannot be read or written, or has other lines; then it is unchanged.
    pub fn open(path: &Path, after: u64) -> Result<Self, MetricsError> {
        Ok(Self { log: Log::open(path, FORM, after)? })
    }

    /// Appends one snapshot, a line.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(&mut self, snapshot: &Snapshot) -> Result<(), MetricsError> {
        let fail =
            |source: serde_json::Error| MetricsError::Io { path: self.log.path().to_owned(), source: source.into() };
        let line = serde_json::to_string(snapshot).map_err(fail)?;
        self.log.append(&(line + "\n"))
    }

    /// Every snapshot of the file at `path`.
    ///
    /// # Errors
    /// The file cannot be read, is empty, ends within a line, or has a line that is no snapshot; names the line.
    pub fn read(path: &Path) -> Result<Vec<Snapshot>, MetricsError> {
        let lines = log::lines(path, FORM)?;
        let parse = |(line, text): &(usize, String)| {
            let json = |source| MetricsError::Json { path: path.to_owned(), line: *line, source };
            serde_json::from_str(text).map_err(json)
        };
        lines.iter().map(parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_its_bin() {
        let values: Vec<f32> = (-300..500).map(|i| i as f32 * 0.01).collect();
        let histogram = Histogram::new(&values);
        assert_eq!((histogram.total(), histogram.min, histogram.max, histogram.width()), (800, -3.0, 4.99, 0.125));
        for ([low, high], count) in histogram.bins() {
            let inside = values.iter().filter(|v| (low..high).contains(&f64::from(**v))).count();
            assert_eq!(count, inside as u64, "{low} to {high}");
        }
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>();
        assert!((histogram.sum - mean).abs() < 1e-9);
    }

    #[test]
    fn finer_bins_add_up_to_coarser_ones() {
        let values: Vec<f32> = (0..4096).map(|i| ((i * 2_654_435_761u64) % 4001) as f32 / 4000.0 - 0.37).collect();
        let fine = Histogram::new(&values);
        let coarse = fine.coarsen(fine.exponent + 3);
        assert_eq!((coarse.total(), coarse.width()), (4096, fine.width() * 8.0));
        for ([low, high], count) in coarse.bins() {
            let inside = values.iter().filter(|v| (low..high).contains(&f64::from(**v))).count();
            assert_eq!(count, inside as u64, "{low} to {high}");
        }
        assert_eq!(fine.coarsen(fine.exponent - 1), fine);
    }

    #[test]
    fn values_without_a_range_are_no_trouble() {
        assert_eq!(Histogram::new(&[]).total(), 0);
        assert_eq!(Histogram::new(&[f32::NAN, f32::INFINITY]).total(), 0);
        for value in [0.0, 0.5, -3e30, 1e-40, f32::MAX] {
            let histogram = Histogram::new(&[value, value]);
            assert_eq!(histogram.counts, [2], "{value}");
        }
        let wide = Histogram::new(&[f32::MIN, 0.0, f32::MAX]);
        assert!(wide.total() == 3 && wide.counts.len() <= 66);
    }

    #[test]
    fn snapshots_are_read_and_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("histograms.jsonl");
        let layer = LayerHistogram {
            layer: "conv1".to_owned(),
            shape: [2, 1, 1, 2],
            threshold: Some(0.1),
            weights: Histogram::new(&[0.1, 0.7, -0.3, 0.0]),
        };
        let snapshots = [0, 30].map(|step| Snapshot { step, layers: vec![layer.clone()] });
        let mut log = HistogramLog::open(&path, 0).unwrap();
        for snapshot in &snapshots {
            log.append(snapshot).unwrap();
        }
        assert_eq!(HistogramLog::read(&path).unwrap(), snapshots);
        HistogramLog::open(&path, 20).unwrap();
        assert_eq!(HistogramLog::read(&path).unwrap(), snapshots[..1]);
        std::fs::write(&path, "{\"step\":0}\n").unwrap();
        let error = HistogramLog::read(&path).unwrap_err().to_string();
        assert!(error.contains("histograms.jsonl: line 1: missing field `layers`"), "{error}");
    }
}
