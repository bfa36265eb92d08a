//! `cargo xtask reproduce --record FOLDER --name NAME`: keeps what must be kept of a finished run.
//!
//! The count is measured here, by the engine, from the run's checkpoint: nothing is copied from a log.

use super::compare;
use super::entry::{Entry, FILE, Kept, Kind, Split, Top1};
use super::judge::judge;
use super::metrics::Metrics;
use super::registry::{RUNS, Registry};
use super::retrain;
use crate::bench::say;
use anyhow::{Context, bail, ensure};
use std::path::{Path, PathBuf};
use syq_bench::Machine;
use syq_train::config::{Config, DataFormat, Weights};
use syq_train::metrics::{Metrics as Log, Part, Row};
use syq_train::run::{CHECKPOINT, CONFIG, METRICS, accuracy, export};

/// Files that are kept of a run where they exist.
const LOG: &str = "log.txt";
const LAYERS: &str = "layers.csv";
/// Name of the kept model.
const MODEL: &str = "model.safetensors";

/// What the files of a run do not tell.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "With --record")]
pub(super) struct Options {
    /// Keeps a finished run in docs/runs/NAME: configuration, metrics, log and what it measured.
    #[arg(long, value_name = "FOLDER", requires_all = ["record_name", "recipe", "data_set"])]
    pub(super) record: Option<PathBuf>,
    /// The name that it gets.
    #[arg(long = "name", id = "record_name", value_name = "NAME", requires = "record")]
    pub(super) name: Option<String>,
    /// The recipe's name: "float", "paper", "ours" or another word.
    #[arg(long, value_name = "WORD", requires = "record")]
    pub(super) recipe: Option<String>,
    /// The data set's name, such as cifar10.
    #[arg(long, value_name = "WORD", requires = "record")]
    pub(super) data_set: Option<String>,
    /// What the run is for.
    #[arg(long, value_enum, default_value = "number", requires = "record")]
    pub(super) kind: Kind,
    /// The recorded run whose checkpoint it started from.
    #[arg(long, value_name = "NAME", requires = "record")]
    pub(super) init: Option<String>,
    /// The recorded run that was its teacher.
    #[arg(long, value_name = "NAME", requires = "record")]
    pub(super) teacher: Option<String>,
    /// The recorded float network that it is compared with.
    #[arg(long, value_name = "NAME", requires = "record")]
    pub(super) float: Option<String>,
    /// Its log [default: log.txt in its folder, where there is one].
    #[arg(long, value_name = "FILE", requires = "record")]
    pub(super) log: Option<PathBuf>,
    /// The commit whose code ran [default: the checkout's; refused if that has changes].
    #[arg(long, value_name = "COMMIT", requires = "record")]
    pub(super) commit: Option<String>,
    /// The processor, for people [default: what the system calls it].
    #[arg(long, value_name = "TEXT", requires = "record")]
    pub(super) cpu: Option<String>,
    /// Whether layers.csv, where there is one, is kept.
    #[arg(long, value_enum, value_name = "WHETHER", default_value = "kept", requires = "record")]
    pub(super) layers: Kept,
    /// Keeps the checkpoint too, so that others can start from it.
    #[arg(long, requires = "record")]
    pub(super) keep_checkpoint: bool,
    /// Keeps the exported model too.
    #[arg(long, requires = "record")]
    pub(super) keep_model: bool,
}

