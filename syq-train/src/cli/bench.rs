//! `syq-train bench`.

use super::progress::say;
use super::values::checkpoint;
use anyhow::{Context, bail};
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;
use syq_train::config::Config;
use syq_train::kernels::Isa;
use syq_train::run::{DataPart, load_part, precision, speed, threads};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The TOML configuration.
    #[arg(long)]
    config: PathBuf,
    /// Steps to time.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..1_000_000))]
    steps: u64,
    /// Steps before them that do not count.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(..1_000_000))]
    warmup: u64,
    /// Float run (its folder or checkpoint) to start from; without one a quantized network starts from a float one that
    /// was not trained.
    #[arg(long)]
    init: Option<PathBuf>,
    /// Folder of class folders to train on, instead of the configuration's.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Number of threads, instead of the configuration's.
    #[arg(long)]
    threads: Option<usize>,
    /// JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Report {
    images_per_second: f64,
    median_ms: f64,
    min_ms: f64,
    /// Share of all the steps' time that was spent waiting for the loader.
    waiting_percent: f64,
    steps: usize,
    batch: usize,
    threads: usize,
    isa: &'static str,
    precision: &'static str,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut config = Config::read(&arguments.config)?;
    config.train.init = match &arguments.init {
        Some(init) => Some(checkpoint(init)),
        // The configuration's own, if it has been trained already.
        None => config.train.init.filter(|init| init.exists()),
    };
    config.data.train = arguments.data.clone().unwrap_or(config.data.train);
    config.train.threads = arguments.threads.unwrap_or(config.train.threads);
    config.validate().with_context(|| arguments.config.display().to_string())?;
    let (threads, batch, precision) = (threads(&config), config.train.batch, precision(&config).name());
    let Some(data) = load_part(&config, DataPart::Train, threads, &|_, _| {})? else {
        bail!("{}: no training images", arguments.config.display());
    };
    say(&format!("{} training images of {} classes", data.len(), data.classes().len()));
    let folder = tempfile::tempdir().context("a folder for the run")?;
    let mut run = speed::open(config, folder.path(), data, arguments.warmup + arguments.steps)?;
    speed::time(&mut run, arguments.warmup)?;
    let times = speed::time(&mut run, arguments.steps)?;
    let mut ms: Vec<f64> = times.iter().map(|time| time.whole.as_secs_f64() * 1e3).collect();
    let all_ms = ms.iter().sum::<f64>();
    let images_per_second = (batch * ms.len()) as f64 * 1e3 / all_ms;
    let waiting_percent = times.iter().map(|time| time.waited.as_secs_f64()).sum::<f64>() * 1e5 / all_ms;
    ms.sort_by(f64::total_cmp);
    let (Some(&min_ms), Some(&median_ms)) = (ms.first(), ms.get(ms.len() / 2)) else { bail!("no step was timed") };
    let isa = Isa::detect().name();
    let steps = ms.len();
    let report =
        Report { images_per_second, median_ms, min_ms, waiting_percent, steps, batch, threads, isa, precision };
    let mut out = std::io::stdout();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        writeln!(
            out,
            "{images_per_second:.0} images/s: {steps} steps of {batch} images, {median_ms:.1} ms in the median, \
             {min_ms:.1} ms at best, {waiting_percent:.1} % of the time waiting for the pictures; {threads} threads, {isa}, \
             {precision} operands"
        )?;
    }
    Ok(())
}
