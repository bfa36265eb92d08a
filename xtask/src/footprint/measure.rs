//! Builds a program of the comparison from nothing, and measures it.

use super::Models;
use super::programs::{Format, Program};
use crate::bench::say;
use crate::repository;
use anyhow::{Context, ensure};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use syq_bench::peers::spent::of_children;

/// Where the packages are, from the top of the repository.
const SOURCES: &str = "syq-bench/footprint";

/// What a program costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Figures {
    /// Packages that are linked into it, without itself and the standard library.
    pub(super) dependencies: usize,
    /// Bytes of the stripped program.
    pub(super) bytes: u64,
    /// The same without those of the program that runs no network.
    pub(super) added_bytes: u64,
    /// Bytes of a shared library that has to come with it.
    pub(super) library_bytes: u64,
    /// Processor seconds of a build from nothing, in the release profile, sources already fetched; null where the system
    /// does not tell. Other than the time on the clock they do not depend on what else the machine does.
    pub(super) build_cpu_seconds: Option<f64>,
    /// The same on the clock.
    pub(super) build_seconds: f64,
    /// Lines of the program that are neither empty nor comments.
    pub(super) lines: usize,
}

impl Figures {
    /// What is beyond the program that runs no network.
    pub(super) fn beside(self, baseline: &Self) -> Self {
        Self { added_bytes: self.bytes.saturating_sub(baseline.bytes), ..self }
    }
}

/// Builds and runs `program`.
pub(super) fn measure(dir: &Path, program: &Program, models: &Models) -> anyhow::Result<Figures> {
    let package = repository().join(SOURCES).join(program.package);
    let manifest = package.join("Cargo.toml");
    let target = dir.join("build");
    if target.exists() {
        std::fs::remove_dir_all(&target).with_context(|| format!("cannot empty {}", target.display()))?;
    }
    // Our own program follows the engine's dependencies: what it locked would be out of date with each of theirs.
    let locked = (program.format == Format::Onnx).then_some("--locked");
    checked(cargo("fetch", &manifest).args(locked))?;
    let features = program.features.join(",");
    let (start, before) = (Instant::now(), of_children());
    let mut build = cargo("build", &manifest);
    build.args(["--quiet", "--release", "--offline", "--features", &features]).args(locked);
    checked(build.env("CARGO_TARGET_DIR", &target).env("CARGO_PROFILE_RELEASE_STRIP", "symbols"))?;
    let build_seconds = start.elapsed().as_secs_f64();
    let build_cpu_seconds = before.zip(of_children()).map(|(before, after)| after - before);
    let built = target.join("release").join(format!("footprint-{}", program.package));
    let bytes = std::fs::metadata(&built).with_context(|| format!("no {}", built.display()))?.len();
    let class = run(&built, program, models)?;
    say(&format!("{}: {build_seconds:.0} s, {bytes} bytes, class {class}", program.name))?;
    let source = std::fs::read_to_string(package.join("src/main.rs"))?;
    let library = models.runtime.as_ref().filter(|_| program.package == "ort");
    Ok(Figures {
        dependencies: dependencies(&manifest, &features)?,
        bytes,
        added_bytes: bytes,
        library_bytes: library.map_or(Ok(0), |path| std::fs::metadata(path).map(|data| data.len()))?,
        build_cpu_seconds,
        build_seconds,
        lines: lines(&source),
    })
}

fn cargo(command: &str, manifest: &Path) -> Command {
    let mut cargo = crate::cargo();
    cargo.arg(command).arg("--manifest-path").arg(manifest);
    cargo
}

/// The standard output of a program that has to succeed.
fn checked(command: &mut Command) -> anyhow::Result<String> {
    let program = PathBuf::from(command.get_program());
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(output.status.success(), "{} failed: {}", program.display(), output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs the program once: the class that it names.
fn run(built: &Path, program: &Program, models: &Models) -> anyhow::Result<usize> {
    let model = match program.format {
        Format::Packed => &models.packed,
        Format::Onnx => &models.onnx,
    };
    let printed = checked(Command::new(built).arg(model).envs(models.variable()))?;
    printed.trim().parse().with_context(|| format!("{} printed {printed:?}, no class", program.name))
}

/// Packages in the tree of what is linked, the program itself left out.
fn dependencies(manifest: &Path, features: &str) -> anyhow::Result<usize> {
    let mut tree = cargo("tree", manifest);
    tree.args(["--offline", "--edges", "normal,no-proc-macro", "--prefix", "none", "--features", features]);
    Ok(packages(&checked(&mut tree)?).len().saturating_sub(1))
}

/// Name and version of each package in what `cargo tree --prefix none` prints.
fn packages(tree: &str) -> BTreeSet<(&str, &str)> {
    tree.lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, rest)| (name, rest.split(' ').next().unwrap_or(rest)))
        .collect()
}

fn lines(source: &str) -> usize {
    source.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_counted_once() {
        let tree = "a v1.0.0 (/x)\nb v0.2.0\nc v1.0.0\nb v0.2.0 (*)\nb v0.3.0\n";
        assert_eq!(packages(tree).len(), 4);
    }

    #[test]
    fn lines_are_those_of_code() {
        assert_eq!(lines("//! What.\n\nfn main() {\n    // why\n    call();\n}\n"), 3);
    }
}
