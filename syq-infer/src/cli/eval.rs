//! `syq eval`: top-1 and top-5 over a folder whose subfolders are named after the classes.
//!
//! Pictures are decoded and prepared in parallel and run in batches; what is counted does not depend
//! on either.

use super::model::{EngineArguments, Loaded, ModelArguments, ModelName};
use super::output::{complain, percent, stdout};
use super::{Failure, Outcome, picture};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;
use syq_infer::inputs::{Input, InputErrorKind, collect};
use syq_infer::topk::top_k;
use syq_infer::{Session, SessionError};
use syq_pack::Model;

const SCHEMA: &str = "syq.eval/1";

/// Pictures that are prepared and run at a time.
const BATCH: usize = 64;

/// Names that an error lists before it says how many more there are.
const LISTED: usize = 20;

/// Arguments of `syq eval`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArguments,
    /// Folder with one folder of pictures a class, named as the model's labels or as the folders it was trained on
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// The result.
#[derive(Debug, Serialize)]
struct Report {
    schema: &'static str,
    folder: String,
    top1: Count,
    top5: Count,
    failed: Vec<Failed>,
    model: ModelName,
    isa: &'static str,
    threads: usize,
    seconds: f64,
}

/// Pictures classified right, of those that could be read.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Count {
    right: u64,
    total: u64,
}

#[derive(Debug, Serialize)]
struct Failed {
    file: String,
    error: String,
}

/// A picture and the index of its class.
#[derive(Debug)]
struct Sample {
    input: Input,
    class: usize,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let start = Instant::now();
    let loaded = Loaded::read(&arguments.model)?;
    let mut session = loaded.picture_session(arguments.engine.options())?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(session.threads()).build();
    let pool = pool.map_err(|error| Failure::Usage(format!("cannot start {} threads: {error}", session.threads())))?;
    let (samples, failed) = samples(&arguments.folder, &loaded.model)?;
    let bar = progress(samples.len());
    for failed in &failed {
        complain(&format!("{}: {}", failed.file, failed.error));
    }
    let mut report = Report {
        schema: SCHEMA,
        folder: arguments.folder.display().to_string(),
        top1: Count::default(),
        top5: Count::default(),
        failed,
        model: loaded.name(),
        isa: session.plan().isa().name(),
        threads: session.threads(),
        seconds: 0.0,
    };
    for batch in samples.chunks(BATCH) {
        report.batch(&mut session, &pool, batch, &bar).map_err(|error| loaded.fail(error))?;
        bar.inc(batch.len() as u64);
        bar.set_message(format!("top-1 {:.2} %", percent(report.top1.right, report.top1.total)));
    }
    bar.finish_and_clear();
    report.seconds = start.elapsed().as_secs_f64();
    report.print(arguments.json)?;
    Ok(if report.failed.is_empty() { Outcome::Complete } else { Outcome::SomeFailed })
}

/// A bar on a terminal, nothing elsewhere.
fn progress(pictures: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(pictures as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg} {per_sec} {eta} left") {
        bar.set_style(style);
    }
    bar
}

impl Report {
    /// Counts one batch.
    fn batch(
        &mut self,
        session: &mut Session,
        pool: &rayon::ThreadPool,
        batch: &[Sample],
        bar: &ProgressBar,
    ) -> Result<(), SessionError> {
        let shared: &Session = session;
        let tensors: Vec<Result<Vec<f32>, String>> =
            pool.install(|| batch.par_iter().map(|sample| tensor(shared, &sample.input)).collect());
        let mut input = Vec::new();
        let mut classes = Vec::new();
        for (sample, tensor) in batch.iter().zip(tensors) {
            match tensor {
                Ok(tensor) => {
                    input.extend(tensor);
                    classes.push(sample.class);
                }
                Err(error) => {
                    let file = sample.input.to_string();
                    bar.suspend(|| complain(&format!("{file}: {error}")));
                    self.failed.push(Failed { file, error });
                }
            }
        }
        if classes.is_empty() {
            return Ok(());
        }
        let logits = session.run(&input)?;
        for (logits, class) in logits.chunks(session.labels().len().max(1)).zip(classes) {
            let top = top_k(logits, 5);
            let place = top.iter().position(|candidate| candidate.index == class);
            self.top1.right += u64::from(place == Some(0));
            self.top5.right += u64::from(place.is_some());
            self.top1.total += 1;
            self.top5.total += 1;
        }
        Ok(())
    }

