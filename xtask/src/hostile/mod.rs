//! `cargo xtask hostile`: crafted model files and pictures, each read by a process of its own. Each has to give its
//! typed error within a second and 64 MB.

/// A picture of the library's tests.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../syq-infer/tests/fixtures/pictures/", $name))
    };
}

mod bombs;
mod case;
mod containers;
mod jpegs;
mod networks;
mod parts;
mod pictures;
mod report;
mod values;
mod worker;

pub(crate) use case::Reader;

use anyhow::{Context, ensure};
use case::Case;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use report::{Report, Row};
use std::io::{Read, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use worker::Answer;

/// Flags of `cargo xtask hostile`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Keeps the files in this folder, which must not exist or be empty.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Only the cases whose names hold this text; may be given several times.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// A worker that has not answered by then is killed.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let temporary = tempfile::tempdir()?;
    let folder = options.out.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(folder)?;
    ensure!(std::fs::read_dir(folder)?.next().is_none(), "{} is not empty", folder.display());
    let mut cases = cases()?;
    cases.retain(|case| options.only.is_empty() || options.only.iter().any(|text| case.name.contains(text.as_str())));
    ensure!(!cases.is_empty(), "no case has such a name");
    let bar = ProgressBar::new(cases.iter().map(|case| case.files.len() as u64).sum());
    bar.set_style(ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} files")?);
    let program = std::env::current_exe()?;
    let rows = cases.into_iter().map(|case| row(&program, folder, &case, &bar)).collect::<Result<_, _>>()?;
    bar.finish_and_clear();
    let report = Report::new(rows);
    let mut out = stdout().lock();
    if options.json {
        serde_json::to_writer(&mut out, &report)?;
        writeln!(out)?;
    } else {
        report.table(&mut out)?;
    }
    ensure!(report.failed == 0, "{} cases failed", report.failed);
    Ok(())
}

/// All rows of the table.
fn cases() -> anyhow::Result<Vec<Case>> {
    let cases =
        [containers::cases()?, values::cases()?, networks::cases()?, bombs::cases(), pictures::cases(), jpegs::cases()];
    Ok(cases.into_iter().flatten().collect())
}

/// What the worker's process does.
pub(crate) fn serve(reader: Reader, path: &Path) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    serde_json::to_writer(&mut out, &worker::answer(reader, path))?;
    Ok(writeln!(out)?)
}

/// Writes a case's files and has each read.
fn row(program: &Path, folder: &Path, case: &Case, bar: &ProgressBar) -> anyhow::Result<Row> {
    let mut answers = Vec::with_capacity(case.files.len());
    for (index, source) in case.files.iter().enumerate() {
        let path = folder.join(case.file(index));
        source.write(&path)?;
        let mut answer = ask(program, case.reader, &path)?;
        // The processor may have been busy with others: the fastest of three counts.
        for _ in 0..2 {
            if answer.as_ref().is_ok_and(|answer| answer.ms > report::LIMIT_MS) {
                answer = match (answer, ask(program, case.reader, &path)?) {
                    (Ok(first), Ok(again)) if again.ms > first.ms => Ok(first),
                    (_, again) => again,
                };
            }
        }
        answers.push(answer);
        bar.inc(1);
    }
    Ok(Row::new(case, &answers))
}

/// A worker's answer, or why there is none.
fn ask(program: &Path, reader: Reader, path: &Path) -> anyhow::Result<Result<Answer, String>> {
    let mut command = Command::new(program);
    command.arg(crate::HOSTILE_WORKER).arg(reader.argument()).arg(path);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot start a worker")?;
    // An answer is short: it fits a pipe, so that the worker ends before it is read.
    if !ends(&mut child)? {
        child.kill()?;
        child.wait()?;
        return Ok(Err(format!("killed after {} s", PATIENCE.as_secs())));
    }
    let [mut said, mut complained] = [const { String::new() }; 2];
    child.stdout.take().map(|mut pipe| pipe.read_to_string(&mut said)).transpose()?;
    child.stderr.take().map(|mut pipe| pipe.read_to_string(&mut complained)).transpose()?;
    let status = child.wait()?;
    let no_answer = || format!("{status}: {}", complained.lines().take(2).collect::<Vec<_>>().join(" "));
    Ok(serde_json::from_str(&said).ok().filter(|_| status.success()).ok_or_else(no_answer))
}

/// Whether a process ends before the patience does.
fn ends(child: &mut Child) -> anyhow::Result<bool> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if child.try_wait()?.is_some() {
            return Ok(true);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use case::{Expected, Source};
    use std::collections::HashSet;

    /// What is small is read in this process; the command reads all of it, each file in a process of its own.
    #[test]
    fn small_crafted_files_come_out_as_the_table_says() {
        let folder = tempfile::tempdir().unwrap();
        let cases = cases().unwrap();
        let names: HashSet<_> = cases.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), cases.len(), "a name is used twice");
        let small = |source: &Source| matches!(source, Source::Bytes(bytes) if bytes.len() < 1 << 20);
        let small = |case: &&Case| case.files.iter().all(small) && !matches!(case.expected, Expected::Large);
        let mut read = 0;
        for case in cases.iter().filter(small) {
            for (index, source) in case.files.iter().enumerate() {
                let path = folder.path().join(case.file(index));
                source.write(&path).unwrap();
                let mut answer = worker::answer(case.reader, &path);
                // The memory is that of all tests together, and the processor may be busy with others.
                (answer.peak_mb, answer.ms) = (None, 0.0);
                assert_eq!(report::fault(case.expected, &answer), None, "{}: {answer:?}", case.file(index));
                read += 1;
            }
        }
        assert!(read > 1000, "{read}");
    }
}
