//! `syq classify`: the likeliest classes of pictures, one record a picture in the order of the input.

use super::model::{EngineArguments, Loaded, ModelArguments, ModelName};
use super::output::{complain, one_line, stdout};
use super::profile::{ProfileFormat, Sums};
use super::{Failure, Outcome, picture};
use clap::Args;
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;
use syq_infer::Session;
use syq_infer::inputs::{Input, collect};
use syq_infer::topk::top_k;

const SCHEMA: &str = "syq.classify/1";

/// Arguments of `syq classify`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// Classes to name for each picture
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
    top_k: u32,
    /// Print one JSON array
    #[arg(long, conflicts_with = "jsonl")]
    json: bool,
    /// Print one JSON object a line, as soon as a picture is done
    #[arg(long)]
    jsonl: bool,
    /// Time each step too, on the mean of all pictures; goes to standard error
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "table")]
    profile: Option<ProfileFormat>,
    #[command(flatten)]
    engine: EngineArguments,
    /// JPEG and PNG files, folders of them, or - for a picture on standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// How the records are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Table,
    Json,
    JsonLines,
}

/// A picture that was classified.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    schema: &'static str,
    file: &'a str,
    top: Vec<Class<'a>>,
    model: &'a ModelName,
    isa: &'static str,
    threads: usize,
    ms: Milliseconds,
}

#[derive(Debug, Serialize)]
struct Class<'a> {
    index: usize,
    label: &'a str,
    prob: f64,
    /// Null where it is not finite, which JSON cannot say.
    logit: f32,
}

/// Wall-clock times of one picture.
#[derive(Clone, Copy, Debug, Serialize)]
struct Milliseconds {
    decode: f64,
    preprocess: f64,
    infer: f64,
}

/// A picture that was not.
#[derive(Debug, Serialize)]
struct Refusal<'a> {
    schema: &'static str,
    file: &'a str,
    error: &'a str,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let loaded = Loaded::read(&arguments.model)?;
    let mut session = loaded.picture_session(arguments.engine.options())?;
    let name = loaded.name();
    let mut input = vec![0.0; loaded.model.network.input.len()];
    drop(loaded);
    let format = match (arguments.json, arguments.jsonl) {
        (true, _) => Format::Json,
        (false, true) => Format::JsonLines,
        (false, false) => Format::Table,
    };
    let mut printer = Printer { out: stdout(), format, records: 0 };
    let mut sums = arguments.profile.map(|_| Sums::new(session.plan(), &["decode", "preprocess"]));
    let mut outcome = Outcome::Complete;
    for item in collect(&arguments.paths) {
        let (file, result) = match item {
            Ok(item) => (item.to_string(), logits(&mut session, &item, &mut input, sums.as_mut())),
            Err(error) => (error.path.display().to_string(), Err(error.reason.to_string())),
        };
        match result {
            Ok((logits, ms)) => {
                let label = |index| session.labels().get(index).map_or("", String::as_str);
                let top = top_k(&logits, arguments.top_k as usize).into_iter().map(|class| Class {
                    index: class.index,
                    label: label(class.index),
                    prob: class.probability,
                    logit: class.logit,
                });
                printer.answer(&Answer {
                    schema: SCHEMA,
                    file: &file,
                    top: top.collect(),
                    model: &name,
                    isa: session.plan().isa().name(),
                    threads: session.threads(),
                    ms,
                })?;
            }
            Err(error) => {
                outcome = Outcome::SomeFailed;
                complain(&format!("{file}: {error}"));
                printer.refusal(&Refusal { schema: SCHEMA, file: &file, error: &error })?;
            }
        }
    }
    printer.end()?;
    if let (Some(format), Some(sums)) = (arguments.profile, sums) {
        // Nobody can be told that standard error is closed.
        drop(sums.profile(session.plan(), 1).print(&mut std::io::stderr().lock(), format));
    }
    Ok(outcome)
}

/// Reads, prepares and runs one picture; watches the steps if there is somewhere to add their times.
fn logits(
    session: &mut Session,
    item: &Input,
    input: &mut [f32],
    sums: Option<&mut Sums>,
) -> Result<(Vec<f32>, Milliseconds), String> {
    let start = Instant::now();
    let picture = picture::read(item)?;
    let decoded = Instant::now();
    session.prepare(picture.view(), input).map_err(|error| error.to_string())?;
    let prepared = Instant::now();
    let (decode, preprocess) = (decoded - start, prepared - decoded);
    let logits = match sums {
        None => session.run(input).map_err(|error| error.to_string())?,
        Some(sums) => {
            let (logits, times) = session.run_profiled(input).map_err(|error| error.to_string())?;
            sums.add(&[decode, preprocess], &times);
            logits
        }
    };
    let infer = prepared.elapsed();
    let [decode, preprocess, infer] = [decode, preprocess, infer].map(|time| time.as_secs_f64() * 1e3);
    Ok((logits, Milliseconds { decode, preprocess, infer }))
}

/// Prints records as they come.
#[derive(Debug)]
struct Printer<W: Write> {
    out: W,
    format: Format,
    records: usize,
}

impl<W: Write> Printer<W> {
    fn answer(&mut self, answer: &Answer<'_>) -> Result<(), Failure> {
        if self.format != Format::Table {
            return self.record(answer);
        }
        writeln!(self.out, "{}", one_line(&answer.file))?;
        for (rank, class) in answer.top.iter().enumerate() {
            writeln!(self.out, "{:>4}  {:6.2} %  {}", rank + 1, 100.0 * class.prob, one_line(&class.label))?;
        }
        Ok(self.out.flush()?)
    }

    /// In a table a refused picture stands on standard error alone.
    fn refusal(&mut self, refusal: &Refusal<'_>) -> Result<(), Failure> {
        if self.format == Format::Table { Ok(()) } else { self.record(refusal) }
    }

    fn record(&mut self, record: &impl Serialize) -> Result<(), Failure> {
        let before = match (self.format, self.records) {
            (Format::Json, 0) => "[\n",
            (Format::Json, _) => ",\n",
            _ => "",
        };
        self.records += 1;
        self.out.write_all(before.as_bytes())?;
        serde_json::to_writer(&mut self.out, record).map_err(std::io::Error::from)?;
        if self.format == Format::JsonLines {
            self.out.write_all(b"\n")?;
        }
        Ok(self.out.flush()?)
    }

    fn end(mut self) -> Result<(), Failure> {
        if self.format == Format::Json {
            self.out.write_all(if self.records == 0 { b"[]\n" } else { b"\n]\n" })?;
        }
        Ok(self.out.flush()?)
    }
}
