//! `syq info`: what a model consists of, what it costs and where it comes from.

mod layers;
mod print;

use super::model::{EngineArguments, Loaded, ModelArguments};
use super::output::stdout;
use super::{Failure, Outcome};
use clap::Args;
use layers::{LayerInfo, Totals};
use serde::Serialize;
use std::io::Write;
use syq_infer::{Isa, Session};
use syq_pack::{Origin, Preprocess};

const SCHEMA: &str = "syq.info/1";

/// Arguments of `syq info`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArguments,
}

/// All that is told of a model.
#[derive(Debug, Serialize)]
struct Info<'a> {
    schema: &'static str,
    file: &'a str,
    name: &'a str,
    sha256: &'a str,
    /// Bytes of the file.
    bytes: usize,
    /// Rows, columns and channels.
    input: [usize; 3],
    labels: &'a [String],
    preprocess: Option<&'a Preprocess>,
    origin: &'a Origin,
    /// Whether the model carries logits for `syq verify`.
    golden: bool,
    totals: Totals,
    memory: Memory,
    isa: &'static str,
    isas: Vec<&'static str>,
    threads: usize,
    layers: Vec<LayerInfo<'a>>,
}

/// Bytes that the engine holds; decoded pictures come on top.
#[derive(Clone, Copy, Debug, Serialize)]
struct Memory {
    /// Packed weights.
    weights: usize,
    /// Weights and feature maps of a run on one picture.
    one_picture: usize,
    /// Weights and feature maps of a run on a batch, with all threads.
    batch: usize,
    /// Most bytes at any time of a run on one picture, the model that is read included.
    peak: usize,
}

impl Memory {
    fn of(session: &Session, model: usize) -> Self {
        let (one_picture, batch) = (session.memory_bytes(1), session.memory_bytes(session.threads()));
        Self { weights: session.plan().weight_bytes(), one_picture, batch, peak: one_picture + model }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let loaded = Loaded::read(&arguments.model)?;
    let session = loaded.session(arguments.engine.options())?;
    let model = &loaded.model;
    let view = model.view().map_err(|error| loaded.fail(error))?;
    let layers = layers::describe(&view, session.plan());
    let shape = model.network.input;
    let info = Info {
        schema: SCHEMA,
        file: &loaded.file,
        name: &model.network.name,
        sha256: &loaded.sha256,
        bytes: loaded.bytes,
        input: [shape.height, shape.width, shape.channels],
        labels: &model.labels,
        preprocess: model.preprocess.as_ref(),
        origin: &model.origin,
        golden: model.golden.is_some(),
        totals: Totals::of(&layers),
        memory: Memory::of(&session, loaded.bytes),
        isa: session.plan().isa().name(),
        isas: Isa::available().into_iter().map(Isa::name).collect(),
        threads: session.threads(),
        layers,
    };
    let mut out = stdout();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &info).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        print::print(&mut out, &info)?;
    }
    out.flush()?;
    Ok(Outcome::Complete)
}
