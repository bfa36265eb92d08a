//! `cargo xtask turns BEFORE AFTER`: two builds of `syq` by turns, network by network, to see whether a change made the
//! engine faster. A machine that others share is now faster, now slower; programs that take turns meet the same of it.
//!
//! Each turn is a process of its own (`syq bench --json`), because where a program lies in memory moves its speed by
//! some percent, too.

use crate::bench::{architecture, say, write};
use crate::peers::{first_last, scheme};
use anyhow::{Context, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use syq_bench::median;
use syq_bench::peers::{FirstLast, own};
use syq_bench::problem::Quantization;
use syq_core::Granularity;
use syq_pack::zoo::Architecture;

/// Flags of `cargo xtask turns`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The `syq` of one build.
    before: PathBuf,
    /// The `syq` of the other; the same program twice shows how much the machine moves.
    after: PathBuf,
    /// Only this network; may be given several times [default: those of `bench --peers`].
    #[arg(long, value_name = "NAME", value_parser = architecture)]
    net: Vec<Architecture>,
    /// Only this scheme, such as W2A2; may be given several times [default: those of `bench --peers`].
    #[arg(long, value_name = "NAME", value_parser = scheme)]
    scheme: Vec<Quantization>,
    /// Only this granularity (layer, row or pixel); may be given several times [default: pixel].
    #[arg(long, value_name = "NAME", value_parser = granularity)]
    granularity: Vec<Granularity>,
    /// Format of the first and last layers: 8bit or float.
    #[arg(long, value_name = "FORMAT", value_parser = first_last, default_value = "8bit")]
    first_last: FirstLast,
    /// Threads.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u64).range(1..))]
    threads: u64,
    /// Turns of each program.
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Where the JSON form goes [default: nowhere].
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn granularity(name: &str) -> Result<Granularity, String> {
    let found = Granularity::ALL.into_iter().find(|granularity| granularity.name() == name);
    found.ok_or_else(|| "must be layer, row or pixel".to_owned())
}

/// What one process said: the part of `syq bench --json` that is used here.
#[derive(Debug, Deserialize)]
struct Turn {
    min_ms: f64,
    isa: String,
}

/// Two programs on one network.
#[derive(Debug, PartialEq, Serialize)]
struct Row {
    network: &'static str,
    scheme: String,
    granularity: String,
    threads: u64,
    isa: String,
    /// The least time of each process, round by round, in milliseconds.
    before: Vec<f64>,
    after: Vec<f64>,
}

impl Row {
    /// Time before over time after of each round, the least first.
    fn ratios(&self) -> Vec<f64> {
        sorted(self.before.iter().zip(&self.after).map(|(before, after)| before / after))
    }

    /// A line of the table.
    fn line(&self) -> Option<String> {
        let [before, after] = [&self.before, &self.after].map(|times| sorted(times.iter().copied()));
        let (before, after, ratios) = (median(&before)?, median(&after)?, self.ratios());
        let (middle, least, greatest) = (median(&ratios)?, ratios.first()?, ratios.last()?);
        let Self { network, scheme, granularity, threads, .. } = self;
        Some(format!(
            "| {network} {scheme} {granularity}-wise | {threads} | {before:.3} | {after:.3} | {middle:.3} | {least:.3} | {greatest:.3} |\n"
        ))
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let networks = if options.net.is_empty() { own::NETWORKS.to_vec() } else { options.net.clone() };
    let schemes = if options.scheme.is_empty() { own::SCHEMES.to_vec() } else { options.scheme.clone() };
    let granularities = if options.granularity.is_empty() { &[Granularity::Pixel] } else { &options.granularity[..] };
    let settings = networks.iter().flat_map(|network| {
        let schemes = schemes.iter();
        schemes.flat_map(|scheme| {
            granularities.iter().map(|granularity| (*network, Quantization { granularity: *granularity, ..*scheme }))
        })
    });
    let settings: Vec<_> = settings.collect();
    let bar = ProgressBar::new(settings.len() as u64 * options.rounds * 2);
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos} of {len} turns, {eta} left")?);
    let mut rows = Vec::new();
    for (network, quantization) in settings {
        rows.push(contest(options, network, quantization, &bar)?);
    }
    bar.finish_and_clear();
    stdout().write_all(table(&rows).as_bytes())?;
    if let Some(path) = &options.json {
        write(path, &(serde_json::to_string_pretty(&rows)? + "\n"))?;
        say(&format!("wrote {}", path.display()))?;
    }
    Ok(())
}

fn contest(
    options: &Options,
    network: Architecture,
    quantization: Quantization,
    bar: &ProgressBar,
) -> anyhow::Result<Row> {
    let mut row = Row {
        network: network.name(),
        scheme: quantization.name(),
        granularity: quantization.granularity.name().to_owned(),
        threads: options.threads,
        isa: String::new(),
        before: Vec::new(),
        after: Vec::new(),
    };
    let arguments = arguments(options, network, quantization);
    let turn = |program: &Path| {
        let turn = take(program, &arguments);
        bar.inc(1);
        turn
    };
    for round in 0..options.rounds {
        // Whoever comes second finds a warmer machine: they change places.
        let (before, after) = if round.is_multiple_of(2) {
            let before = turn(&options.before)?;
            (before, turn(&options.after)?)
        } else {
            let after = turn(&options.after)?;
            (turn(&options.before)?, after)
        };
        row.before.push(before.min_ms);
        row.after.push(after.min_ms);
        row.isa = after.isa;
    }
    Ok(row)
}

/// The arguments of `syq` for one turn.
fn arguments(options: &Options, network: Architecture, quantization: Quantization) -> Vec<String> {
    let (weights, acts) = (quantization.codebook.bits().to_string(), quantization.bits.bits().to_string());
    let (granularity, threads) = (quantization.granularity.name().to_owned(), options.threads.to_string());
    let pairs = [
        ("--net", network.name()),
        ("--weights", &weights),
        ("--acts", &acts),
        ("--granularity", &granularity),
        ("--first-last", options.first_last.name()),
        ("--threads", &threads),
    ];
    let pairs = pairs.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value.to_owned()]);
    ["bench".to_owned()].into_iter().chain(pairs).chain(["--json".to_owned()]).collect()
}

