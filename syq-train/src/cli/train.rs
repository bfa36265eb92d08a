//! `syq-train float` and `syq-train quantize`.

use super::progress::{Reading, Watcher, say, warn_skipped};
use super::settings::{Pictures, Scheme, Settings};
use super::{command, signals};
use anyhow::{Context, bail};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use syq_train::config::Weights;
use syq_train::run::{CHECKPOINT, DataPart, Run, Start, load_part, threads};

/// Flags of both commands.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The TOML configuration.
    #[arg(long)]
    pub(super) config: Option<PathBuf>,
    /// Folder of the run.
    #[arg(long)]
    out: PathBuf,
    /// Go on where the folder's checkpoint stands.
    #[arg(long)]
    resume: bool,
    /// Float run (its folder or checkpoint) to start from, instead of the configuration's `init`.
    #[arg(long)]
    pub(super) init: Option<PathBuf>,
    /// Folder of class folders to train on, instead of the configuration's or without one.
    #[arg(long)]
    pub(super) data: Option<PathBuf>,
    /// Number of epochs, instead of the configuration's.
    #[arg(long)]
    pub(super) epochs: Option<u32>,
    /// Seed, instead of the configuration's.
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// Number of threads, instead of the configuration's. The result does not depend on it.
    #[arg(long)]
    pub(super) threads: Option<usize>,
    /// Stop after this many steps; `--resume` goes on. Ctrl-C stops after the step that is being taken.
    #[arg(long)]
    stop_after: Option<u64>,
    #[command(flatten)]
    pub(super) pictures: Pictures,
}

/// Flags of `quantize`.
#[derive(Debug, clap::Args)]
pub(super) struct QuantizeArguments {
    #[command(flatten)]
    pub(super) arguments: Arguments,
    #[command(flatten)]
    pub(super) scheme: Scheme,
}

/// `float`, or `quantize` where a scheme is given.
pub(super) fn run(arguments: &Arguments, scheme: Option<&Scheme>) -> anyhow::Result<ExitCode> {
    let settings = Settings::new(arguments, scheme)?;
    let (config, _) = settings.config(None)?;
    match (scheme, config.network.weights) {
        (None, Weights::Float) | (Some(_), Weights::Binary | Weights::Ternary) => {}
        (None, _) => bail!("{}: the weights are not float; use `quantize`", settings.name()),
        (Some(_), Weights::Float) => bail!("{}: the weights are float; use `float`", settings.name()),
    }
    let threads = threads(&config);
    let reading = Reading::new();
    let Some(data) = load_part(&config, DataPart::Train, threads, &|done, total| reading.at(done, total))? else {
        bail!("{}: no training images", settings.name());
    };
    drop(reading);
    warn_skipped(&data);
    say(&format!("{} training images of {} classes", data.len(), data.classes().len()));
    let (config, text) = settings.config(Some(data.len()))?;
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
