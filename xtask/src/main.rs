//! Developer commands: `cargo xtask bench`, `cargo xtask tidy`, `cargo xtask ci`.
#![forbid(unsafe_code)]

mod bench;
mod ci;
mod tidy;

use clap::{Parser, Subcommand};
use std::path::Path;

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
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Bench(options) => bench::run(&options),
        Command::Tidy => tidy::run(repository()),
        Command::Ci => ci::run(repository()),
    }
}

/// The checkout that the program was compiled in.
fn repository() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}
