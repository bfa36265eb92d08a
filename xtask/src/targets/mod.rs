//! `cargo xtask targets`: the tests on processors that this machine does not have, under emulation, and which of them
//! could not be run.

mod list;
mod missing;

use anyhow::{Context, bail};
use clap::Args;
use list::{Step, TARGETS, Target};
use missing::Missing;
use serde::Serialize;
use std::io::{Write, stderr, stdout};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Flags of `cargo xtask targets`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Targets to run, by the beginnings of their names; all without any.
    targets: Vec<String>,
    /// Fails when a target cannot be run, too.
    #[arg(long)]
    all: bool,
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", content = "reason", rename_all = "snake_case")]
enum Outcome {
    Passed,
    Failed(String),
    NotRun(String),
}

/// One step on one target.
#[derive(Debug, Serialize)]
struct Row {
    target: &'static str,
    step: &'static str,
    #[serde(flatten)]
    outcome: Outcome,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct Report {
    schema: &'static str,
    rustc: String,
    rows: Vec<Row>,
}

pub(crate) fn run(repository: &Path, options: &Options) -> anyhow::Result<()> {
    let chosen = choose(&options.targets)?;
    let mut report = Report { schema: "syq.targets/1", rustc: rustc_version()?, rows: Vec::new() };
    for target in chosen {
        match Missing::of(target)? {
            Some(missing) => report.rows.push(Row {
                target: target.triple,
                step: "all",
                outcome: Outcome::NotRun(missing.to_string()),
                seconds: 0.0,
            }),
            None => {
                for step in target.steps {
                    report.rows.push(run_step(repository, target, step)?);
                }
            }
        }
    }
    let mut out = stdout().lock();
    if options.json {
        serde_json::to_writer(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write_table(&mut out, &report)?;
    }
    let count = |wanted: fn(&Outcome) -> bool| report.rows.iter().filter(|row| wanted(&row.outcome)).count();
    let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let not_run = count(|outcome| matches!(outcome, Outcome::NotRun(_)));
    match (failed, not_run, options.all) {
        (0, 0, _) | (0, _, false) => Ok(()),
        (0, not_run, true) => bail!("{not_run} targets could not be run"),
        (failed, ..) => bail!("{failed} steps failed"),
    }
}

fn choose(names: &[String]) -> anyhow::Result<Vec<&'static Target>> {
    if names.is_empty() {
        return Ok(TARGETS.iter().collect());
    }
    let chosen = |name: &String| {
        let found = TARGETS.iter().find(|target| target.triple.starts_with(name.as_str()));
        let known = || TARGETS.map(|target| target.triple).join(", ");
        found.with_context(|| format!("no target begins with {name}; known are {}", known()))
    };
    names.iter().map(chosen).collect()
}

fn rustc_version() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("--version").stdin(Stdio::null()).output().context("cannot run rustc")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs cargo for one step; what it prints goes to stderr.
fn run_step(repository: &Path, target: &Target, step: &'static Step) -> anyhow::Result<Row> {
    writeln!(stderr(), "==> {}: {}", target.triple, step.name)?;
    let (start, mut cargo) = (Instant::now(), crate::cargo());
    cargo.current_dir(repository).stdin(Stdio::null()).stdout(stderr());
    cargo.args([step.command, "--locked", "--target", target.triple]).args(step.features).args(step.arguments);
    let variable = |what: &str| format!("CARGO_TARGET_{}_{what}", target.triple.to_uppercase().replace('-', "_"));
    if let Some(linker) = target.linker {
        cargo.env(variable("LINKER"), linker);
    }
    if !target.runner.is_empty() {
        // A program of the repository is named by its path, whatever folder cargo runs a test in.
        let words = target.runner.iter().map(|word| word.replace("{repository}", &repository.display().to_string()));
        cargo.env(variable("RUNNER"), words.collect::<Vec<_>>().join(" "));
    }
    // Emulation is about fifty times slower: fewer random cases for each property.
    cargo.env("PROPTEST_CASES", step.proptest_cases);
    let status = cargo.status().context("cannot run cargo")?;
    let outcome = if status.success() { Outcome::Passed } else { Outcome::Failed(status.to_string()) };
    Ok(Row { target: target.triple, step: step.name, outcome, seconds: start.elapsed().as_secs_f64() })
}

fn write_table(out: &mut impl Write, report: &Report) -> std::io::Result<()> {
    writeln!(out, "{}", report.rustc)?;
    for Row { target, step, outcome, seconds } in &report.rows {
        match outcome {
            Outcome::Passed => writeln!(out, "{target:<27} {step:<44} passed {seconds:7.0} s")?,
            Outcome::Failed(reason) => writeln!(out, "{target:<27} {step:<44} failed: {reason}")?,
            Outcome::NotRun(reason) => writeln!(out, "{target:<27} not run: {reason}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_chosen_by_the_beginnings_of_their_names() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(choose(&[]).unwrap().len(), TARGETS.len());
        let chosen = choose(&names(&["wasm", "aarch64"])).unwrap();
        assert!(chosen.iter().map(|target| target.triple).eq(["wasm32-wasip1", "aarch64-unknown-linux-gnu"]));
        assert!(choose(&names(&["sparc"])).unwrap_err().to_string().contains("s390x-unknown-linux-gnu"));
    }

    #[test]
    fn what_was_not_run_is_in_the_table() {
        let rows = [Outcome::Passed, Outcome::Failed("exit status: 101".into()), Outcome::NotRun("no node".into())];
        let rows = rows.map(|outcome| Row { target: "a", step: "b", outcome, seconds: 1.0 });
        let report = Report { schema: "syq.targets/1", rustc: "rustc 1".into(), rows: rows.into() };
        let mut table = Vec::new();
        write_table(&mut table, &report).unwrap();
        let table = String::from_utf8(table).unwrap();
        assert!(table.contains("passed") && table.contains("failed: exit status: 101"), "{table}");
        assert!(table.lines().any(|line| line.starts_with("a ") && line.ends_with("not run: no node")), "{table}");
        assert!(serde_json::to_string(&report).unwrap().contains(r#""result":"not_run","reason":"no node""#));
    }
}
