//! `cargo xtask bench --peers`: our networks beside ONNX Runtime, OpenVINO, LiteRT, rten and tract.
//!
//! Everything that the peers need lands in one folder, `target/peers` unless told otherwise: two Python
//! environments, the worker of rten and tract, and the models. What is there is not made again.

mod docs;
pub(crate) mod setup;

use crate::bench::{say, write};
use crate::repository;
use anyhow::{Context, bail};
use clap::Args;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use syq_bench::Machine;
use syq_bench::peers::{
    self, Contestant, FirstLast, Job, Kind, Report, Tools, Turns, chart, contestant, markdown, own,
};
use syq_bench::problem::Quantization;
use syq_infer::Isa;
use syq_pack::zoo::Architecture;

/// Flags that go with `--peers`.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Beside the peers")]
pub(crate) struct Options {
    /// Times whole networks beside the engines that people use instead. Installs and exports what is
    /// missing first: about 4 GB and half an hour, once.
    #[arg(long, conflicts_with_all = ["quick", "criterion"])]
    pub(crate) peers: bool,
    /// Only this scheme of ours, such as W2A2; may be given several times.
    #[arg(long, value_name = "NAME", requires = "peers", value_parser = scheme)]
    scheme: Vec<Quantization>,
    /// Only this format of our first and last layers: 8bit or float.
    #[arg(long, value_name = "FORMAT", requires = "peers", value_parser = first_last)]
    first_last: Vec<FirstLast>,
    /// Numbers of threads [default: 1 and 2; with --train all].
    #[arg(long, value_name = "N", requires = "contest")]
    pub(crate) threads: Vec<usize>,
    /// Images given at once [default: 1].
    #[arg(long, value_name = "N", requires = "peers")]
    batch: Vec<usize>,
    /// Rounds over all contestants.
    #[arg(long, value_name = "N", requires = "contest", default_value = "9")]
    pub(crate) rounds: usize,
    /// Leaves out the peers in f32.
    #[arg(long, requires = "peers")]
    no_float: bool,
    /// Keeps the other settings of the JSON file that is there.
    #[arg(long, requires = "peers")]
    append: bool,
    /// Installs and exports, and measures nothing.
    #[arg(long, requires = "peers")]
    prepare: bool,
    /// Writes the figures into docs/ too: performance.md and its chart, or with --train training.md.
    #[arg(long, requires = "contest")]
    pub(crate) docs: bool,
    /// Where everything that the peers and PyTorch need is kept [default: target/peers].
    #[arg(long, value_name = "FOLDER", requires = "contest")]
    pub(crate) dir: Option<PathBuf>,
}

pub(crate) fn scheme(name: &str) -> Result<Quantization, String> {
    scheme_of(&own::SCHEMES, name)
}

/// The one of that name.
pub(crate) fn scheme_of(all: &[Quantization], name: &str) -> Result<Quantization, String> {
    let names = || all.iter().map(Quantization::name).collect::<Vec<_>>().join(", ");
    let found = all.iter().find(|scheme| scheme.name().eq_ignore_ascii_case(name));
    found.copied().ok_or_else(|| format!("there is no such scheme; there are {}", names()))
}

pub(crate) fn first_last(name: &str) -> Result<FirstLast, String> {
    FirstLast::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| "must be 8bit or float".to_owned())
}

/// The list that was given, or the default.
fn or<T: Clone>(given: &[T], default: &[T]) -> Vec<T> {
    if given.is_empty() { default.to_vec() } else { given.to_vec() }
}

pub(crate) fn run(options: &Options, networks: &[Architecture], json: Option<&Path>) -> anyhow::Result<()> {
    let dir = options.dir.clone().unwrap_or_else(|| repository().join("target/peers"));
    let dir = std::path::absolute(&dir).with_context(|| format!("{} is no folder", dir.display()))?;
    let json = json.map_or_else(|| repository().join("target/peers.json"), Path::to_path_buf);
    let networks = or(networks, &own::NETWORKS);
    let (batches, threads) = (or(&options.batch, &[1]), or(&options.threads, &[1, 2]));
    if batches.iter().chain(&threads).any(|count| *count == 0) || options.rounds == 0 {
        bail!("threads, batch and rounds are at least 1");
    }
    let machine = Machine::detect(repository());
    let mut report = Report::new(machine, Isa::from_env()?.name());
    if options.append && json.exists() {
        report.take_over(Report::read(&json)?)?;
    }
    let schemes: Vec<(Quantization, FirstLast)> = or(&options.first_last, &FirstLast::ALL)
        .into_iter()
        .flat_map(|format| or(&options.scheme, &own::SCHEMES).into_iter().map(move |scheme| (scheme, format)))
        .collect();
    let tools = setup::run(&dir, &networks, &batches, &schemes)?;
    if options.prepare {
        return say("everything is prepared");
    }
    for batch in batches {
        for &threads in &threads {
            for &network in &networks {
                let job = Job { network, batch, threads };
                say(&format!("{}, batch {batch}, {threads} threads", network.name()))?;
                let setting =
                    peers::contest(job, contestants(&tools, job, &schemes, options), Turns::new(options.rounds))?;
                report.add(setting);
                // After each setting: a run that is stopped has what it measured.
                write(&json, &report.json()?)?;
            }
        }
    }
    let text = markdown::markdown(&report);
    stdout().write_all(text.as_bytes())?;
    write(&json.with_extension("md"), &text)?;
    if let Some(svg) = chart::svg(&report) {
        write(&json.with_extension("svg"), &svg)?;
    }
    say(&format!("wrote {}, and beside it .md and .svg", json.display()))?;
    if options.docs { docs::write(repository(), &report) } else { Ok(()) }
}

fn contestants(tools: &Tools, job: Job, schemes: &[(Quantization, FirstLast)], options: &Options) -> Vec<Contestant> {
    let peers = contestant::peers(tools, job).into_iter();
    let peers = peers.filter(|peer| !(options.no_float && peer.name.kind == Kind::Float));
    let own = schemes.iter().map(|(scheme, format)| contestant::own(tools, job, *scheme, *format));
    peers.chain(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_asked_for_by_name() {
        assert_eq!(scheme("w2a2").unwrap(), own::SCHEMES[2]);
        assert!(scheme("W3A1").unwrap_err().contains("W1A8"));
        assert_eq!(first_last("8bit"), Ok(FirstLast::EightBit));
        assert!(first_last("16bit").is_err());
    }
}
