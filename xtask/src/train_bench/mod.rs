//! `cargo xtask bench --train`: our training loop beside PyTorch's, in one interleaved run.
//!
//! What PyTorch needs lands in `target/peers` unless told otherwise: a Python environment with fixed versions. Both
//! sides read the same folder of pictures, which are made here unless others are named: speed does not depend on
//! what they show.

mod config;
mod pictures;
pub(crate) mod worker;

use crate::bench::{say, write};
use crate::document::replace;
use crate::peers::{self, setup};
use crate::{TRAIN_WORKER, repository};
use anyhow::{Context, bail};
use clap::Args;
use config::Trial;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::Command;
use syq_bench::Machine;
use syq_bench::train::{Bursts, Contestant, Engine, Job, Name, Report, Scheme, contest, markdown};
use syq_pack::zoo::Architecture;
use syq_train::kernels::Isa;

/// Flags that go with `--train`.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Training beside PyTorch")]
pub(crate) struct Options {
    /// Times our training loop beside PyTorch's: ResNet-20 at 32×32 and ResNet-18 at 128×128, float and W2A2. Installs
    /// PyTorch first: about 5 GB, once.
    #[arg(long, conflicts_with_all = ["quick", "criterion"])]
    pub(crate) train: bool,
    /// Steps of a burst [default: 40 of resnet20, 8 of resnet18].
    #[arg(long, value_name = "N", requires = "train", value_parser = clap::value_parser!(u32).range(1..100_000))]
    steps: Option<u32>,
    /// Leaves out PyTorch's W2A2, which is slow and no mark is against it.
    #[arg(long, requires = "train")]
    no_fake_quantization: bool,
    /// Folder of class folders of pictures that have the network's size, instead of pictures that are made.
    #[arg(long, value_name = "FOLDER", requires = "train")]
    pictures: Option<PathBuf>,
}

const DOCUMENT: &str = "docs/training.md";
const BEGIN: &str = "<!-- begin: written by cargo xtask bench --train --docs -->\n";

/// Steps of each contestant before the first burst.
const WARMUP: usize = 4;

pub(crate) fn run(
    options: &Options,
    shared: &peers::Options,
    networks: &[Architecture],
    json: Option<&Path>,
) -> anyhow::Result<()> {
    let trials = trials(networks)?;
    if options.pictures.is_some() && trials.len() > 1 {
        bail!("--pictures are of one size: name the network too, with --net");
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if shared.threads.is_empty() { vec![cores] } else { shared.threads.clone() };
    if threads.contains(&0) || shared.rounds == 0 {
        bail!("threads and rounds are at least 1");
    }
    let dir = shared.dir.clone().unwrap_or_else(|| repository().join("target/peers"));
    let dir = std::path::absolute(&dir).with_context(|| format!("{} is no folder", dir.display()))?;
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let json = json.map_or_else(|| repository().join("target/train.json"), Path::to_path_buf);
    let machine = Machine::detect(repository());
    let source = repository().join(setup::PEERS);
    let python = setup::environment(&source, &dir, "requirements-train.txt", "venv-train");
    let tools = Tools { python: python.unwrap_or_else(|| dir.join("venv-train/bin/python")), source, dir };
    let mut report = Report::new(machine, Isa::detect().name());
    for trial in trials {
        let pictures = match &options.pictures {
            Some(folder) => std::path::absolute(folder)?,
            None => pictures::make(&tools.dir, trial)?,
        };
        for &threads in &threads {
            let job = Job { network: trial.network.name().to_owned(), side: trial.side, batch: trial.batch, threads };
            say(&format!("{} at {side}×{side}, {threads} threads", job.network, side = job.side))?;
            let steps = options.steps.map_or(trial.steps, |steps| steps as usize);
            let bursts = Bursts { rounds: shared.rounds, steps, warmup: WARMUP };
            let contestants = contestants(&tools, trial, threads, &pictures, options)?;
            report.settings.push(contest(job, contestants, bursts));
            // After each setting: a run that is stopped has what it measured.
            write(&json, &report.json()?)?;
        }
    }
    let text = markdown::markdown(&report);
    stdout().write_all(text.as_bytes())?;
    say(&format!("wrote {}", json.display()))?;
    if shared.docs { document(&text) } else { Ok(()) }
}

fn trials(networks: &[Architecture]) -> anyhow::Result<Vec<&'static Trial>> {
    if networks.is_empty() {
        return Ok(config::TRIALS.iter().collect());
    }
    let find = |network: &Architecture| config::TRIALS.iter().find(|trial| trial.network == *network);
    let found = networks.iter().map(|network| {
        find(network).with_context(|| format!("--train knows resnet20 and resnet18, not {}", network.name()))
    });
    found.collect()
}

fn document(text: &str) -> anyhow::Result<()> {
    let path = repository().join(DOCUMENT);
    let old = std::fs::read_to_string(&path).with_context(|| format!("cannot read {DOCUMENT}"))?;
    let new = replace(&old, BEGIN, text).with_context(|| format!("{DOCUMENT} has no place for the report"))?;
    write(&path, &new)?;
    say(&format!("wrote {DOCUMENT}"))
}

/// Where the programs are.
struct Tools {
    python: PathBuf,
    source: PathBuf,
    dir: PathBuf,
}

fn contestants(
    tools: &Tools,
    trial: &Trial,
    threads: usize,
    pictures: &Path,
    options: &Options,
) -> anyhow::Result<Vec<Contestant>> {
    let mut all = Vec::new();
    let emulated = cfg!(target_arch = "x86_64") && !Isa::Avx512Bf16.is_available();
    let precisions = if emulated { &["f32"][..] } else { &["bf16", "f32"] };
    if emulated {
        say("skipped: PyTorch in bf16, which this processor has no instructions for, so that f32 is faster there")?;
    }
    let schemes = if options.no_fake_quantization { &[Scheme::Float][..] } else { &[Scheme::Float, Scheme::W2A2] };
    for (&scheme, &precision) in
        schemes.iter().flat_map(|scheme| precisions.iter().map(move |precision| (scheme, precision)))
    {
        let mut command = Command::new(&tools.python);
        command.arg(tools.source.join("train_torch.py")).args([precision, scheme.name()]).arg(pictures);
        command.arg(trial.network.name());
        command.args([trial.side, trial.padding, trial.batch, threads].map(|number| number.to_string()));
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        all.push(Contestant {
            name: Name { engine: Engine::PyTorch, scheme, precision: precision.to_owned() },
            command,
        });
    }
    for scheme in [Scheme::Float, Scheme::W2A2] {
        let text = trial.configuration(scheme, threads, pictures);
        let path = tools.dir.join(format!("train-{}-{}.toml", trial.network.name(), scheme.name()));
        write(&path, &text)?;
        let config = syq_train::config::Config::read(&path)?;
        let precision = syq_train::run::precision(&config).name().to_owned();
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(TRAIN_WORKER).arg(&path);
        all.push(Contestant { name: Name { engine: Engine::Syq, scheme, precision }, command });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_without_a_trial_are_refused() {
        assert_eq!(trials(&[]).unwrap().len(), 2);
        assert_eq!(trials(&[Architecture::ResNet18]).unwrap()[0].side, 128);
        assert!(trials(&[Architecture::AlexNet]).unwrap_err().to_string().contains("not alexnet"));
    }

    #[test]
    fn the_document_has_its_place() {
        let document = std::fs::read_to_string(repository().join(DOCUMENT)).unwrap();
        assert!(replace(&document, BEGIN, "").is_some());
    }
}
