//! The command that made a run, as a line for a shell.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use syq_train::run::COMMAND;

/// The arguments of this process as a shell takes them, with the program's name alone.
pub(super) fn line() -> String {
    let arguments = std::env::args_os().skip(1).map(|argument| quote(&argument.to_string_lossy()));
    std::iter::once("syq-train".to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// Adds the command to the run's folder: a run that was resumed has several.
pub(super) fn keep(folder: &Path) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(folder.join(COMMAND))?;
    writeln!(file, "{}", line())
}

/// An argument in single quotes, if a shell would take it for more than a word.
pub(super) fn quote(argument: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn a_shell_takes_an_argument_as_it_was() {
        for (argument, quoted) in [
            ("runs/a-1.5_b", "runs/a-1.5_b"),
            ("", "''"),
            ("my runs", "'my runs'"),
            ("it's; $x", "'it'\\''s; $x'"),
            ("größe", "größe"),
        ] {
            assert_eq!(quote(argument), quoted);
        }
    }
}
