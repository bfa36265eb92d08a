//! Who takes part: the peers in f32 and int8, and our own engine in its schemes.

use super::own::{self, FirstLast};
use crate::problem::Quantization;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use syq_pack::zoo::Architecture;

/// What a contestant computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A peer in 32-bit floats.
    Float,
    /// A peer in 8-bit integers.
    Int8,
    /// Ours.
    Own,
}

/// A contestant's name in tables.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Name {
    /// The engine.
    pub engine: String,
    /// What it computes with.
    pub kind: Kind,
    /// Of a peer the precision, such as `int8`; of ours the scheme, such as `W2A2`.
    pub precision: String,
    /// Of ours, the format of the first and the last layer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first_last: Option<FirstLast>,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.engine, self.precision)?;
        self.first_last.map_or(Ok(()), |first_last| write!(f, ", first and last layer {}", first_last.name()))
    }
}

/// Where the programs and the models are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tools {
    /// The folder of the models.
    pub models: PathBuf,
    /// Python with the peers' packages.
    pub python: PathBuf,
    /// `worker.py`.
    pub worker: PathBuf,
    /// The worker of rten and tract.
    pub rust: PathBuf,
    /// Our own worker, and its first arguments.
    pub own: (PathBuf, Vec<String>),
}

/// What every contestant of a turn has in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// The network.
    pub network: Architecture,
    /// Images given at once.
    pub batch: usize,
    /// Threads.
    pub threads: usize,
}

/// One engine with one model.
#[derive(Debug)]
pub struct Contestant {
    /// Its name.
    pub name: Name,
    /// The model file whose size counts.
    pub file: PathBuf,
    /// Starts its worker.
    pub command: Command,
}

/// Engine, kind, precision, and what follows the network's name in its model file; `{b}` is the batch.
const PEERS: [(&str, Kind, &str, &str); 10] = [
    ("onnxruntime", Kind::Float, "f32", "onnx"),
    ("openvino", Kind::Float, "f32", "ov.bin"),
    ("litert", Kind::Float, "f32", "b{b}.tflite"),
    ("rten", Kind::Float, "f32", "onnx"),
    ("tract", Kind::Float, "f32", "onnx"),
    ("onnxruntime", Kind::Int8, "int8", "qdq.onnx"),
    ("openvino", Kind::Int8, "int8", "ov8.bin"),
    ("litert", Kind::Int8, "int8", "b{b}.int8.tflite"),
    // rten has no faster path for static QDQ models, and tract runs QDQ in float.
    ("rten", Kind::Int8, "int8 dynamic", "dyn.onnx"),
    ("tract", Kind::Int8, "int8 convolutions", "qop.onnx"),
];

/// The peers of a job.
pub fn peers(tools: &Tools, job: Job) -> Vec<Contestant> {
    let Job { network, batch, threads } = job;
    let peers = PEERS.into_iter().map(|(engine, kind, precision, suffix)| {
        let file = format!("{}.{}", network.name(), suffix.replace("{b}", &batch.to_string()));
        let file = tools.models.join(file);
        let mut command;
        if matches!(engine, "rten" | "tract") {
            command = Command::new(&tools.rust);
            command.arg(engine).arg(&file).args([batch, network.image(), threads].map(|number| number.to_string()));
            command.env("RAYON_NUM_THREADS", threads.to_string());
        } else {
            command = Command::new(&tools.python);
            command.arg(&tools.worker).args([engine, precision]).arg(&tools.models);
            command.args([network.name(), &batch.to_string(), &threads.to_string()]);
            command.env("PYTHONDONTWRITEBYTECODE", "1");
        }
        let name = Name { engine: engine.to_owned(), kind, precision: precision.to_owned(), first_last: None };
        Contestant { name, file, command }
    });
    peers.collect()
}

/// The name of our engine.
pub const OWN: &str = "syq";

/// Our engine in a scheme.
pub fn own(tools: &Tools, job: Job, quantization: Quantization, first_last: FirstLast) -> Contestant {
    let file = own::model_path(&tools.models, job.network, quantization, first_last);
    let command = own_command(&tools.own, &file, job);
    let precision = quantization.name();
    let name = Name { engine: OWN.to_owned(), kind: Kind::Own, precision, first_last: Some(first_last) };
    Contestant { name, file, command }
}

fn own_command((program, arguments): &(PathBuf, Vec<String>), file: &Path, job: Job) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).arg(file).args([job.batch, job.threads].map(|number| number.to_string()));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_name_their_models() {
        let tools = Tools {
            models: "/m".into(),
            python: "/py".into(),
            worker: "/w.py".into(),
            rust: "/peer".into(),
            own: ("/own".into(), vec!["worker".to_owned()]),
        };
        let job = Job { network: Architecture::VggSmall, batch: 8, threads: 2 };
        let all = peers(&tools, job);
        let line = |contestant: &Contestant| {
            let words = std::iter::once(contestant.command.get_program()).chain(contestant.command.get_args());
            words.map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
        };
        let find = |engine: &str, kind| all.iter().find(|c| c.name.engine == engine && c.name.kind == kind).unwrap();
        assert_eq!(line(find("litert", Kind::Int8)), "/py /w.py litert int8 /m vgg-small 8 2");
        assert_eq!(find("litert", Kind::Int8).file, Path::new("/m/vgg-small.b8.int8.tflite"));
        assert_eq!(line(find("rten", Kind::Int8)), "/peer rten /m/vgg-small.dyn.onnx 8 32 2");
        let ours = own(&tools, job, own::SCHEMES[0], FirstLast::EightBit);
        assert_eq!(line(&ours), "/own worker /m/vgg-small-w1a1-8bit.safetensors 8 2");
        assert_eq!(ours.name.to_string(), "syq W1A1, first and last layer 8bit");
    }
}
