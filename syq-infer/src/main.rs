//! `syq`: classifies pictures with packed binary and ternary networks.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
