//! `syq completions` and `syq man`: what a shell and `man` know of the command, written from its own definition.

use super::output::stdout;
use super::{Arguments as Root, Failure, Outcome};
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use std::io::Write;

/// Arguments of `syq completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionArguments {
    /// The shell
    shell: Shell,
}

/// Arguments of `syq man`.
#[derive(Debug, Args)]
pub(super) struct ManArguments {
    /// The command whose page is written; without it the page of syq itself
    command: Option<String>,
}

/// Writes the completion script of a shell.
pub(super) fn complete(arguments: &CompletionArguments) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Root::command(), "syq", &mut script);
    stdout().write_all(&script)?;
    Ok(Outcome::Complete)
}

/// Writes a page in troff's language.
pub(super) fn man(arguments: &ManArguments) -> Result<Outcome, Failure> {
    let mut root = Root::command();
    // Every command then knows its full name and the flags that it inherits.
    root.build();
    let page = match &arguments.command {
        None => Man::new(root),
        Some(name) => {
            let of_commands = |command: &clap::Command| command.get_name().to_owned();
            let known: Vec<String> = root.get_subcommands().map(of_commands).collect();
            let unknown = || Failure::Usage(format!("no command {name}; there are {}", known.join(", ")));
            let command = root.find_subcommand(name).ok_or_else(unknown)?.clone();
            Man::new(command.version(env!("CARGO_PKG_VERSION")))
        }
    };
    let mut text = Vec::new();
    page.render(&mut text)?;
    stdout().write_all(&text)?;
    Ok(Outcome::Complete)
}