/// Records the run in `folder`. What the repository holds is only touched when everything else has succeeded.
pub(super) fn run(repository: &Path, folder: &Path, options: &Options, data: Option<&Path>) -> anyhow::Result<PathBuf> {
    let (Some(name), Some(recipe), Some(data_set)) = (&options.name, &options.recipe, &options.data_set) else {
        bail!("--record needs --name, --recipe and --data-set");
    };
    ensure!(
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c))
            && !name.starts_with('.'),
        "the name {name:?} must consist of letters, digits, dots and hyphens"
    );
    let target = repository.join(RUNS).join(name);
    ensure!(!target.exists(), "{} exists already", target.display());
    let checkpoint = folder.join(CHECKPOINT);
    let (mut model, metadata) = export(&checkpoint)?;
    let made_with = metadata.config.clone();
    let mut config = Config::read(&folder.join(CONFIG))?;
    let seed = (config.train.seed != made_with.train.seed).then_some(made_with.train.seed);
    let epochs = (config.train.epochs != made_with.train.epochs).then_some(made_with.train.epochs);
    config.train.seed = made_with.train.seed;
    config.train.epochs = made_with.train.epochs;
    ensure!(
        same(&config, &made_with),
        "{}: the checkpoint was made with another configuration than {CONFIG}",
        folder.display()
    );
    let metrics = Metrics::read(folder)?;
    let stop_after = (metrics.epochs() < f64::from(config.train.epochs)).then_some(metadata.step);
    ensure!(
        stop_after.is_none() || options.kind == Kind::Stage,
        "{}: {} epochs of {}: only a stage may have been stopped",
        folder.display(),
        metrics.epochs(),
        config.train.epochs
    );
    let placed = retrain::place(repository, made_with, data)?;
    let top1 = measure(folder, &placed, &model, &metrics, metadata.step)?;
    let commit = match &options.commit {
        Some(commit) => commit.clone(),
        None => here(repository)?,
    };
    if config.network.weights != Weights::Float {
        ensure!(options.init.is_some() && options.float.is_some(), "a quantized run needs --init and --float");
    }
    let cpu = options.cpu.clone().unwrap_or_else(|| Machine::detect(repository).cpu);
    let kept = |keep: bool| if keep { Kept::Kept } else { Kept::Dropped };
    let entry = Entry {
        name: name.clone(),
        kind: options.kind,
        recipe: recipe.clone(),
        data_set: data_set.clone(),
        config: Path::new(RUNS).join(name).join(CONFIG),
        init: options.init.clone(),
        teacher: options.teacher.clone(),
        float: options.float.clone(),
        seed,
        epochs,
        stop_after,
        minutes: (metrics.minutes() * 10.0).round().max(1.0) / 10.0,
        commit: Some(commit),
        checkpoint: kept(options.keep_checkpoint),
        model: options.keep_model.then(|| Path::new(RUNS).join(name).join(MODEL)),
        machine: compare::machine(&config, cpu),
        top1: Some(top1),
    };
    std::fs::create_dir_all(&target).with_context(|| format!("cannot make {}", target.display()))?;
    let copied = copy(folder, &target, options).and_then(|()| {
        if options.keep_model {
            model.origin.recipe = Some(recipe.clone());
            model.origin.data_set = Some(data_set.clone());
            model.origin.command = Some(format!("cargo xtask reproduce {name}"));
            model.origin.top1 = Some(syq_pack::model::Accuracy { right: top1.right, total: top1.of });
            model.write(&target.join(MODEL))?;
        }
        std::fs::write(target.join(FILE), entry.text()?)?;
        Registry::read(repository)?.check(repository)
    });
    if let Err(error) = copied {
        // Half a record would fail the checks of everybody else.
        drop(std::fs::remove_dir_all(&target));
        return Err(error);
    }
    say(&format!("recorded {} in {}: {top1}", folder.display(), target.display()))?;
    Ok(target)
}

/// Whether two configurations train the same: where the files lie and the threads do not count.
fn same(a: &Config, b: &Config) -> bool {
    let mut a = a.clone();
    a.train.threads = b.train.threads;
    a.train.init.clone_from(&b.train.init);
    if let (Some(a), Some(b)) = (&mut a.train.distillation, &b.train.distillation) {
        a.teacher.clone_from(&b.teacher);
    }
    a.data.train.clone_from(&b.data.train);
    a.data.test.clone_from(&b.data.test);
    a == *b
}

/// Counts the right answers on the test images, or where the configuration names none on those that it holds out, and
/// sees to it that the metrics say the same.
fn measure(
    folder: &Path,
    config: &Config,
    model: &syq_pack::Model,
    metrics: &Metrics,
    step: u64,
) -> anyhow::Result<Top1> {
    // CIFAR-10's binary files hold the test images beside the others.
    let tests = config.data.test.is_some() || config.data.format == DataFormat::Cifar10;
    let (split, part) = if tests { (Split::Test, Part::Test) } else { (Split::Validation, Part::Validation) };
    let started = std::time::Instant::now();
    let loss = judge(config, model, split)?;
    let count = accuracy(&loss);
    let top1 = Top1 { right: count.right, of: count.total, split };
    match metrics.last(split.name()) {
        Some(row) => ensure!(
            (row.top1 - top1.percent()).abs() < 1e-6,
            "{}: the metrics say {} % of the {} images, the engine counts {top1}",
            folder.display(),
            row.top1,
            split.name()
        ),
        None => {
            let trained = Row::at(step, metrics.epochs());
            let row = Row::after(&trained, part, &loss, started.elapsed().as_secs_f64());
            Log::open(&folder.join(METRICS), step)?.append(&row)?;
        }
    }
    Ok(top1)
}

/// The commit of the checkout, if that is what ran.
fn here(repository: &Path) -> anyhow::Result<String> {
    let commit = Machine::detect(repository).commit.context("there is no git here; say --commit")?;
    ensure!(!commit.ends_with("-dirty"), "the checkout has changes; say by --commit which code ran");
    Ok(commit)
}

fn copy(folder: &Path, target: &Path, options: &Options) -> anyhow::Result<()> {
    let copy = |from: &Path, name: &str| {
        let copied = std::fs::copy(from, target.join(name));
        copied.map(drop).with_context(|| format!("cannot copy {}", from.display()))
    };
    copy(&folder.join(CONFIG), CONFIG)?;
    copy(&folder.join(METRICS), METRICS)?;
    let log = options.log.clone().unwrap_or_else(|| folder.join(LOG));
    for (from, name, keep) in [(log, LOG, Kept::Kept), (folder.join(LAYERS), LAYERS, options.layers)] {
        if keep == Kept::Kept && from.exists() {
            copy(&from, name)?;
        }
    }
    if let Some(log) = &options.log {
        ensure!(log.exists(), "there is no {}", log.display());
    }
    if options.keep_checkpoint {
        copy(&folder.join(CHECKPOINT), CHECKPOINT)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
