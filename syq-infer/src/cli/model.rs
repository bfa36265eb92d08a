//! The model and the engine that a command asks for.

use super::Failure;
use super::output::one_line;
use clap::Args;
use serde::Serialize;
use std::borrow::Cow;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use syq_infer::builtin::{BUILTIN, Builtin, find};
use syq_infer::isa::IsaError;
use syq_infer::{Isa, Session, SessionError, SessionOptions, builtin};
use syq_pack::{Model, ModelLimits, digest};

/// More threads than any machine has are a slip of the finger.
const MOST_THREADS: usize = 1024;

/// Which model.
#[derive(Debug, Args)]
pub(super) struct ModelArguments {
    #[arg(long, value_name = "FILE|NAME", help = help())]
    model: Option<PathBuf>,
}

/// How it runs. The results do not depend on it.
#[derive(Debug, Args)]
pub(super) struct EngineArguments {
    /// Threads; 0 is one for each core
    #[arg(long, value_name = "N", env = "SYQ_THREADS", default_value = "0", value_parser = threads)]
    threads: usize,
    /// Instruction set: auto, avx512, avx2, neon or portable
    #[arg(long, value_name = "NAME", env = "SYQ_ISA", default_value = "auto", value_parser = isa)]
    isa: IsaChoice,
}

/// An instruction set, or the best one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IsaChoice {
    Best,
    This(Isa),
}

/// An empty variable counts as unset.
fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads) if threads <= MOST_THREADS => Ok(threads),
        Err(_) if text.is_empty() => Ok(0),
        _ => Err(format!("must be a number from 0 to {MOST_THREADS}")),
    }
}

fn isa(name: &str) -> Result<IsaChoice, IsaError> {
    match name {
        "" | "auto" => Ok(IsaChoice::Best),
        name => Isa::from_name(name).map(IsaChoice::This),
    }
}

impl EngineArguments {
    /// Number of threads; `None` for one a core.
    pub(super) fn threads(&self) -> Option<NonZeroUsize> {
        NonZeroUsize::new(self.threads)
    }

    /// The instruction set, if one was named.
    pub(super) fn isa(&self) -> Option<Isa> {
        match self.isa {
            IsaChoice::Best => None,
            IsaChoice::This(isa) => Some(isa),
        }
    }

    pub(super) fn options(&self) -> SessionOptions {
        SessionOptions { threads: self.threads, isa: self.isa() }
    }
}

/// The bytes of a model file and its name.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: String,
    pub(super) bytes: Cow<'static, [u8]>,
}

impl Source {
    pub(super) fn fail(&self, error: &impl ToString) -> Failure {
        Failure::Model { file: self.file.clone(), reason: error.to_string() }
    }
}

impl ModelArguments {
    /// The bytes of the model file. A name goes before a file of the same name, which `./NAME` reaches.
    pub(super) fn source(&self) -> Result<Source, Failure> {
        let Some(path) = &self.model else {
            return Ok(Source { file: "built-in model".to_owned(), bytes: builtin().into() });
        };
        if let Some(network) = path.to_str().and_then(find) {
            let file = format!("built-in model {}", network.name());
            return Ok(Source { file, bytes: network.bytes().into() });
        }
        let file = one_line(&path.display());
        match read_limited(path) {
            Err(_) if !path.exists() && path.components().count() == 1 && path.extension().is_none() => {
                let reason = format!("neither a file nor a built-in network: {}", names());
                Err(Failure::Model { file, reason })
            }
            Ok(bytes) => Ok(Source { file, bytes: bytes.into() }),
            Err(reason) => Err(Failure::Model { file, reason }),
        }
    }
}

/// The built-in networks' names.
fn names() -> String {
    BUILTIN.iter().map(Builtin::name).collect::<Vec<_>>().join(", ")
}

fn help() -> String {
    let networks = BUILTIN.iter().map(|network| format!("{} ({})", network.name(), network.about()));
    let networks = networks.collect::<Vec<_>>().join(", ");
    format!("Model file, or a network that is built in: {networks}; default: the first")
}

/// A model and where it was read.
#[derive(Debug)]
pub(super) struct Loaded {
    /// The file's name, or what stands for it.
    pub(super) file: String,
    /// Size of the file in bytes.
    pub(super) bytes: usize,
    /// SHA-256 of the file, the model's identity.
    pub(super) sha256: String,
    pub(super) model: Model,
}

/// A model in a result.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ModelName {
    name: String,
    sha256: String,
}

impl Loaded {
    /// Reads and checks the model.
    pub(super) fn read(arguments: &ModelArguments) -> Result<Self, Failure> {
        Self::of(arguments.source()?)
    }

    /// Checks the model.
    pub(super) fn of(source: Source) -> Result<Self, Failure> {
        let model = Model::from_bytes(&source.bytes).map_err(|error| source.fail(&error))?;
        Ok(Self { bytes: source.bytes.len(), sha256: digest(&source.bytes), model, file: source.file })
    }

    /// A session of it.
    pub(super) fn session(&self, options: SessionOptions) -> Result<Session, Failure> {
        Session::new(&self.model, options).map_err(|error| self.refuse(error))
    }

    /// Why the model cannot be used, or what was asked for that the machine does not have.
    pub(super) fn refuse(&self, error: SessionError) -> Failure {
        match error {
            SessionError::Isa(_) | SessionError::Threads { .. } => Failure::Usage(error.to_string()),
            error => self.fail(error),
        }
    }

    /// A session that takes pictures.
    pub(super) fn picture_session(&self, options: SessionOptions) -> Result<Session, Failure> {
        match self.model.preprocess {
            Some(_) => self.session(options),
            None => Err(self.fail(SessionError::NoRecipe)),
        }
    }

    pub(super) fn fail(&self, reason: impl std::fmt::Display) -> Failure {
        Failure::Model { file: self.file.clone(), reason: reason.to_string() }
    }

    pub(super) fn name(&self) -> ModelName {
        ModelName { name: self.model.network.name.clone(), sha256: self.sha256.clone() }
    }
}

/// The bytes of a file no larger than a model may be.
fn read_limited(path: &Path) -> Result<Vec<u8>, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    // One byte more lets the end be seen without growing; a pipe has no length.
    let len = file.metadata().map_or(0, |about| about.len().min(ModelLimits::DEFAULT.file));
    let mut bytes = Vec::with_capacity(len as usize + 1);
    file.take(ModelLimits::DEFAULT.file + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > ModelLimits::DEFAULT.file {
        Err(format!("larger than {} bytes", ModelLimits::DEFAULT.file))
    } else {
        Ok(bytes)
    }
}
