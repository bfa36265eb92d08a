//! `cargo xtask reproduce NAME`: trains a recorded run again, measures it and compares.
//!
//! Each run is trained in a folder of its own and goes on where that folder's checkpoint stands, so that a command
//! that was killed is repeated as it is.

use super::compare::{self, Expectation};
use super::entry::{Split, Top1};
use super::judge::judge;
use super::plan::{From, Step, plan};
use super::registry::Registry;
use crate::bench::say;
use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::path::{Path, PathBuf};
use syq_train::config::{Config, DataFormat};
use syq_train::metrics::Row;
use syq_train::run::{CHECKPOINT, DataPart, Observer, Progress, Run, Start, accuracy, export, load_part, threads};

/// Name of the exported model in the last run's folder.
const MODEL: &str = "model.safetensors";

/// What is asked for.
#[derive(Debug)]
pub(super) struct Task<'a> {
    /// The run.
    pub(super) name: &'a str,
    /// How much is trained again.
    pub(super) from: From,
    /// The data set's folder, instead of the configurations'.
    pub(super) data: Option<&'a Path>,
    /// Where the runs go.
    pub(super) out: &'a Path,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Outcome {
    /// The run.
    pub(super) name: String,
    /// What is published.
    pub(super) published: Option<Top1>,
    /// What it is now.
    pub(super) found: Top1,
    /// How near it had to come.
    pub(super) expected: Expectation,
    /// Why the very count was not expected, where it was not.
    pub(super) because: Option<String>,
    /// Whether it came so near.
    pub(super) reproduced: bool,
    /// The model file that was measured.
    pub(super) model: PathBuf,
}

impl Outcome {
    /// A sentence for people.
    pub(super) fn text(&self) -> String {
        let verdict = if self.reproduced { "reproduced" } else { "NOT reproduced" };
        let expected = match (self.expected, &self.because) {
            (Expectation::Exact, _) => "the same count was expected".to_owned(),
            (Expectation::Within(images), because) => {
                let because = because.as_ref().map_or_else(String::new, |because| format!(": {because}"));
                format!("at most {images} images more or less were expected{because}")
            }
            (Expectation::Nothing, _) => "nothing is published of it".to_owned(),
        };
        let published = self.published.map_or_else(String::new, |published| format!(", published {published}"));
        format!("{}: {}{published}: {verdict} ({expected})\n", self.name, self.found)
    }
}

/// Trains, measures and compares.
pub(super) fn run(repository: &Path, registry: &Registry, task: &Task<'_>) -> anyhow::Result<Outcome> {
    let steps = plan(registry, task.name, task.from, &task.out.join(task.name).join(task.from.name()))?;
    let runs: Vec<_> = steps.iter().map(|step| step.run).collect();
    let because = compare::differs(repository, &runs);
    for (index, step) in steps.iter().enumerate() {
        say(&format!("{} of {}: {} in {}", index + 1, steps.len(), step.run.entry.name, step.folder.display()))?;
        let entry = &step.run.entry;
        let text = std::fs::read_to_string(repository.join(&entry.config))?;
        train(&step.folder, config(repository, step, task.data)?, &text, entry.stop_after)
            .with_context(|| entry.name.clone())?;
    }
    let last = steps.last().context("there is nothing to train")?;
    let (found, model) = measure(repository, last, task.data).with_context(|| last.run.entry.name.clone())?;
    let published = last.run.entry.top1;
    let expected = match (published, &because) {
        (None, _) => Expectation::Nothing,
        (Some(_), None) => Expectation::Exact,
        (Some(published), Some(_)) => Expectation::noise(published),
    };
    let reproduced = expected.holds(published, found);
    Ok(Outcome { name: task.name.to_owned(), published, found, expected, because, reproduced, model })
}

