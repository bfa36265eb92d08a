//! `cargo xtask footprint`: what embedding an engine costs: dependencies, bytes of program, build time, for the
//! smallest program that runs a network with it.

mod measure;
mod programs;
mod report;

use crate::bench::say;
use crate::peers::setup::{PEERS, call, environment};
use crate::repository;
use anyhow::Context;
use clap::Args;
use measure::measure;
use programs::{BASELINE, PROGRAMS};
use report::Report;
use std::ffi::OsString;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::Command;
use syq_bench::Machine;
use syq_bench::peers::{FirstLast, own};
use syq_pack::zoo::Architecture;

/// Flags of `cargo xtask footprint`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where the programs and models are made; each build starts anew [default: target/footprint].
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// Only these programs.
    #[arg(long, value_name = "NAME")]
    program: Vec<String>,
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// The network that every program runs.
const NETWORK: Architecture = Architecture::ResNet20;

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let dir = options.dir.clone().unwrap_or_else(|| repository().join("target/footprint"));
    let dir = std::path::absolute(&dir).with_context(|| format!("{} is no folder", dir.display()))?;
    let models = Models::make(&dir)?;
    let mut report = Report::new(Machine::detect(repository()));
    let baseline = measure(&dir, &BASELINE, &models)?;
    for program in PROGRAMS {
        if !options.program.is_empty() && !options.program.iter().any(|name| name == program.name) {
            continue;
        }
        say(program.name)?;
        // An engine that does not build here is a row that says so.
        let figures = measure(&dir, &program, &models).map(|figures| figures.beside(&baseline));
        report.add(&program, figures.map_err(|error| format!("{error:#}")));
    }
    let mut out = stdout().lock();
    if options.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        out.write_all(report.markdown().as_bytes())?;
    }
    Ok(())
}

/// The files that the programs run.
#[derive(Debug)]
struct Models {
    packed: PathBuf,
    onnx: PathBuf,
    /// ONNX Runtime's shared library.
    runtime: Option<PathBuf>,
}

impl Models {
    fn make(dir: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let scheme = own::SCHEMES[2];
        own::write_model(dir, NETWORK, scheme, FirstLast::Float)?;
        own::write_float_twin(dir, NETWORK)?;
        let source = repository().join(PEERS);
        let python = environment(&source, dir, "requirements-footprint.txt", "venv");
        let python = python.context("the ONNX model needs Python with the packages of requirements-footprint.txt")?;
        call(Command::new(&python).arg(source.join("float_onnx.py")).arg(dir).arg(NETWORK.name()))?;
        Ok(Self {
            packed: own::model_path(dir, NETWORK, scheme, FirstLast::Float),
            onnx: dir.join(NETWORK.name()).with_extension("onnx"),
            runtime: runtime(&python)?,
        })
    }

    /// The variable that tells ort where its library is.
    fn variable(&self) -> Option<(&'static str, OsString)> {
        self.runtime.as_ref().map(|path| ("ORT_DYLIB_PATH", path.clone().into()))
    }
}

/// The shared library in the Python package.
fn runtime(python: &Path) -> anyhow::Result<Option<PathBuf>> {
    let script = "import onnxruntime, pathlib; print(pathlib.Path(onnxruntime.__file__).parent / 'capi')";
    let output = Command::new(python).args(["-c", script]).output().context("cannot run Python")?;
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(None) };
    let mut names = entries.flatten().map(|entry| entry.path());
    Ok(names.find(|path| path.to_string_lossy().contains("libonnxruntime.so")))
}
