//! The teacher of a distilled run: a trained network of the same data set, run in the inference engine
//! on the very images that the student sees.
//!
//! The engine's logits do not depend on threads or instruction set, so neither does what is learned
//! from them.

use super::model::export;
use super::{Run, RunError};
use crate::config::DistillationConfig;
use crate::layers::Distillation;
use std::fmt;
use syq_core::Shape;
use syq_infer::{Session, SessionOptions};
use syq_pack::Model;

/// A compiled teacher and its last answers.
pub(super) struct Teacher {
    model: Model,
    session: Session,
    settings: Distillation,
    logits: Vec<f32>,
    classes: usize,
}

impl fmt::Debug for Teacher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Teacher").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Teacher {
    /// The teacher that `config` names, for the student `run`.
    ///
    /// # Errors
    /// A checkpoint that cannot be read, or one of other classes, another picture size or another
    /// normalisation.
    pub(super) fn open(config: &DistillationConfig, run: &Run) -> Result<Self, RunError> {
        let (mut model, metadata) = export(&config.teacher)?;
        if metadata.classes != run.data.classes() {
            return Err(RunError::Classes { model: metadata.classes, data: run.data.classes().to_vec() });
        }
        let differs =
            |what, teacher, student| RunError::Teacher { path: config.teacher.clone(), what, teacher, student };
        let student = run.config.network(&run.normalization, metadata.classes.len()).input;
        let teacher = model.network.input;
        if teacher != student {
            return Err(differs("pictures", teacher.to_string(), student.to_string()));
        }
        let (teacher, student) = (metadata.normalization, [run.normalization.mean(), run.normalization.deviation()]);
        if teacher != student {
            return Err(differs("normalization", format!("{teacher:?}"), format!("{student:?}")));
        }
        // It is given normalised images of the size at hand, not pictures to prepare.
        model.preprocess = None;
        Ok(Self {
            session: session(&model, run.workers.threads())?,
            model,
            settings: Distillation { temperature: config.temperature, weight: config.weight },
            logits: Vec::new(),
            classes: metadata.classes.len(),
        })
    }

    /// Takes pictures of another size from now on.
    ///
    /// # Errors
    /// A teacher whose weights are for pictures of one size.
    pub(super) fn take(&mut self, input: Shape, threads: usize) -> Result<(), RunError> {
        if self.model.network.input != input {
            self.model.network.input = input;
            self.session = session(&self.model, threads)?;
        }
        Ok(())
    }

    /// The teacher's logits of `count` normalised images, `[image][class]`, and how they count.
    pub(super) fn answer(&mut self, images: &[f32], count: usize) -> Result<(&[f32], Distillation), RunError> {
        self.logits.resize(count * self.classes, 0.0);
        self.session.run_into(images, &mut self.logits)?;
        Ok((&self.logits, self.settings))
    }
}

fn session(model: &Model, threads: usize) -> Result<Session, RunError> {
    Ok(Session::new(model, SessionOptions { threads, isa: None })?)
}
