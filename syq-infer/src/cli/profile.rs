//! `--profile`: where the time of a run goes, step by step, as a table or as JSON.

use super::Failure;
use super::output::{one_line, percent};
use clap::ValueEnum;
use serde::Serialize;
use std::io::Write;
use std::time::Duration;
use syq_infer::StepTimes;
use syq_infer::plan::Plan;

const SCHEMA: &str = "syq.profile/1";

/// The name of the row for the time between the steps.
const OTHER: &str = "other";

/// How a profile is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ProfileFormat {
    /// For a person.
    Table,
    /// One JSON object.
    Json,
}

/// The mean of some runs. The rows' times add up to the wall time.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Profile {
    schema: &'static str,
    /// Runs that the mean is of.
    runs: usize,
    /// Images of a run.
    batch: usize,
    /// Wall time of a run.
    us: f64,
    /// Multiply-accumulates of a run.
    macs: u64,
    gmacs: f64,
    rows: Vec<Row>,
}

/// A part of the run.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Row {
    step: String,
    /// Null where no step of the plan ran.
    kernel: Option<String>,
    /// Rows, columns and channels of the feature map that the step makes.
    shape: Option<[usize; 3]>,
    macs: u64,
    us: f64,
    /// 10⁹ multiply-accumulates a second; null without any.
    gmacs: Option<f64>,
    /// Bytes that the step reads and writes, each counted once for each image.
    bytes: usize,
}

/// Adds up runs.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    /// What was timed before the engine ran: names and sums.
    before: Vec<(&'static str, Duration)>,
    steps: Vec<Duration>,
    total: Duration,
    runs: usize,
}

impl Sums {
    /// Nothing yet. `before` names what is timed beside the engine.
    pub(super) fn new(plan: &Plan, before: &[&'static str]) -> Self {
        let before = before.iter().map(|name| (*name, Duration::ZERO)).collect();
        Self { before, steps: vec![Duration::ZERO; plan.steps().count()], total: Duration::ZERO, runs: 0 }
    }

    /// A run, and what was done before it.
    pub(super) fn add(&mut self, before: &[Duration], times: &StepTimes) {
        self.before.iter_mut().zip(before).for_each(|((_, sum), time)| *sum += *time);
        self.steps.iter_mut().zip(times.steps()).for_each(|(sum, time)| *sum += *time);
        self.total += before.iter().sum::<Duration>() + times.total();
        self.runs += 1;
    }

    /// The mean of the runs, each of `batch` images.
    pub(super) fn profile(&self, plan: &Plan, batch: usize) -> Profile {
        let mean = |sum: Duration| sum.as_secs_f64() * 1e6 / self.runs.max(1) as f64;
        let outside = |step: &str, us| Row {
            step: step.to_owned(),
            kernel: None,
            shape: None,
            macs: 0,
            us,
            gmacs: None,
            bytes: 0,
        };
        let mut rows: Vec<Row> = self.before.iter().map(|(name, sum)| outside(name, mean(*sum))).collect();
        rows.extend(plan.steps().zip(&self.steps).map(|(step, sum)| {
            let (shape, macs, us) = (step.output, batch as u64 * step.macs, mean(*sum));
            Row {
                step: step.name.to_owned(),
                kernel: Some(step.kernel.clone()),
                shape: Some([shape.height, shape.width, shape.channels]),
                macs,
                us,
                gmacs: rate(macs, us),
                bytes: step.bytes,
            }
        }));
        let us = mean(self.total);
        let rest = us - rows.iter().map(|row| row.us).sum::<f64>();
        rows.push(outside(OTHER, rest.max(0.0)));
        let macs = rows.iter().map(|row| row.macs).sum();
        Profile { schema: SCHEMA, runs: self.runs, batch, us, macs, gmacs: rate(macs, us).unwrap_or(0.0), rows }
    }
}

/// 10⁹ multiply-accumulates a second.
fn rate(macs: u64, us: f64) -> Option<f64> {
    (macs > 0 && us > 0.0).then(|| macs as f64 / us / 1e3)
}

impl Profile {
    /// Prints the table or the object.
    pub(super) fn print(&self, out: &mut impl Write, format: ProfileFormat) -> Result<(), Failure> {
        match format {
            ProfileFormat::Table => self.table(out)?,
            ProfileFormat::Json => {
                serde_json::to_writer(&mut *out, self).map_err(std::io::Error::from)?;
                writeln!(out)?;
            }
        }
        Ok(())
    }

    fn table(&self, out: &mut impl Write) -> std::io::Result<()> {
        let name = |row: &Row| one_line(&row.step);
        let step = self.rows.iter().map(|row| name(row).len()).max().unwrap_or(0);
        let kernel = self.rows.iter().filter_map(|row| row.kernel.as_ref().map(String::len)).max().unwrap_or(6).max(6);
        let dash = || "–".to_owned();
        writeln!(
            out,
            "{:<step$}  {:<kernel$}  {:>12}  {:>9}  {:>10}  {:>5}  {:>7}  {:>9}",
            "step", "kernel", "shape", "MMAC", "µs", "%", "GMAC/s", "kB"
        )?;
        for row in &self.rows {
            let shape = row.shape.map_or_else(dash, |[height, width, channels]| format!("{height}×{width}×{channels}"));
            let million = if row.macs == 0 { dash() } else { format!("{:.3}", row.macs as f64 / 1e6) };
            let bytes = if row.bytes == 0 { dash() } else { format!("{:.1}", row.bytes as f64 / 1e3) };
            writeln!(
                out,
                "{:<step$}  {:<kernel$}  {shape:>12}  {million:>9}  {:>10.1}  {:>5.1}  {:>7}  {bytes:>9}",
                name(row),
                row.kernel.as_deref().unwrap_or("–"),
                row.us,
                percent((row.us * 1e3) as u64, (self.us * 1e3) as u64),
                row.gmacs.map_or_else(dash, |gmacs| format!("{gmacs:.1}")),
            )?;
        }
        writeln!(
            out,
            "{:<step$}  {:<kernel$}  {:>12}  {:>9.3}  {:>10.1}  {:>5.1}  {:>7.1}",
            "all",
            "",
            "",
            self.macs as f64 / 1e6,
            self.us,
            100.0,
            self.gmacs
        )?;
        writeln!(out, "mean of {} runs of {} images", self.runs, self.batch)
    }
}
