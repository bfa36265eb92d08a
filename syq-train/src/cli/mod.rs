//! The command line of `syq-train`.

mod bench;
mod command;
mod export;
mod import;
mod pace;
mod progress;
mod report;
mod settings;
mod signals;
mod train;
mod values;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Trains convolutional networks with binary or ternary weights and low-bit activations.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "Start with a float network, then quantize it. On a folder with a folder of pictures a class:\n  \
    syq-train float --data pictures --net resnet20 --out runs/float\n  \
    syq-train quantize --init runs/float --weights ternary --acts 2 --granularity pixel --out runs/w2a2\n  \
    or with configurations:\n  \
    syq-train float --config syq-train/configs/cifar10-resnet20-float.toml --out runs/float\n  \
    syq-train quantize --config syq-train/configs/cifar10-resnet20-w2a2-pixel.toml --init runs/float --out runs/w2a2\n  \
    then:\n  \
    syq-train export runs/w2a2 --out w2a2.safetensors\n  \
    syq-train report runs/float runs/w2a2 --out report.html"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train the float network of a configuration, or a network on a folder of pictures.
    Float(train::Arguments),
    /// Fine-tune the quantized network of a configuration, or of a float run, from float weights.
    Quantize(train::QuantizeArguments),
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
        Command::Float(arguments) => train::run(&arguments, None),
        Command::Quantize(quantize) => train::run(&quantize.arguments, Some(&quantize.scheme)),
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
