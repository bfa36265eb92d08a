//! A compiled model: immutable, and shared by all sessions that run it.

use super::{Session, SessionError};
use crate::isa::Isa;
use crate::kernels::Kernels;
use crate::plan::Plan;
use crate::preprocess::Preprocessor;
use crate::rgb::RgbView;
use std::sync::Arc;
use syq_pack::Model;

/// A compiled model. It is `Send` and `Sync`; a clone is another reference to the same packed weights.
///
/// ```
/// use syq_infer::{Engine, builtin};
///
/// let engine = Engine::from_bytes(builtin(), None)?;
/// let image = vec![0.5; engine.plan().input().len()];
/// let logits = std::thread::scope(|scope| {
///     let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| engine.session(1)?.run(&image))).collect();
///     threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Result<Vec<_>, _>>()
/// })?;
/// assert!(logits.iter().all(|of_a_thread| *of_a_thread == logits[0]));
/// # Ok::<(), syq_infer::SessionError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Engine(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    plan: Plan,
    preprocessor: Option<Preprocessor>,
    labels: Vec<String>,
}

impl Engine {
    /// Compiles `model` for an instruction set; `None` means the best that the machine has.
    ///
    /// # Errors
    /// A model that does not fit together, or an instruction set that the machine does not have.
    pub fn new(model: &Model, isa: Option<Isa>) -> Result<Self, SessionError> {
        let kernels = match isa {
            Some(isa) => Kernels::new(isa)?,
            None => Kernels::detect(),
        };
        let plan = Plan::new(model, kernels)?;
        let recipe = model.preprocess.as_ref();
        let preprocessor = recipe.map(|recipe| Preprocessor::new(recipe, model.network.input)).transpose()?;
        Ok(Self(Arc::new(Compiled { plan, preprocessor, labels: model.labels.clone() })))
    }

    /// Compiles the model in the bytes of a model file.
    ///
    /// # Errors
    /// Bytes that are no model; else as [`Self::new`].
    pub fn from_bytes(bytes: &[u8], isa: Option<Isa>) -> Result<Self, SessionError> {
        Self::new(&Model::from_bytes(bytes)?, isa)
    }

    /// A session that runs the model on `threads` threads: 0 means one for each core, 1 means the calling thread. With
    /// 1 it is cheap, a few allocations; otherwise it starts its threads.
    ///
    /// # Errors
    /// Threads that cannot be started.
    pub fn session(&self, threads: usize) -> Result<Session, SessionError> {
        Session::with_engine(self.clone(), threads)
    }

    /// What the model was compiled to.
    pub fn plan(&self) -> &Plan {
        &self.0.plan
    }

    /// Class names, in the order of the logits.
    pub fn labels(&self) -> &[String] {
        &self.0.labels
    }

    /// Prepares a picture for [`Session::run`] by the model's own recipe: writes one image's tensor to `input`.
    ///
    /// # Errors
    /// A model without a recipe, a picture that does not fit it, or an `input` of another length than the network's.
    pub fn prepare(&self, picture: RgbView<'_>, input: &mut [f32]) -> Result<(), SessionError> {
        let preprocessor = self.0.preprocessor.as_ref().ok_or(SessionError::NoRecipe)?;
        Ok(preprocessor.run(picture, input)?)
    }
}
