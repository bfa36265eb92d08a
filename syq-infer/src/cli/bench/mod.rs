//! `syq bench`: how fast this machine runs a model file, or a known network with random weights.

mod description;
mod measure;
mod print;

use super::model::{EngineArguments, ModelArguments};
use super::network::NetworkArguments;
use super::output::stdout;
use super::profile::{Profile, ProfileFormat, Sums};
use super::{Failure, Outcome};
use clap::Args;
use description::Description;
use measure::{Times, peak_memory, restart_peak_memory};
use serde::Serialize;
use std::io::Write;
use std::time::Instant;
use syq_infer::{Session, SessionError};
use syq_pack::{Golden, Model};

const SCHEMA: &str = "syq.bench/1";

/// Arguments of `syq bench`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// Images given at once
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1024))]
    batch: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Time each step too; json implies --json
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "table")]
    profile: Option<ProfileFormat>,
    #[command(flatten)]
    engine: EngineArguments,
    // Last, because its heading would stand over whatever follows.
    #[command(flatten)]
    network: NetworkArguments,
}

/// The result.
#[derive(Debug, Serialize)]
struct Report {
    schema: &'static str,
    /// The model file, or what stands for it.
    file: String,
    #[serde(flatten)]
    description: Description,
    /// Rows, columns and channels of an image.
    input: [usize; 3],
    threads: usize,
    batch: usize,
    isa: &'static str,
    /// From the bytes of the model file, already in memory, to a session that can run. Neither the making
    /// of random weights nor reading from disk counts.
    load_ms: f64,
    /// Of a run of `batch` images.
    median_ms: f64,
    min_ms: f64,
    runs: usize,
    /// Multiply-accumulates of an image.
    macs: u64,
    /// 10⁹ multiply-accumulates a second, by the median.
    gmacs: f64,
    images_per_second: f64,
    /// Most memory of the process at any time from loading on, in 10⁶ bytes; null where the system
    /// does not tell.
    peak_mb: Option<f64>,
    /// Size of the model file in 10⁶ bytes.
    file_mb: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<Profile>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let source = match arguments.network.source()? {
        Some(source) => source,
        None => arguments.model.source()?,
    };
    restart_peak_memory();
    let start = Instant::now();
    let model = Model::from_bytes(&source.bytes).map_err(|error| source.fail(&error))?;
    let mut session = Session::new(&model, arguments.engine.options()).map_err(|error| match error {
        SessionError::Isa(_) | SessionError::Threads { .. } => Failure::Usage(error.to_string()),
        error => source.fail(&error),
    })?;
    let load_ms = start.elapsed().as_secs_f64() * 1e3;
    let macs = model.network.resolve().map_err(|error| source.fail(&error))?.macs();
    let description = Description::of(&model.view().map_err(|error| source.fail(&error))?);
    let (shape, batch) = (model.network.input, arguments.batch as usize);
    drop(model);
    let input: Vec<f32> = (1..=batch as u64).flat_map(|seed| Golden::input(shape, seed)).collect();
    let times = Times::of(|| session.run(&input).map(drop)).map_err(|error| source.fail(&error))?;
    let peak_mb = peak_memory();
    let profile = match arguments.profile {
        Some(_) => Some(profile(&mut session, &input, batch).map_err(|error| source.fail(&error))?),
        None => None,
    };
    let report = Report {
        schema: SCHEMA,
        file: source.file,
        description,
        input: [shape.height, shape.width, shape.channels],
        threads: session.threads(),
        batch,
        isa: session.plan().isa().name(),
        load_ms,
        median_ms: times.median() * 1e3,
        min_ms: times.min() * 1e3,
        runs: times.runs(),
        macs,
        gmacs: (macs * batch as u64) as f64 / times.median() / 1e9,
        images_per_second: batch as f64 / times.median(),
        peak_mb,
        file_mb: source.bytes.len() as f64 / 1e6,
        profile,
    };
    let mut out = stdout();
    if arguments.json || arguments.profile == Some(ProfileFormat::Json) {
        serde_json::to_writer(&mut out, &report).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        print::print(&mut out, &report)?;
    }
    out.flush()?;
    Ok(Outcome::Complete)
}

/// The mean of the runs in the middle half, so that a run that was held up does not count.
fn profile(session: &mut Session, input: &[f32], batch: usize) -> Result<Profile, SessionError> {
    let mut runs = Vec::new();
    Times::of(|| {
        let (_, times) = session.run_profiled(input)?;
        runs.push(times);
        Ok::<_, SessionError>(())
    })?;
    runs.sort_by_key(syq_infer::StepTimes::total);
    let quarter = runs.len() / 4;
    let mut sums = Sums::new(session.plan(), &[]);
    runs[quarter..runs.len() - quarter].iter().for_each(|times| sums.add(&[], times));
    Ok(sums.profile(session.plan(), batch))
}
