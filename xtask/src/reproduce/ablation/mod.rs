//! `cargo xtask ablation`: trains the runs of the ablation one after the other and records each.
//!
//! What is recorded already is not trained again, so that the command goes on where it was stopped, in another session
//! or on another machine. The first seed of every cell comes before the second one of any.

mod cell;

use super::entry::{Kept, Kind};
use super::registry::Registry;
use super::{absolute, compare, docs, record, retrain};
use crate::bench::say;
use crate::peers;
use crate::repository;
use anyhow::{Context, ensure};
use cell::{Cell, Recipe, SCHEMES};
use clap::Args;
use std::path::{Path, PathBuf};
use syq_bench::Machine;
use syq_bench::problem::Quantization;
use syq_core::Granularity;
use syq_train::config::Config;

/// The float network that all of them start from.
const FLOAT: &str = "cifar10-resnet20-float-100";
const DATA_SET: &str = "cifar10";

/// Trains the ablation: layer-, row- and pixel-wise scales in four schemes, with our recipe, the paper's, and scales
/// that are not learned. `--recipe paper-fixed-scales` is a control beside it.
///
/// Each run is recorded in docs/runs when it has ended, and docs/ablation.md is written anew. What is recorded is not
/// trained again; a command that was killed goes on where it was when it is given again.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only runs of this recipe; may be repeated.
    #[arg(long, value_enum, value_name = "NAME")]
    recipe: Vec<Recipe>,
    /// Only runs of this scheme, such as W2A2; may be repeated.
    #[arg(long, value_name = "NAME", value_parser = scheme)]
    scheme: Vec<Quantization>,
    /// Only runs of this granularity; may be repeated.
    #[arg(long, value_name = "NAME", value_parser = granularity)]
    granularity: Vec<Granularity>,
    /// Seeds of each cell, from 1 on.
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u64).range(1..1000))]
    seeds: u64,
    /// Names what would be trained, and trains nothing.
    #[arg(long)]
    dry_run: bool,
    /// The data set's folder, which holds what the configurations call train and test, instead of theirs.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Where the runs go until they are recorded [default: target/ablation].
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// The processor, for people [default: what the system calls it].
    #[arg(long, value_name = "TEXT")]
    cpu: Option<String>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let registry = Registry::read(repository())?;
    let missing = missing(options, &registry);
    if options.dry_run {
        return print(&missing);
    }
    let init = init(&registry)?;
    let out = absolute(options.out.as_deref().unwrap_or(&repository().join("target/ablation")))?;
    let data = options.data.as_deref().map(absolute).transpose()?;
    let commit = commit(repository())?;
    for (index, cell) in missing.iter().enumerate() {
        let name = cell.name();
        say(&format!("{} of {}: {name}", index + 1, missing.len()))?;
        let folder = out.join(&name);
        train(*cell, data.as_deref(), init.clone(), &folder).with_context(|| name.clone())?;
        let recorded = record::Options {
            record: None,
            name: Some(name),
            recipe: Some(cell.recipe.name().to_owned()),
            data_set: Some(DATA_SET.to_owned()),
            kind: Kind::Ablation,
            init: Some(FLOAT.to_owned()),
            teacher: None,
            float: Some(FLOAT.to_owned()),
            log: None,
            commit: Some(commit.clone()),
            cpu: options.cpu.clone(),
            layers: Kept::Dropped,
            keep_checkpoint: false,
            keep_model: false,
        };
        record::run(repository(), &folder, &recorded, data.as_deref())?;
        docs::write(repository(), &Registry::read(repository())?)?;
    }
    Ok(())
}

/// The asked-for runs that are not recorded, in order.
fn missing(options: &Options, registry: &Registry) -> Vec<Cell> {
    fn asked<T: Copy + PartialEq, const N: usize>(only: &[T], all: [T; N]) -> Vec<T> {
        all.into_iter().filter(|one| only.is_empty() || only.contains(one)).collect()
    }
    let recipes = if options.recipe.is_empty() { &Recipe::ALL[..] } else { &options.recipe };
    let granularities = asked(&options.granularity, Granularity::ALL);
    let mut cells = Vec::new();
    for seed in 1..=options.seeds {
        for &recipe in recipes {
            for &scheme in &asked(&options.scheme, schemes()) {
                let scheme = |granularity| Quantization { granularity, ..scheme };
                cells.extend(granularities.iter().map(|&one| Cell { recipe, scheme: scheme(one), seed }));
            }
        }
    }
    cells.retain(|cell| !registry.0.iter().any(|run| run.entry.name == cell.name()));
    cells
}

