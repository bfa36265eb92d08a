//! Developer commands: `cargo xtask bench`, `cargo xtask reproduce`, `cargo xtask ablation`, `cargo xtask turns`,
//! `cargo xtask soak`, `cargo xtask footprint`, `cargo xtask header`, `cargo xtask hostile`, `cargo xtask targets`,
//! `cargo xtask tidy`, `cargo xtask ci`.
//!
//! # Dependencies
//!
//! `syq-core`, `syq-pack`, `syq-infer`, `syq-train` and `syq-bench` are this workspace's own. `clap` reads the arguments,
//! `anyhow` carries errors, `indicatif` draws the progress bar; `serde`, `toml` and `serde_json` are the forms of the
//! recorded runs; `image` writes the pictures that the training bench trains on, `tempfile` makes the folder of
//! its run, and that of the crafted files, of which `sha2` makes the digests; `cbindgen` writes the C header.
#![forbid(unsafe_code)]

mod bench;
mod ci;
mod document;
mod footprint;
mod header;
mod hostile;
mod peers;
mod reproduce;
mod soak;
mod targets;
mod tidy;
mod train_bench;
mod turns;

use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use syq_bench::peers::worker;

/// Developer commands of the SYQ workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Bench(bench::Options),
    Reproduce(reproduce::Options),
    Ablation(reproduce::ablation::Options),
    /// Times two builds of `syq` by turns, network by network: whether a change made the engine faster.
    Turns(turns::Options),
    /// Classifies a million pictures on threads that share one model: constant memory, identical answers.
    Soak(soak::Options),
    /// Measures what embedding the engine costs a program, beside rten, tract and ort.
    Footprint(footprint::Options),
    /// Runs the tests on other processors under emulation, and tells which could not be run.
    Targets(targets::Options),
    /// Crafted model files and pictures, each read by a process of its own: a typed error within a second and 64 MB.
    Hostile(hostile::Options),
    /// Reads one crafted file; `hostile` calls it.
    #[command(name = HOSTILE_WORKER, hide = true)]
    HostileWorker {
        /// How it is read.
        reader: hostile::Reader,
        /// The file.
        file: PathBuf,
    },
    /// Checks the repository: file lengths, documentation, unsafe code, top-level entries.
    Tidy,
    /// Writes the C header from the sources of `syq-capi`.
    Header(header::Options),
    /// Runs what the continuous integration runs: `.ci/run`.
    Ci,
    /// Our worker beside the peers; `bench --peers` calls it.
    #[command(name = WORKER, hide = true)]
    Worker {
        /// The model file.
        model: PathBuf,
        /// Images given at once.
        batch: usize,
        /// Threads.
        threads: usize,
    },
    /// Our training loop beside PyTorch's; `bench --train` calls it.
    #[command(name = TRAIN_WORKER, hide = true)]
    TrainWorker {
        /// The configuration.
        config: PathBuf,
    },
}

/// The name of the command that is our training worker.
const TRAIN_WORKER: &str = "bench-train-worker";

/// The name of the command that reads one crafted file.
const HOSTILE_WORKER: &str = "hostile-worker";

/// The name of the command that is our worker.
const WORKER: &str = "bench-worker";

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Bench(options) => bench::run(&options),
        Command::Reproduce(options) => reproduce::run(&options),
        Command::Ablation(options) => reproduce::ablation::run(&options),
        Command::Turns(options) => turns::run(&options),
        Command::Soak(options) => soak::run(&options),
        Command::Footprint(options) => footprint::run(&options),
        Command::Targets(options) => targets::run(repository(), &options),
        Command::Hostile(options) => hostile::run(&options),
        Command::HostileWorker { reader, file } => hostile::serve(reader, &file),
        Command::Tidy => tidy::run(repository()),
        Command::Header(options) => header::run(repository(), &options),
        Command::Ci => ci::run(repository()),
        Command::TrainWorker { config } => {
            train_bench::worker::serve(&config, std::io::stdin().lock(), std::io::stdout())
        }
        Command::Worker { model, batch, threads } => {
            let (questions, answers) = (std::io::stdin().lock(), std::io::stdout());
            Ok(worker::serve(&model, batch, worker::options(threads)?, questions, answers)?)
        }
    }
}

/// The cargo that called this program, or else the one of the path.
fn cargo() -> std::process::Command {
    std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The checkout that the program was compiled in.
fn repository() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_fit_together() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
        let parses = |line: &str| Arguments::try_parse_from(line.split(' ')).is_ok();
        assert!(parses("xtask bench --train --net resnet20 --rounds 3 --docs") && parses("xtask bench --peers --docs"));
        assert!(!parses("xtask bench --docs") && !parses("xtask bench --train --peers"));
        assert!(parses("xtask reproduce --list --json") && parses("xtask reproduce NAME --from scratch --data d"));
        assert!(parses("xtask reproduce --record runs/a --name a --recipe ours --data-set cifar10"));
        assert!(parses("xtask ablation --recipe fixed-scales --scheme W1A2 --granularity row --seeds 1 --dry-run"));
        assert!(!parses("xtask ablation --scheme W2A3") && !parses("xtask ablation --seeds 0"));
        assert!(parses("xtask turns old/syq new/syq --net resnet18 --scheme W2A2 --granularity row --threads 2"));
        assert!(!parses("xtask turns old/syq") && !parses("xtask turns a b --rounds 0"));
        assert!(parses("xtask header") && parses("xtask header --check"));
        for wrong in ["", " --list NAME", " --record runs/a", " NAME --name a", " --list --from scratch"] {
            assert!(!parses(&format!("xtask reproduce{wrong}")), "{wrong}");
        }
    }
}
