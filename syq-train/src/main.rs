//! `syq-train`: trains a float network, fine-tunes its quantized twin and exports it.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
