//! The teacher of a distilled run: a trained network of the same data set, run on the very images that the student sees, in
//! the trainer's own kernels and the run's precision: with bf16 operands they are several times as fast as the engine's
//! float ones, and what is learned depends on the precision anyway.

use super::model::graph;
use super::prepare::precision;
use super::{Run, RunError};
use crate::checkpoint::Checkpoint;
use crate::config::DistillationConfig;
use crate::graph::Graph;
use crate::layers::{Distillation, Statistics};
use crate::parallel::Workers;
use syq_core::Shape;

/// A teacher and how it counts.
#[derive(Debug)]
pub(super) struct Teacher {
    graph: Graph,
    settings: Distillation,
}

impl Teacher {
    /// The teacher that `config` names, for the student `run`.
    ///
    /// # Errors
    /// A checkpoint that cannot be read, or one of other classes, another picture size or another
    /// normalisation.
    pub(super) fn open(config: &DistillationConfig, run: &Run) -> Result<Self, RunError> {
        let (graph, metadata) = graph(Checkpoint::read(&config.teacher)?, precision(&run.config))?;
        if metadata.classes != run.data.classes() {
            return Err(RunError::Classes { model: metadata.classes, data: run.data.classes().to_vec() });
        }
        let differs =
            |what, teacher, student| RunError::Teacher { path: config.teacher.clone(), what, teacher, student };
        let student = run.config.network(&run.normalization, metadata.classes.len()).input;
        let teacher = graph.network().input;
        if teacher != student {
            return Err(differs("pictures", teacher.to_string(), student.to_string()));
        }
        let (teacher, student) = (metadata.normalization, [run.normalization.mean(), run.normalization.deviation()]);
        if teacher != student {
            return Err(differs("normalization", format!("{teacher:?}"), format!("{student:?}")));
        }
        let settings = Distillation { temperature: config.temperature, weight: config.weight };
        Ok(Self { graph, settings })
    }

    /// Takes pictures of another size from now on.
    ///
    /// # Errors
    /// A teacher whose weights are for pictures of one size.
    pub(super) fn take(&mut self, input: Shape) -> Result<(), RunError> {
        if self.graph.network().input != input {
            self.graph = self.graph.resized(input)?;
        }
        Ok(())
    }

    /// The teacher's logits of `count` normalised images, `[image][class]`, and how they count.
    pub(super) fn answer(
        &mut self,
        workers: &Workers,
        images: &[f32],
        count: usize,
    ) -> Result<(Vec<f32>, Distillation), RunError> {
        Ok((self.graph.logits(workers, images, count, Statistics::Running)?, self.settings))
    }
}
