//! A training run: configuration and data in, a folder with metrics and a checkpoint out.
//!
//! The folder holds `config.toml` (the configuration as it was read), what the run wrote down (`metrics.csv`,
//! `layers.csv`, `histograms.jsonl`) and `checkpoint.safetensors`. Everything random is a function of (seed, epoch, image), so a run that
//! is stopped and resumed anywhere ends in the same bytes.

mod error;
mod model;
mod prepare;
mod record;
pub mod speed;
mod stage;
mod state;
mod statistics;
mod teacher;

pub use error::RunError;
pub(crate) use model::build;
pub use model::{accuracy, evaluate, export, export_checkpoint};
pub use prepare::{Part as DataPart, Start, load_part, precision, threads};
pub use state::{RunMetadata, Seen};

use crate::config::Config;
use crate::data::{Dataset, Loader, Normalization, Order, Pass, Split};
use crate::graph::Graph;
use crate::layers::{CrossEntropy, Distilled, Loss};
use crate::metrics::layers::LayerRow;
use crate::metrics::{Part, Row};
use crate::optim::{Optimizer, Schedule};
use crate::parallel::Workers;
use record::Record;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use teacher::Teacher;

/// Name of the checkpoint in a run's folder.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// Name of the best epoch's checkpoint, where images are held out for validation.
pub const BEST: &str = "best.safetensors";
/// Name of the metrics in a run's folder.
pub const METRICS: &str = "metrics.csv";
/// Name of the layers' statistics in a run's folder.
pub const LAYERS: &str = "layers.csv";
/// Name of the weights' histograms in a run's folder.
pub const HISTOGRAMS: &str = "histograms.jsonl";
/// Name of the TensorBoard event file in a run's folder, where the configuration asks for one.
pub const TENSORBOARD: &str = "events.out.tfevents.0.syq-train";
/// Name of the file with the commands that made a run, in its folder.
pub const COMMAND: &str = "command.txt";
/// Name of the configuration in a run's folder.
pub const CONFIG: &str = "config.toml";

/// Where a run is, after every step.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Epoch, from 0.
    pub epoch: u64,
    /// Steps done in this epoch, of how many.
    pub batch: [usize; 2],
    /// Steps done in the run, of how many.
    pub step: [u64; 2],
    /// Steps left in the run, each counted by the pixels of its images where this step's count 1: those on larger pictures
    /// (`train.progressive_sizes`) take longer.
    pub work_left: f64,
    /// What the epoch's images gave so far.
    pub seen: Loss,
    /// Learning rate of the step.
    pub learning_rate: f32,
    /// Images a second since the run was started or resumed.
    pub images_per_second: f64,
    /// How long the step waited for its images, which the loader prepares meanwhile. At the beginning of an epoch that is
    /// the whole preparation of the first batch.
    pub waited: Duration,
}

/// What a run tells whoever watches it.
pub trait Observer {
    /// After every step.
    fn step(&mut self, progress: &Progress);
    /// After every epoch, with the row that goes to the metrics.
    fn epoch(&mut self, row: &Row);
    /// After every epoch, with what became of the layers.
    fn layers(&mut self, _rows: &[LayerRow]) {}
    /// Asked after every step: whether the run goes on, or stops there with a checkpoint.
    fn flow(&self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// A run in memory.
#[derive(Debug)]
pub struct Run {
    config: Config,
    folder: PathBuf,
    graph: Graph,
    teacher: Option<Teacher>,
    optimizer: OptimizerBox,
    schedule: Schedule,
    workers: Workers,
    data: Arc<Dataset>,
    split: Split,
    normalization: Arc<Normalization>,
    step: u64,
    seen: Seen,
    best: usize,
}

struct OptimizerBox(Box<dyn Optimizer>);

impl std::fmt::Debug for OptimizerBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Optimizer")
    }
}

impl Run {
    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The network with its parameters.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The training images.
    pub fn data(&self) -> &Arc<Dataset> {
        &self.data
    }

    /// Which images train and which are held out.
    pub fn split(&self) -> &Split {
        &self.split
    }

    /// Steps done.
    pub fn steps_done(&self) -> u64 {
        self.step
    }

    /// Steps of the whole run.
    pub fn steps(&self) -> u64 {
        self.batches() as u64 * u64::from(self.config.train.epochs)
    }

    fn batches(&self) -> usize {
        self.split.train.len() / self.config.train.batch
    }

