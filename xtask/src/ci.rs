//! `cargo xtask ci`: runs the script of the continuous integration, so that there is one list of
//! what it checks.

use anyhow::{Context, ensure};
use std::path::Path;
use std::process::{Command, Stdio};

/// The script, from the top of the repository.
const SCRIPT: &str = ".ci/run";

pub(crate) fn run(repository: &Path) -> anyhow::Result<()> {
    let script = repository.join(SCRIPT);
    let mut command = Command::new(&script);
    let status = command.current_dir(repository).stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("cannot run {}", script.display()))?;
    ensure!(status.success(), "{SCRIPT} failed: {status}");
    Ok(())
}
