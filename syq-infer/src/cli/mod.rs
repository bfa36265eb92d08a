//! The command line of `syq`: its commands, and the exit codes that they end with.

mod bench;
mod classify;
mod eval;
mod info;
mod manual;
mod model;
mod network;
mod output;
mod picture;
mod profile;
mod verify;

use clap::{Parser, Subcommand};
use std::fmt;
use std::io;
use std::process::ExitCode;

/// Classifies pictures with binary and ternary networks, with the same bits on every processor.
#[derive(Debug, Parser)]
#[command(
    name = "syq",
    version,
    about,
    after_help = "Exit codes: 0 all well, 1 some pictures failed, 2 wrong usage, 3 the model cannot be used.\n\n\
    Examples:\n  \
    syq classify cat.jpg\n  \
    syq classify --jsonl pictures/ > answers.jsonl\n  \
    syq eval test/\n  \
    syq info --model network.safetensors\n  \
    syq bench --net resnet18 --weights 2 --acts 2"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Name the likeliest classes of pictures
    Classify(classify::Arguments),
    /// Count how many pictures of a folder of class folders are classified right
    Eval(eval::Arguments),
    /// Describe a model: its layers, kernels, size and origin
    Info(info::Arguments),
    /// Compare a model's logits with the reference executor's, bit for bit, in every way it can run
    Verify(verify::Arguments),
    /// Time a model file, or a known network with random weights
    Bench(bench::Arguments),
    /// Write the completions of a shell: syq completions bash > /etc/bash_completion.d/syq
    Completions(manual::CompletionArguments),
    /// Write the manual page: syq man > syq.1; syq man classify > syq-classify.1
    Man(manual::ManArguments),
}

/// How a command ended that could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Complete,
    /// Some pictures failed; each was named.
    SomeFailed,
}

/// Why a command could not do its work.
#[derive(Debug)]
enum Failure {
    /// Arguments that ask for what there is not.
    Usage(String),
    /// A model that cannot be used.
    Model { file: String, reason: String },
    /// A result that could not be written.
    Output(io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) => f.write_str(message),
            Self::Model { file, reason } => write!(f, "{file}: {reason}"),
            Self::Output(error) => write!(f, "standard output: {error}"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            // Whoever closed the pipe, as `head` does, has what he wanted.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Output(_) => 1,
            Self::Usage(_) => 2,
            Self::Model { .. } => 3,
        })
    }
}

pub(crate) fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Classify(arguments) => classify::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Info(arguments) => info::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Completions(arguments) => manual::complete(&arguments),
        Command::Man(arguments) => manual::man(&arguments),
    };
    match result {
        Ok(Outcome::Complete) => ExitCode::SUCCESS,
        Ok(Outcome::SomeFailed) => ExitCode::from(1),
        Err(failure) => {
            if failure.exit_code() != ExitCode::SUCCESS {
                output::complain(&failure);
            }
            failure.exit_code()
        }
    }
}
