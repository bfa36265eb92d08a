//! `syq-train float` and `syq-train quantize`.

use super::progress::{Reading, Watcher, say, warn_skipped};
use super::{command, signals};
use anyhow::{Context, bail};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
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
    /// Stop after this many steps; `--resume` goes on. Ctrl-C stops after the step that is being taken.
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

pub(super) fn run(arguments: &Arguments, kind: Kind) -> anyhow::Result<ExitCode> {
    let (config, text) = arguments.config()?;
    match (kind, config.network.weights) {
        (Kind::Float, Weights::Float) | (Kind::Quantize, Weights::Binary | Weights::Ternary) => {}
        (Kind::Float, _) => bail!("{}: the weights are not float; use `quantize`", arguments.config.display()),
        (Kind::Quantize, _) => bail!("{}: the weights are float; use `float`", arguments.config.display()),
    }
    let threads = threads(&config);
    let reading = Reading::new();
    let Some(data) = load_part(&config, DataPart::Train, threads, &|done, total| reading.at(done, total))? else {
        bail!("{}: no training images", arguments.config.display());
    };
    drop(reading);
    warn_skipped(&data);
    say(&format!("{} training images of {} classes", data.len(), data.classes().len()));
    let epochs = config.train.epochs;
    let start = if arguments.resume { Start::Resume } else { Start::New };
    let mut run = Run::open(config, &arguments.out, data, start)?;
    run.keep_config(&text)?;
    command::keep(run.folder()).with_context(|| run.folder().display().to_string())?;
    let split = run.split();
    say(&format!("{} to train on, {} held out, {} threads", split.train.len(), split.validation.len(), threads));
    if arguments.resume && run.steps_done() == 0 {
        say("there is no checkpoint yet: the run begins at its first step");
    }
    let stop = signals::stop_flag()?;
    let mut watcher = Watcher::new(run.steps(), run.steps_done(), epochs, Arc::clone(&stop));
    let checkpoint = run.folder().join(CHECKPOINT);
    let trained = run.train(arguments.stop_after, &mut watcher);
    drop(watcher);
    trained.with_context(|| {
        let left =
            if checkpoint.exists() { "the checkpoint before it is whole" } else { "before the first checkpoint" };
        format!("step {} of {}, {left}: {}", run.steps_done(), run.steps(), checkpoint.display())
    })?;
    say(&format!("step {} of {}: {}", run.steps_done(), run.steps(), checkpoint.display()));
    if run.steps_done() < run.steps() {
        say(&format!("to go on: {}", resumption(std::env::args())));
    }
    let interrupted = stop.load(Ordering::Relaxed) && run.steps_done() < run.steps();
    Ok(if interrupted { ExitCode::from(signals::INTERRUPTED) } else { ExitCode::SUCCESS })
}

/// The command that goes on with the run that `arguments` began.
fn resumption(arguments: impl Iterator<Item = String>) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut arguments = arguments.filter(|word| word != "--resume" && !word.starts_with("--stop-after="));
    while let Some(word) = arguments.next() {
        if word == "--stop-after" {
            drop(arguments.next());
            continue;
        }
        words.push(command::quote(&word));
    }
    words.push("--resume".to_owned());
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_goes_on() {
        let of = |words: &[&str]| resumption(words.iter().map(|word| (*word).to_owned()));
        let first = ["syq-train", "float", "--config", "a b.toml", "--stop-after", "7", "--out", "it's"];
        assert_eq!(of(&first), r"syq-train float --config 'a b.toml' --out 'it'\''s' --resume");
        assert_eq!(of(&["t", "--resume", "--stop-after=7", "--out", "o"]), "t --out o --resume");
    }
}
