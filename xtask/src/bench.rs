//! `cargo xtask bench`: times packed kernels, layers and networks beside their float twins, all in
//! one interleaved run, and writes the report.
//!
//! The answers are checked against the plain loops before anything is timed. The table goes to
//! standard output, everything else to standard error.

use crate::{cargo, peers, repository, train_bench};
use anyhow::{Context, ensure};
use clap::{ArgGroup, Args};
use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};
use syq_bench::{BenchError, Case, Machine, Peaks, Report, Rounds, interleaved, kernel, layer, network};
use syq_core::Granularity;
use syq_infer::Isa;
use syq_infer::kernels::Kernels;
use syq_pack::zoo::Architecture;

/// Times kernels, layers and networks beside their float twins.
///
/// Every answer is checked against the reference first. Without `--net`: each convolution kernel of
/// each instruction set on ResNet-18's 3×3 layers, the layers of ResNet-20, and ResNet-20 (32×32) and
/// ResNet-18 (224×224) from tensor to logits in every bit width and granularity, on 1 and 2 threads, 1 and 8 images
/// at a time. Beside each time stands the fraction of what its kernels' instructions reach at most. `SYQ_ISA` chooses the instruction
/// set of the networks.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("contest").args(["peers", "train"])))]
pub(crate) struct Options {
    /// A first look: the best instruction set alone, fewer rounds, no ResNet-18.
    #[arg(long)]
    quick: bool,
    /// Where the JSON form of the report goes [default: target/bench.json, with --peers target/peers.json, with --train
    /// target/train.json].
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only this network; may be given several times.
    #[arg(long, value_name = "NAME", value_parser = architecture)]
    net: Vec<Architecture>,
    /// Runs the criterion benches of syq-bench afterwards (`cargo bench`), which takes minutes.
    #[arg(long)]
    criterion: bool,
    // Last, because their headings would stand over whatever follows.
    #[command(flatten)]
    peers: peers::Options,
    #[command(flatten)]
    train: train_bench::Options,
}

pub(crate) fn architecture(name: &str) -> Result<Architecture, String> {
    let names = || Architecture::ALL.map(Architecture::name).join(", ");
    Architecture::from_name(name).ok_or_else(|| format!("there is no such network; there are {}", names()))
}

/// Numbers of threads that a network is run with.
const THREADS: [usize; 2] = [1, 2];

/// Images that it is given at a time.
const BATCHES: [usize; 2] = [1, 8];

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.peers.peers {
        return peers::run(&options.peers, &options.net, options.json.as_deref());
    }
    if options.train.train {
        return train_bench::run(&options.train, &options.peers, &options.net, options.json.as_deref());
    }
    let json = options.json.clone().unwrap_or_else(|| repository().join("target/bench.json"));
    // Looked at first: the checks alone keep the machine busy.
    let machine = Machine::detect(repository());
    say("checking every answer against the reference")?;
    let mut cases = cases(options)?;
    let rounds = if options.quick { Rounds::QUICK } else { Rounds::FULL };
    say(&format!("{} cases are right; timing them in {} rounds", cases.len(), rounds.count))?;
    let timings = interleaved(&mut cases, rounds, |_| {})?;
    say("measuring the kernels' peaks")?;
    let peaks = Isa::available().into_iter().map(|isa| Kernels::new(isa).map(Peaks::new));
    let mut peaks = peaks.collect::<Result<Vec<_>, _>>()?;
    let report = Report::new(machine, rounds, &cases, &timings, &mut peaks)?;
    stdout().write_all(report.markdown().as_bytes())?;
    write(&json, &report.json()?)?;
    say(&format!("wrote {}", json.display()))?;
    if options.criterion { criterion() } else { Ok(()) }
}

fn cases(options: &Options) -> anyhow::Result<Vec<Case>> {
    let best = Isa::from_env()?;
    let isas = if options.quick { vec![best] } else { Isa::available() };
    let kernels = isas.into_iter().map(Kernels::new).collect::<Result<Vec<_>, _>>()?;
    let mut cases = Vec::new();
    let networks = match (options.net.as_slice(), options.quick) {
        ([], true) => &[Architecture::ResNet20][..],
        ([], false) => &[Architecture::ResNet20, Architecture::ResNet18],
        (networks, _) => networks,
    };
    if options.net.is_empty() {
        cases.extend(kernel::cases(&kernels, &kernel::SHAPES)?);
        cases.extend(layer::cases(&kernels, &layer::layers(Architecture::ResNet20)?)?);
    }
    let mut schemes = network::schemes();
    if options.quick {
        schemes.retain(|scheme| scheme.granularity == Granularity::Pixel);
    }
    let sessions = network::Sessions { isas: &[best], threads: &THREADS, batches: &BATCHES };
    for network in networks {
        let found: Result<Vec<Case>, BenchError> = network::cases(*network, network.image(), &schemes, sessions);
        cases.extend(found.with_context(|| format!("network {}", network.name()))?);
    }
    Ok(cases)
}

pub(crate) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

pub(crate) fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(stderr(), "{line}")?)
}

/// `cargo bench` of this cargo, with the environment that it was called in.
fn criterion() -> anyhow::Result<()> {
    let mut command = cargo();
    command.args(["bench", "--locked", "--package", "syq-bench"]).current_dir(repository());
    let status = command.status().context("cannot run cargo bench")?;
    ensure!(status.success(), "cargo bench failed: {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_asked_for_by_name() {
        assert_eq!(architecture("resnet18"), Ok(Architecture::ResNet18));
        assert!(architecture("resnet").unwrap_err().contains("vgg-small"));
    }
}
