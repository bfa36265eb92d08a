//! What a target lacks on this machine.

use super::list::Target;
use anyhow::Context;
use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Why a target cannot be run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Missing {
    what: String,
    packages: &'static str,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (Debian: {})", self.what, self.packages)
    }
}

impl Missing {
    /// The first thing that `target` lacks: its standard library, its linker, what runs its programs.
    pub(super) fn of(target: &Target) -> anyhow::Result<Option<Self>> {
        let lacks = |what: String| Ok(Some(Self { what, packages: target.packages }));
        let mut rustc = Command::new("rustc");
        rustc.args(["--print", "target-libdir", "--target", target.triple]).stdin(Stdio::null());
        let output = rustc.output().context("cannot run rustc")?;
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !output.status.success() || !holds_a_standard_library(Path::new(&folder)) {
            return lacks("no standard library of the target".to_owned());
        }
        let programs = target.linker.iter().chain(target.runner.first());
        for program in programs {
            if !is_there(program) {
                return lacks(format!("no {program}"));
            }
        }
        Ok(None)
    }
}

fn holds_a_standard_library(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
}

/// Whether a program is at its path, or in a folder of `PATH`.
fn is_there(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    Path::new(program).is_file() || std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let target = |triple, linker, runner| Target { triple, linker, runner, packages: "p", steps: &[] };
        let unknown = target("pdp11-unknown-unix", None, &["sh"]);
        let missing = Missing::of(&unknown).unwrap().unwrap();
        assert_eq!(missing.to_string(), "no standard library of the target (Debian: p)");
        // The one that this test was built for is there.
        let version = Command::new("rustc").arg("-vV").output().unwrap().stdout;
        let host = String::from_utf8(version).unwrap();
        let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned().leak();
        assert_eq!(Missing::of(&target(host, Some("sh"), &["sh"])).unwrap(), None);
        let missing = Missing::of(&target(host, Some("no-such-linker"), &["sh"])).unwrap().unwrap();
        assert_eq!(missing.what, "no no-such-linker");
    }
}
