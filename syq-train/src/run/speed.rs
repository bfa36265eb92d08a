//! How fast a run trains: the real loop, with a stopwatch.

use super::{CHECKPOINT, Observer, Progress, Run, RunError, Start};
use crate::config::{Config, NetworkConfig, Weights};
use crate::data::Dataset;
use crate::metrics::Row;
use std::path::Path;
use std::time::{Duration, Instant};

/// Opens a run in `folder` to be timed: [`Run::open`] of the configuration, but with epochs enough for `steps` steps,
/// all of them on pictures of the full size, and without checkpoints in between. A quantized network without an `init` starts from a float one that was not
/// trained: its speed is the same.
///
/// # Errors
/// As [`Run::open`].
pub fn open(config: Config, folder: &Path, data: Dataset, steps: u64) -> Result<Run, RunError> {
    let mut config = config;
    let batches = (data.len() / config.train.batch.max(1)).max(1) as u64;
    // Held-out images make an epoch shorter, but never by half of it.
    let needed = u32::try_from(2 * steps / batches + 2).unwrap_or(u32::MAX);
    config.train.epochs = config.train.epochs.max(needed);
    config.train.checkpoint_epochs = u32::MAX;
    config.train.progressive_sizes = Vec::new();
    if config.network.weights != Weights::Float && config.train.init.is_none() {
        let float = folder.join("float");
        untrained(&config, &float, &data)?;
        config.train.init = Some(float.join(CHECKPOINT));
    }
    Run::open(config, &folder.join("run"), data, Start::New)
}

/// Writes the checkpoint of the float twin as it is before its first step.
fn untrained(config: &Config, folder: &Path, data: &Dataset) -> Result<(), RunError> {
    let mut config = config.clone();
    config.recipe = None;
    config.network = NetworkConfig::float(config.network.name);
    config.train.progressive_bits = Vec::new();
    config.train.distillation = None;
    Run::open(config, folder, data.clone(), Start::New)?.checkpoint()
}

/// The time of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepTime {
    /// From the end of the step before it.
    pub whole: Duration,
    /// The part of it that was spent waiting for the images: see [`Progress::waited`].
    pub waited: Duration,
}

/// Trains `steps` further steps and returns the time of each, from the end of the one before it: loading, augmentation,
/// both passes, the update, and at the end of an epoch what belongs there. The first one's begins with the call.
///
/// # Errors
/// As [`Run::train`].
pub fn time(run: &mut Run, steps: u64) -> Result<Vec<StepTime>, RunError> {
    let until = run.steps_done().saturating_add(steps);
    let mut watch = Stopwatch { last: Instant::now(), times: Vec::new() };
    run.train(Some(until), &mut watch)?;
    Ok(watch.times)
}

#[derive(Debug)]
struct Stopwatch {
    last: Instant,
    times: Vec<StepTime>,
}

impl Observer for Stopwatch {
    fn step(&mut self, progress: &Progress) {
        let now = Instant::now();
        self.times.push(StepTime { whole: now - self.last, waited: progress.waited });
        self.last = now;
    }

    fn epoch(&mut self, _: &Row) {}
}