/// The configuration with the folders of images that hold here: from the top of the repository, or in `data`.
pub(super) fn place(repository: &Path, mut config: Config, data: Option<&Path>) -> anyhow::Result<Config> {
    let format = config.data.format;
    let place = |path: &Path| match (data, format) {
        (None, _) => Ok(repository.join(path)),
        (Some(data), DataFormat::Cifar10) => Ok(data.to_owned()),
        // Such as train and val: what the configuration calls them.
        (Some(data), DataFormat::Folder) => {
            let part = path.file_name().with_context(|| format!("{} names no folder", path.display()))?;
            anyhow::Ok(data.join(part))
        }
    };
    let (train, test) = (place(&config.data.train)?, config.data.test.as_deref().map(place).transpose()?);
    (config.data.train, config.data.test) = (train, test);
    Ok(config)
}

/// The configuration of a step, with the paths that hold here.
fn config(repository: &Path, step: &Step<'_>, data: Option<&Path>) -> anyhow::Result<Config> {
    let mut config = place(repository, step.run.config.clone(), data)?;
    config.train.init.clone_from(&step.init);
    if let (Some(distillation), Some(teacher)) = (&mut config.train.distillation, &step.teacher) {
        distillation.teacher.clone_from(teacher);
    }
    Ok(config)
}

fn open(config: Config, folder: &Path) -> anyhow::Result<Run> {
    let threads = threads(&config);
    let Some(images) = load_part(&config, DataPart::Train, threads, &|_, _| {})? else { bail!("no training images") };
    let start = if folder.join(CHECKPOINT).exists() { Start::Resume } else { Start::New };
    Ok(Run::open(config, folder, images, start)?)
}

/// Trains `config`, whose text is kept in `folder`, to its end or `stop_after` from where the folder's checkpoint stands.
pub(super) fn train(folder: &Path, config: Config, text: &str, stop_after: Option<u64>) -> anyhow::Result<()> {
    let mut run = open(config, folder)?;
    let end = stop_after.unwrap_or(u64::MAX).min(run.steps());
    if run.steps_done() < end {
        if run.steps_done() > 0 {
            say(&format!("goes on after step {} of {end}", run.steps_done()))?;
        }
        run.keep_config(text)?;
        run.train(stop_after, &mut Watcher::new(end, run.steps_done()))?;
    }
    Ok(())
}

/// Exports the run, counts its right answers in the engine, and writes the model file.
fn measure(repository: &Path, step: &Step<'_>, data: Option<&Path>) -> anyhow::Result<(Top1, PathBuf)> {
    let config = config(repository, step, data)?;
    let (mut model, _) = export(&step.folder.join(CHECKPOINT))?;
    let split = step.run.entry.top1.map_or(Split::Test, |top1| top1.split);
    let loss = judge(&config, &model, split)?;
    let entry = &step.run.entry;
    model.origin.recipe = Some(entry.recipe.clone());
    model.origin.data_set = Some(entry.data_set.clone());
    model.origin.command = Some(format!("cargo xtask reproduce {}", entry.name));
    model.origin.top1 = Some(accuracy(&loss));
    let path = step.folder.join(MODEL);
    model.write(&path)?;
    Ok((Top1 { right: loss.correct as u64, of: loss.images as u64, split }, path))
}

/// Shows a run on standard error.
#[derive(Debug)]
struct Watcher {
    bar: ProgressBar,
}

impl Watcher {
    fn new(steps: u64, done: u64) -> Self {
        // Hidden by itself where standard error is no terminal.
        let bar = ProgressBar::new(steps).with_position(done);
        if let Ok(style) = ProgressStyle::with_template("{bar:24} step {pos} of {len}, {eta} left  {msg}") {
            bar.set_style(style);
        }
        bar.reset_eta();
        Self { bar }
    }
}

impl Observer for Watcher {
    fn step(&mut self, p: &Progress) {
        self.bar.set_position(p.step[0]);
        self.bar.set_message(format!("loss {:.3}, {:.0} images/s", p.seen.mean(), p.images_per_second));
    }

    fn epoch(&mut self, row: &Row) {
        let (epoch, split) = (row.epoch, row.split.name());
        let line = format!("epoch {epoch:.0} {split}: loss {:.4} top-1 {:.2} %", row.loss, row.top1);
        self.bar.suspend(|| drop(say(&line)));
    }
}

#[cfg(test)]
pub(super) mod tests;
