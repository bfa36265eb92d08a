//! The command line of `syq-train`.

mod bench;
mod command;
mod export;
mod import;
mod pace;
mod progress;
mod report;
mod signals;
mod train;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Trains convolutional networks with binary or ternary weights and low-bit activations.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "Start with a float network, then quantize it:\n  \
    syq-train float --config syq-train/configs/cifar10-resnet20-float.toml --out runs/float\n  \
    syq-train quantize --config syq-train/configs/cifar10-resnet20-w2a2-pixel.toml --init runs/float --out runs/w2a2\n  \
    syq-train export runs/w2a2 --out w2a2.safetensors\n  \
    syq-train report runs/float runs/w2a2 --out report.html"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train the float network of a configuration.
    Float(train::Arguments),
    /// Fine-tune the quantized network of a configuration, from float weights.
    Quantize(train::Arguments),
    /// Make a run of weights that another program trained (safetensors with PyTorch's names).
    Import(import::Arguments),
    /// Write a run's model file, and measure it on the test images in the engine.
    Export(export::Arguments),
    /// Time the steps of a configuration's training loop on this machine; nothing is kept.
    Bench(bench::Arguments),
    /// Show how runs went: a summary, and an HTML page with curves and what became of the layers.
    Report(report::Arguments),
}

pub(crate) fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Float(arguments) => train::run(&arguments, train::Kind::Float),
        Command::Quantize(arguments) => train::run(&arguments, train::Kind::Quantize),
        Command::Import(arguments) => import::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Export(arguments) => export::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Bench(arguments) => bench::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Report(arguments) => report::run(&arguments).map(|()| ExitCode::SUCCESS),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            progress::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