    /// Trains to the end, until step `until` where one is given, or until the observer wants no more, and leaves a
    /// checkpoint.
    ///
    /// # Errors
    /// A loss that is no number, or a file that cannot be written. In every case the last checkpoint is whole, and the
    /// run can be resumed from there.
    pub fn train(&mut self, until: Option<u64>, observer: &mut dyn Observer) -> Result<(), RunError> {
        let mut end = until.unwrap_or(u64::MAX).min(self.steps());
        let mut record = Record::open(self)?;
        let started = Instant::now();
        let mut images = 0u64;
        while self.step < end {
            let batches = self.batches() as u64;
            let epoch = self.step / batches;
            self.enter_stage(epoch)?;
            let mut asked = Instant::now();
            let mut loader = Loader::new(self.pass(epoch)?, (self.step % batches) as usize)?;
            while self.step < end && self.step / batches == epoch {
                let Some(batch) = loader.next() else { break };
                let batch = batch?;
                let waited = asked.elapsed();
                let learning_rate = self.schedule.rate(self.step);
                self.update(&batch.images, &batch.labels, learning_rate)?;
                images += batch.labels.len() as u64;
                loader.recycle(batch);
                observer.step(&Progress {
                    epoch,
                    batch: [(self.step - epoch * batches) as usize, batches as usize],
                    step: [self.step, self.steps()],
                    work_left: self.work_left(epoch),
                    seen: self.seen.loss(),
                    learning_rate,
                    images_per_second: images as f64 / started.elapsed().as_secs_f64(),
                    waited,
                });
                if observer.flow().is_break() {
                    end = self.step;
                }
                asked = Instant::now();
            }
            if self.step.is_multiple_of(batches) {
                let row = self.row(started, images);
                record.row(&row)?;
                observer.epoch(&row);
                self.seen = Seen::default();
                // Before anything is measured or kept of a network that is lost.
                self.finite_state()?;
                if !self.split.validation.is_empty() || self.step == self.steps() {
                    self.estimate_statistics()?;
                }
                if let Some(row) = self.validate(&row)? {
                    record.row(&row)?;
                    observer.epoch(&row);
                }
                observer.layers(&record.layers(self)?);
                if (epoch + 1).is_multiple_of(u64::from(self.config.train.checkpoint_epochs)) {
                    self.checkpoint()?;
                }
            }
        }
        self.checkpoint()
    }

    /// The training images of an epoch, as the network of the stage takes them.
    fn pass(&self, epoch: u64) -> Result<Pass, RunError> {
        let input = self.graph.network().input;
        let order = Order::Shuffled {
            seed: self.config.train.seed,
            epoch,
            size: [input.height, input.width],
            augmentation: self.config.augmentation(),
        };
        Ok(Pass::new(&self.data, &self.split.train, &self.normalization, order, self.config.train.batch)?)
    }

    /// One step: forward, backward and update.
    fn update(&mut self, images: &[f32], labels: &[u32], learning_rate: f32) -> Result<(), RunError> {
        let cross_entropy = CrossEntropy { label_smoothing: self.config.train.label_smoothing };
        let measured = match &mut self.teacher {
            None => self.graph.step(&self.workers, images, labels, &cross_entropy)?,
            Some(teacher) => {
                let (teacher, settings) = teacher.answer(&self.workers, images, labels.len())?;
                let objective = Distilled { labels: cross_entropy, teacher: &teacher, settings };
                self.graph.step(&self.workers, images, labels, &objective)?
            }
        };
        if !measured.sum.is_finite() {
            let loss = measured.mean();
            return Err(crate::error::TrainError::Diverged { loss, step: self.step as usize }.into());
        }
        self.seen.add(&measured);
        let mut parameters: Vec<_> =
            self.graph.parameters_mut().iter_mut().map(|parameter| parameter.for_optimizer()).collect();
        self.optimizer.0.step(&self.workers, learning_rate, &mut parameters)?;
        self.step += 1;
        Ok(())
    }

    /// Measures the held-out images in the engine; the best epoch's checkpoint is kept.
    fn validate(&mut self, trained: &Row) -> Result<Option<Row>, RunError> {
        if self.split.validation.is_empty() {
            return Ok(None);
        }
        let started = Instant::now();
        let loss = evaluate(&self.model()?, &self.data, &self.split.validation, self.workers.threads())?;
        if loss.correct > self.best {
            self.best = loss.correct;
            self.write(BEST)?;
        }
        Ok(Some(Row::after(trained, Part::Validation, &loss, started.elapsed().as_secs_f64())))
    }

    fn row(&self, started: Instant, images: u64) -> Row {
        let loss = self.seen.loss();
        let seconds = started.elapsed().as_secs_f64();
        Row {
            step: self.step,
            epoch: self.step as f64 / self.batches() as f64,
            split: Part::Train,
            loss: loss.mean(),
            top1: loss.top1(),
            top5: loss.top5(),
            lr: f64::from(self.schedule.rate(self.step - 1)),
            images_per_second: images as f64 / seconds,
            seconds,
        }
    }

    /// Path of the run's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
