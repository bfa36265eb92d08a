//! `syq-train float` and `syq-train quantize`.

use super::progress::{Watcher, say};
use anyhow::{Context, bail};
use std::path::PathBuf;
use syq_train::config::{Config, Weights};
use syq_train::run::{CHECKPOINT, DataPart, Run, Start, load_part, threads};

/// What is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Float,
    Quantize,
}

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The TOML configuration.
    #[arg(long)]
    config: PathBuf,
    /// Folder of the run.
    #[arg(long)]
    out: PathBuf,
    /// Go on where the folder's checkpoint stands.
    #[arg(long)]
    resume: bool,
    /// Float run (its folder or checkpoint) to start from, instead of the configuration's `init`.
    #[arg(long)]
    init: Option<PathBuf>,
    /// Folder of class folders to train on, instead of the configuration's.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Number of epochs, instead of the configuration's.
    #[arg(long)]
    epochs: Option<u32>,
    /// Seed, instead of the configuration's.
    #[arg(long)]
    seed: Option<u64>,
    /// Number of threads, instead of the configuration's. The result does not depend on it.
    #[arg(long)]
    threads: Option<usize>,
    /// Stop after this many steps; `--resume` goes on.
    #[arg(long)]
    stop_after: Option<u64>,
}

impl Arguments {
    fn config(&self) -> anyhow::Result<(Config, String)> {
        let text = std::fs::read_to_string(&self.config).with_context(|| self.config.display().to_string())?;
        let mut config = Config::read(&self.config)?;
        if let Some(init) = &self.init {
            config.train.init = Some(if init.is_dir() { init.join(CHECKPOINT) } else { init.clone() });
        }
        config.data.train = self.data.clone().unwrap_or(config.data.train);
        config.train.epochs = self.epochs.unwrap_or(config.train.epochs);
        config.train.seed = self.seed.unwrap_or(config.train.seed);
        config.train.threads = self.threads.unwrap_or(config.train.threads);
        config.validate().with_context(|| self.config.display().to_string())?;
        Ok((config, text))
    }
}

pub(super) fn run(arguments: &Arguments, kind: Kind) -> anyhow::Result<()> {
    let (config, text) = arguments.config()?;
    match (kind, config.network.weights) {
        (Kind::Float, Weights::Float) | (Kind::Quantize, Weights::Binary | Weights::Ternary) => {}
        (Kind::Float, _) => bail!("{}: the weights are not float; use `quantize`", arguments.config.display()),
        (Kind::Quantize, _) => bail!("{}: the weights are float; use `float`", arguments.config.display()),
    }
    let threads = threads(&config);
    let Some(data) = load_part(&config, DataPart::Train, threads, &|_, _| {})? else {
        bail!("{}: no training images", arguments.config.display());
    };
    say(&format!("{} training images of {} classes", data.len(), data.classes().len()));
    let start = if arguments.resume { Start::Resume } else { Start::New };
    let mut run = Run::open(config, &arguments.out, data, start)?;
    run.keep_config(&text)?;
    let split = run.split();
    say(&format!("{} to train on, {} held out, {} threads", split.train.len(), split.validation.len(), threads));
    let mut watcher = Watcher::new(run.steps(), run.steps_done());
    run.train(arguments.stop_after, &mut watcher)?;
    say(&format!("step {} of {}: {}", run.steps_done(), run.steps(), run.folder().join(CHECKPOINT).display()));
    Ok(())
}