fn take(program: &Path, arguments: &[String]) -> anyhow::Result<Turn> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    let line = || format!("{} {}", program.display(), arguments.join(" "));
    ensure!(output.status.success(), "{} failed: {}", line(), output.status);
    serde_json::from_slice(&output.stdout).with_context(|| format!("{} printed no report", line()))
}

/// A Markdown table: medians of the least times, and of the ratios of the rounds.
fn table(rows: &[Row]) -> String {
    let head = "| network | threads | before, ms | after, ms | before over after | least | greatest |\n\
                | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n";
    [head.to_owned()].into_iter().chain(rows.iter().filter_map(Row::line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(before: &[f64], after: &[f64]) -> Row {
        Row {
            network: "resnet18",
            scheme: "W2A2".to_owned(),
            granularity: "pixel".to_owned(),
            threads: 1,
            isa: "avx512".to_owned(),
            before: before.to_vec(),
            after: after.to_vec(),
        }
    }

    #[test]
    fn ratios_are_those_of_the_rounds() {
        // A machine that becomes half as fast after the second round.
        let row = row(&[4.0, 4.4, 8.0], &[2.0, 2.0, 4.0]);
        assert_eq!(row.ratios(), [2.0, 2.0, 2.2]);
        let line = "| resnet18 W2A2 pixel-wise | 1 | 4.400 | 2.000 | 2.000 | 2.000 | 2.200 |\n";
        assert!(table(&[row]).ends_with(line));
    }

    #[test]
    fn what_is_no_syq_is_an_error() {
        let error = |program: &str| format!("{:#}", take(Path::new(program), &["bench".to_owned()]).unwrap_err());
        assert!(error("/no/such/syq").contains("cannot run /no/such/syq"));
        assert!(error("false").contains("false bench failed"));
        assert!(error("echo").contains("printed no report"));
    }
}
