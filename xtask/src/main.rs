//! Developer commands: `cargo xtask bench`, `cargo xtask tidy`, `cargo xtask ci`.
#![forbid(unsafe_code)]

mod bench;
mod ci;
mod peers;
mod tidy;

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
    /// Checks the repository: file lengths, documentation, unsafe code, top-level entries.
    Tidy,
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
}

/// The name of the command that is our worker.
const WORKER: &str = "bench-worker";

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Bench(options) => bench::run(&options),
        Command::Tidy => tidy::run(repository()),
        Command::Ci => ci::run(repository()),
        Command::Worker { model, batch, threads } => {
            let (questions, answers) = (std::io::stdin().lock(), std::io::stdout());
            Ok(worker::serve(&model, batch, worker::options(threads)?, questions, answers)?)
        }
    }
}

/// The checkout that the program was compiled in.
fn repository() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}
