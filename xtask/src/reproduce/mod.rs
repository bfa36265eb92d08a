//! `cargo xtask reproduce`: the published training numbers, listed, trained again and recorded.
//!
//! The registry is data: a file `docs/runs/NAME/run.toml` for each run ([`entry`], [`registry`]). From it come the
//! list ([`list`]), what is trained again and in which order ([`plan`], [`retrain`]), how near the count must come
//! ([`compare`]), and the tables in docs/ ([`groups`], [`docs`]). [`record`] writes such a file;
//! [`ablation`] trains a whole table of them.

pub(crate) mod ablation;
mod compare;
mod docs;
mod entry;
mod groups;
mod judge;
mod list;
mod metrics;
mod plan;
mod record;
mod registry;
mod retrain;

use crate::bench::say;
use crate::repository;
use anyhow::{Context, ensure};
use clap::Args;
use plan::From;
use registry::Registry;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

/// Trains a published number again and compares, or lists what is published.
///
/// The exit code is 0 only if the number was reproduced: the very count where the training code is the same and the
/// machine of the same kind, else within two standard deviations of the binomial count. A command that was killed goes
/// on where it was when it is given again.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The run to train again, by its name in docs/runs.
    #[arg(value_name = "NAME", required_unless_present_any = ["list", "record", "docs"], conflicts_with_all = ["list", "record"])]
    run: Option<String>,
    /// Lists the published numbers.
    #[arg(long, conflicts_with = "record")]
    list: bool,
    /// JSON on standard output.
    #[arg(long)]
    json: bool,
    /// What is trained again.
    #[arg(long, value_enum, default_value = "start", requires = "run", conflicts_with_all = ["list", "record", "docs"])]
    from: From,
    /// The data set's folder, which holds what the configurations call train and test, instead of theirs.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Where the runs go [default: target/reproduce].
    #[arg(long, value_name = "FOLDER", requires = "run", conflicts_with_all = ["list", "record", "docs"])]
    out: Option<PathBuf>,
    /// Writes the tables of docs/reproduce.md and docs/ablation.md. A run that is recorded writes them too.
    #[arg(long, conflicts_with_all = ["run", "list"])]
    docs: bool,
    // Last, because its heading would stand over whatever follows.
    #[command(flatten)]
    record: record::Options,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let data = options.data.as_deref().map(absolute).transpose()?;
    if let Some(folder) = &options.record.record {
        record::run(repository(), folder, &options.record, data.as_deref())?;
    }
    let registry = Registry::read(repository())?;
    registry.check(repository())?;
    if options.docs || options.record.record.is_some() {
        return docs::write(repository(), &registry);
    }
    let Some(name) = &options.run else {
        let rows = list::rows(&registry)?;
        let text = if options.json { list::json(&rows)? } else { list::table(&rows) };
        stdout().write_all(text.as_bytes())?;
        return match (list::others(&registry), options.json) {
            (0, _) | (_, true) => Ok(()),
            (others, false) => say(&format!("{others} stages and trials are recorded in {} too", registry::RUNS)),
        };
    };
    let out = options.out.clone().unwrap_or_else(|| repository().join("target/reproduce"));
    let task = retrain::Task { name, from: options.from, data: data.as_deref(), out: &absolute(&out)? };
    let outcome = retrain::run(repository(), &registry, &task)?;
    let text = if options.json { serde_json::to_string_pretty(&outcome)? + "\n" } else { outcome.text() };
    stdout().write_all(text.as_bytes())?;
    ensure!(outcome.reproduced, "{name} was not reproduced");
    Ok(())
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("{} is no folder", path.display()))
}
