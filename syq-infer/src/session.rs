//! Sessions: a model ready to run, with its threads and memory.

use crate::exec::{self, Buffers, Pool, StepTimes};
use crate::isa::{Isa, IsaError};
use crate::kernels::{KernelError, Kernels};
use crate::plan::{Plan, PlanError};
use crate::preprocess::{PreprocessError, Preprocessor};
use crate::rgb::RgbView;
use crate::topk::{Candidate, top_k};
use std::path::Path;
use std::sync::Arc;
use syq_pack::Model;
use syq_pack::file::{FileError, FormatError};
use thiserror::Error;

/// How a session runs. The logits do not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionOptions {
    /// Number of threads; 0 means one for each core, 1 means the calling thread and no pool at all.
    pub threads: usize,
    /// The instruction set; `None` means the best that the machine has.
    pub isa: Option<Isa>,
}

/// Why a session cannot be made or used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// A model file that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Bytes that are no model file.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A model that cannot be compiled.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// An instruction set that the machine does not have.
    #[error(transparent)]
    Isa(#[from] IsaError),
    /// Threads that cannot be started.
    #[error("cannot start {threads} threads")]
    Threads {
        /// Threads asked for.
        threads: usize,
        /// The system's reason.
        #[source]
        source: rayon::ThreadPoolBuildError,
    },
    /// A picture that does not fit the model's recipe.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
    /// A model without a recipe was given a picture.
    #[error("the model has no preprocessing recipe: it takes tensors, not pictures")]
    NoRecipe,
    /// An input of the wrong length.
    #[error("the input has {found} values, the network needs a multiple of {expected}")]
    Input {
        /// Values found.
        found: usize,
        /// Values of one image.
        expected: usize,
    },
    /// A buffer for the logits of the wrong length.
    #[error("the buffer for the logits has {found} elements, the images give {expected}")]
    Logits {
        /// Elements found.
        found: usize,
        /// Elements needed.
        expected: usize,
    },
    /// A kernel that refused its arguments: a defect of the plan.
    #[error(transparent)]
    Kernel(#[from] KernelError),
}

/// A model ready to run. Make one, use it for many pictures; it holds its threads and memory.
#[derive(Debug)]
pub struct Session {
    plan: Arc<Plan>,
    pool: Pool,
    states: Vec<Buffers>,
    preprocessor: Option<Preprocessor>,
    input: Vec<f32>,
    labels: Vec<String>,
}

impl Session {
    /// Reads the model file at `path`.
    ///
    /// # Errors
    /// A file that cannot be read or is no model, or options that the machine does not allow.
    pub fn load(path: &Path, options: SessionOptions) -> Result<Self, SessionError> {
        Self::new(&Model::read(path)?, options)
    }

    /// Reads a model file from memory.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn from_bytes(bytes: &[u8], options: SessionOptions) -> Result<Self, SessionError> {
        Self::new(&Model::from_bytes(bytes)?, options)
    }

    /// Compiles `model`.
    ///
    /// # Errors
    /// A model that does not fit together, or options that the machine does not allow.
    pub fn new(model: &Model, options: SessionOptions) -> Result<Self, SessionError> {
        let kernels = match options.isa {
            Some(isa) => Kernels::new(isa)?,
            None => Kernels::detect(),
        };
        let plan = Arc::new(Plan::new(model, kernels)?);
        let preprocessor =
            model.preprocess.as_ref().map(|recipe| Preprocessor::new(recipe, model.network.input)).transpose()?;
        Self::with_plan(plan, preprocessor, model.labels.clone(), options.threads)
    }

    fn with_plan(
        plan: Arc<Plan>,
        preprocessor: Option<Preprocessor>,
        labels: Vec<String>,
        threads: usize,
    ) -> Result<Self, SessionError> {
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let pool = if threads == 1 {
            None
        } else {
            let name = |index| format!("syq-{index}");
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(name).build();
            Some(pool.map_err(|source| SessionError::Threads { threads, source })?)
        };
        Ok(Self { plan, pool, states: Vec::new(), preprocessor, input: Vec::new(), labels })
    }

    /// The compiled model.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Class names, in the order of the logits.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Threads of the session.
    pub fn threads(&self) -> usize {
        self.pool.as_ref().map_or(1, rayon::ThreadPool::current_num_threads)
    }

    /// Bytes that a run keeps at the same time, for `images` images given at once: packed weights and
    /// feature maps.
    pub fn memory_bytes(&self, images: usize) -> usize {
        let states = if images >= self.threads() { self.threads() } else { 1 };
        self.plan.weight_bytes() + states * self.plan.scratch_bytes()
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
        let (result, times) = StepTimes::watch(self.plan.steps.len(), |times| {
            let mut logits = self.zero_logits(input)?;
            exec::run_in_turn(&self.plan, &self.pool, &mut self.states, input, &mut logits, times)?;
            Ok(logits)
        });
        result.map(|logits| (logits, times))
    }

    /// Room for the logits of the images in `input`.
    fn zero_logits(&self, input: &[f32]) -> Result<Vec<f32>, SessionError> {
        Ok(vec![0.0; self.images(input)? * self.plan.classes])
    }

    /// Number of images in `input`, at least one.
    fn images(&self, input: &[f32]) -> Result<usize, SessionError> {
        let expected = self.plan.input_shape.len();
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
        let expected = self.images(input)? * self.plan.classes;
        if logits.len() != expected {
            return Err(SessionError::Logits { found: logits.len(), expected });
        }
        Ok(exec::run_batch(&self.plan, &self.pool, &mut self.states, input, logits)?)
    }

    /// The logits of one RGB picture of any size, prepared by the model's own recipe.
    ///
    /// # Errors
    /// A model without a recipe, or a picture that does not fit it.
    pub fn run_picture(&mut self, picture: RgbView<'_>) -> Result<Vec<f32>, SessionError> {
        let mut input = std::mem::take(&mut self.input);
        input.resize(self.plan.input_shape.len(), 0.0);
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
        let preprocessor = self.preprocessor.as_ref().ok_or(SessionError::NoRecipe)?;
        Ok(preprocessor.run(picture, input)?)
    }
}
