//! Compiled models, which any number of sessions share, and sessions, which run them with threads and memory of their own.

mod control;
mod engine;
mod error;

pub use control::Control;
pub(crate) use control::Watch;
pub use engine::Engine;
pub use error::SessionError;

use crate::exec::{self, Buffers, RunError, StepTimes, Threads};
use crate::isa::Isa;
use crate::plan::Plan;
use crate::rgb::RgbView;
use crate::topk::{Candidate, top_k};
use syq_pack::Model;

/// How a session runs. The logits do not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionOptions {
    /// Number of threads; 0 means one for each core, 1 means the calling thread and no pool at all.
    pub threads: usize,
    /// The instruction set; `None` means the best that the machine has.
    pub isa: Option<Isa>,
}

/// A compiled model with threads and memory of its own to run it: one for each thread of an application that runs the
/// model, many from one [`Engine`]. It is made once and used for many pictures.
#[derive(Debug)]
pub struct Session {
    engine: Engine,
    threads: Threads,
    states: Vec<Buffers>,
    input: Vec<f32>,
}

impl Session {
    /// Reads the model file at `path`.
    ///
    /// # Errors
    /// A file that cannot be read or is no model, or options that the machine does not allow.
    #[cfg(feature = "fs")]
    pub fn load(path: &std::path::Path, options: SessionOptions) -> Result<Self, SessionError> {
        Self::new(&Model::read(path)?, options)
    }

    /// Reads a model file from memory.
    ///
    /// # Errors
    /// Bytes that are no model, or options that the machine does not allow.
    pub fn from_bytes(bytes: &[u8], options: SessionOptions) -> Result<Self, SessionError> {
        Self::new(&Model::from_bytes(bytes)?, options)
    }

    /// Compiles `model`, for this session alone; [`Engine::session`] gives sessions that share what was compiled.
    ///
    /// # Errors
    /// A model that does not fit together, or options that the machine does not allow.
    pub fn new(model: &Model, options: SessionOptions) -> Result<Self, SessionError> {
        Self::with_engine(Engine::new(model, options.isa)?, options.threads)
    }

    pub(super) fn with_engine(engine: Engine, threads: usize) -> Result<Self, SessionError> {
        Ok(Self { engine, threads: Threads::start(threads)?, states: Vec::new(), input: Vec::new() })
    }

    /// What the session runs, to share it with others.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The compiled model.
    pub fn plan(&self) -> &Plan {
        self.engine.plan()
    }

    /// Class names, in the order of the logits.
    pub fn labels(&self) -> &[String] {
        self.engine.labels()
    }

    /// Threads of the session.
    pub fn threads(&self) -> usize {
        self.threads.count()
    }

    /// Bytes that a run keeps at the same time, for `images` images given at once: packed weights and
    /// feature maps.
    pub fn memory_bytes(&self, images: usize) -> usize {
        let states = if images >= self.threads() { self.threads() } else { 1 };
        self.plan().weight_bytes() + states * self.plan().scratch_bytes(self.threads())
    }

    /// The logits of one or more images, `[image][class]`, from normalised tensors
    /// `[image][row][column][channel]`.
    ///
    /// # Errors
    /// An input that is not a whole number of images, at least one.
    pub fn run(&mut self, input: &[f32]) -> Result<Vec<f32>, SessionError> {
        let mut logits = self.zero_logits(input)?;
        self.run_into(input, &mut logits)?;
        Ok(logits)
    }

    /// [`Self::run`] with the time of each step. Images run one after another, so that the steps' times
    /// add up; without a second image, or on one thread, that is what [`Self::run`] does too.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_profiled(&mut self, input: &[f32]) -> Result<(Vec<f32>, StepTimes), SessionError> {
        let (result, times) = StepTimes::watch(self.plan().steps.len(), |times| {
            let mut logits = self.zero_logits(input)?;
            exec::run_in_turn(self.engine.plan(), &self.threads, &mut self.states, input, &mut logits, times)?;
            Ok(logits)
        });
        result.map(|logits| (logits, times))
    }

    /// Room for the logits of the images in `input`.
    fn zero_logits(&self, input: &[f32]) -> Result<Vec<f32>, SessionError> {
        Ok(vec![0.0; self.images(input)? * self.plan().classes])
    }

    /// Number of images in `input`, at least one.
    fn images(&self, input: &[f32]) -> Result<usize, SessionError> {
        let expected = self.plan().input_shape.len();
        if input.is_empty() || !input.len().is_multiple_of(expected) {
            return Err(SessionError::Input { found: input.len(), expected });
        }
        Ok(input.len() / expected)
    }

    /// As [`Self::run`], with the logits written to `logits`, `[image][class]`. After a first run with as
    /// many images a session with one thread allocates no memory here.
    ///
    /// # Errors
    /// As [`Self::run`], or `logits` of another length.
    pub fn run_into(&mut self, input: &[f32], logits: &mut [f32]) -> Result<(), SessionError> {
        self.run_controlled(input, logits, &Control::default())
    }

    /// As [`Self::run_into`], for many images: `control` is told of each image that is done, and may stop the run.
    ///
    /// # Errors
    /// As [`Self::run_into`], or [`SessionError::Cancelled`]; which logits were written then is not defined. The session
    /// can go on to other runs, also where a callback of `control` panicked.
    pub fn run_controlled(
        &mut self,
        input: &[f32],
        logits: &mut [f32],
        control: &Control<'_>,
    ) -> Result<(), SessionError> {
        let images = self.images(input)?;
        let expected = images * self.plan().classes;
        if logits.len() != expected {
            return Err(SessionError::Logits { found: logits.len(), expected });
        }
        let watch = control.watch();
        exec::run_batch(self.engine.plan(), &self.threads, &mut self.states, input, logits, &watch).map_err(|error| {
            match error {
                RunError::Kernel(error) => SessionError::Kernel(error),
                RunError::Cancelled => SessionError::Cancelled { done: watch.done(), images },
            }
        })
    }

    /// The logits of one RGB picture of any size, prepared by the model's own recipe.
    ///
    /// # Errors
    /// A model without a recipe, or a picture that does not fit it.
    pub fn run_picture(&mut self, picture: RgbView<'_>) -> Result<Vec<f32>, SessionError> {
        let mut input = std::mem::take(&mut self.input);
        input.resize(self.plan().input_shape.len(), 0.0);
        let prepared = self.prepare(picture, &mut input);
        let logits = prepared.and_then(|()| self.run(&input));
        self.input = input;
        logits
    }

    /// The `k` most likely classes of one RGB picture, best first.
    ///
    /// # Errors
    /// As [`Self::run_picture`].
    pub fn classify(&mut self, picture: RgbView<'_>, k: usize) -> Result<Vec<Candidate>, SessionError> {
        Ok(top_k(&self.run_picture(picture)?, k))
    }

    /// Prepares a picture for [`Self::run`]: writes one image's tensor to `input`.
    ///
    /// # Errors
    /// As [`Self::run_picture`], or an `input` of another length than the network's.
    pub fn prepare(&self, picture: RgbView<'_>, input: &mut [f32]) -> Result<(), SessionError> {
        self.engine.prepare(picture, input)
    }
}