fn train(cell: Cell, data: Option<&Path>, init: PathBuf, folder: &Path) -> anyhow::Result<()> {
    let template = repository().join(cell.recipe.template());
    let template = std::fs::read_to_string(&template).with_context(|| template.display().to_string())?;
    let text = cell.config(&template)?;
    let mut config = retrain::place(repository(), Config::from_toml_str(&text)?, data)?;
    config.train.init = Some(init);
    retrain::train(folder, config, &text, None)
}

/// The weights that every run starts from.
fn init(registry: &Registry) -> anyhow::Result<PathBuf> {
    let checkpoint = registry.get(FLOAT)?.checkpoint();
    checkpoint.with_context(|| format!("{FLOAT} keeps no checkpoint"))
}

/// The commit whose code runs: that of the checkout, whose training code must not have been changed since.
fn commit(repository: &Path) -> anyhow::Result<String> {
    let commit = Machine::detect(repository).commit.context("there is no git here")?;
    let commit = commit.trim_end_matches("-dirty").to_owned();
    ensure!(compare::same_code(repository, &commit), "the training code has changes that are not committed");
    Ok(commit)
}

fn print(cells: &[Cell]) -> anyhow::Result<()> {
    use std::io::Write;
    let text: String = cells.iter().map(|cell| cell.name() + "\n").collect();
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// The schemes, each pixel-wise.
fn schemes() -> [Quantization; 4] {
    SCHEMES.map(|(codebook, bits)| Quantization { codebook, granularity: Granularity::Pixel, bits })
}

fn scheme(name: &str) -> Result<Quantization, String> {
    peers::scheme_of(&schemes(), name)
}

fn granularity(name: &str) -> Result<Granularity, String> {
    let all = Granularity::ALL;
    let found = all.into_iter().find(|granularity| granularity.name() == name);
    found.ok_or_else(|| format!("the ablation has {}", all.map(Granularity::name).join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        let (recipe, scheme, granularity) = (Vec::new(), Vec::new(), Vec::new());
        Options { recipe, scheme, granularity, seeds: 3, dry_run: true, data: None, out: None, cpu: None }
    }

    #[test]
    fn every_cell_is_asked_for_once_and_the_first_seeds_first() {
        let nothing = Registry(Vec::new());
        let all = missing(&options(), &nothing);
        assert_eq!(all.len(), 3 * 4 * 3 * 3);
        let names: std::collections::BTreeSet<String> = all.iter().map(|cell| cell.name()).collect();
        assert_eq!(names.len(), all.len());
        assert!(all[..36].iter().all(|cell| cell.seed == 1));
        let few = Options { scheme: vec![scheme("w2a2").unwrap()], seeds: 1, ..options() };
        let few = Options { granularity: vec![granularity("row").unwrap()], recipe: vec![Recipe::Paper], ..few };
        assert_eq!(
            missing(&few, &nothing).iter().map(|cell| cell.name()).collect::<Vec<_>>(),
            ["ablation-paper-w2a2-row-seed1"]
        );
        assert!(scheme("W3A3").unwrap_err().contains("W1A2") && granularity("filter").unwrap_err().contains("row"));
    }

    #[test]
    fn the_runs_start_from_a_file_that_is_kept() {
        assert!(init(&Registry::read(repository()).unwrap()).unwrap().is_file());
    }

    #[test]
    fn what_is_recorded_is_not_trained_again() {
        let mut registry = Registry::read(repository()).unwrap();
        let before = missing(&options(), &registry);
        let Some(next) = before.first() else { return };
        let mut run = registry.get(FLOAT).unwrap().clone();
        run.entry.name = next.name();
        registry.0.push(run);
        assert_eq!(missing(&options(), &registry), before[1..]);
    }
}