    fn print(&self, json: bool) -> Result<(), Failure> {
        let mut out = stdout();
        if json {
            serde_json::to_writer(&mut out, self).map_err(std::io::Error::from)?;
            writeln!(out)?;
        } else {
            for (name, count) in [("top-1", self.top1), ("top-5", self.top5)] {
                let Count { right, total } = count;
                writeln!(out, "{name}  {:6.2} %  {right} of {total}", percent(right, total))?;
            }
            if !self.failed.is_empty() {
                writeln!(out, "failed           {}", self.failed.len())?;
            }
        }
        Ok(out.flush()?)
    }
}

/// Reads and prepares one picture.
fn tensor(session: &Session, input: &Input) -> Result<Vec<f32>, String> {
    let picture = picture::read(input)?;
    let mut tensor = vec![0.0; session.plan().input().len()];
    session.prepare(picture.view(), &mut tensor).map_err(|error| error.to_string())?;
    Ok(tensor)
}

/// The pictures of the class folders, by class and path, and what of them cannot be reached. A folder is called like a
/// label, or as the folder of the data set that the model was trained on.
fn samples(folder: &Path, model: &Model) -> Result<(Vec<Sample>, Vec<Failed>), Failure> {
    let usage = |message: String| Failure::Usage(format!("{}: {message}", folder.display()));
    let folders = class_folders(folder).map_err(|error| usage(error.to_string()))?;
    let index = |names: &[String], folder: &str| names.iter().position(|name| name == folder);
    let class = |folder: &str| index(&model.labels, folder).or_else(|| index(model.class_folders(), folder));
    let (mut classes, mut unknown) = (Vec::new(), Vec::new());
    for (name, path) in &folders {
        match class(name) {
            Some(class) => classes.push((class, path)),
            None => unknown.push(name.as_str()),
        }
    }
    if !unknown.is_empty() {
        let labels: Vec<&str> = model.labels.iter().map(String::as_str).collect();
        return Err(usage(format!("the model has no class {}; its classes are {}", list(&unknown), list(&labels))));
    }
    let (mut samples, mut failed) = (Vec::new(), Vec::new());
    for (class, path) in classes {
        for item in collect(std::slice::from_ref(path)) {
            match item {
                Ok(input) => samples.push(Sample { input, class }),
                // A class may be without pictures.
                Err(error) if matches!(error.reason, InputErrorKind::NoPictures) => {}
                Err(error) => {
                    failed.push(Failed { file: error.path.display().to_string(), error: error.reason.to_string() });
                }
            }
        }
    }
    if samples.is_empty() && failed.is_empty() {
        return Err(usage("no folder of pictures named after a class in this folder".to_owned()));
    }
    Ok((samples, failed))
}

/// Names and paths of the folders in `folder`, sorted; hidden ones are left out.
fn class_folders(folder: &Path) -> std::io::Result<Vec<(String, PathBuf)>> {
    let mut classes = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && entry.path().is_dir() {
            classes.push((name, entry.path()));
        }
    }
    classes.sort();
    Ok(classes)
}

/// Quoted names, the first ones of many.
fn list(names: &[&str]) -> String {
    let mut text: Vec<String> = names.iter().take(LISTED).map(|name| format!("{name:?}")).collect();
    if names.len() > LISTED {
        text.push(format!("and {} more", names.len() - LISTED));
    }
    text.join(", ")
}
