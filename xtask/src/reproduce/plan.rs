//! Which runs are trained again for a number, in which order, and from which checkpoints.

use super::entry::Kind;
use super::registry::{Recorded, Registry};
use anyhow::ensure;
use std::path::{Path, PathBuf};
use syq_train::run::CHECKPOINT;

/// How much is trained again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum From {
    /// The last stage alone, from the kept checkpoint of the one before it.
    Checkpoint,
    /// All stages of the number, from the kept checkpoint of the number that the first one started from.
    #[default]
    Start,
    /// Those numbers too: no kept checkpoint is used.
    Scratch,
}

impl From {
    /// Name of its folder: the same run from another start is another run.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Checkpoint => "from-checkpoint",
            Self::Start => "from-start",
            Self::Scratch => "from-scratch",
        }
    }
}

/// A run to be trained.
#[derive(Clone, Debug)]
pub(super) struct Step<'a> {
    /// As it was recorded.
    pub(super) run: &'a Recorded,
    /// Its new folder.
    pub(super) folder: PathBuf,
    /// The checkpoint that it starts from.
    pub(super) init: Option<PathBuf>,
    /// The checkpoint of its teacher.
    pub(super) teacher: Option<PathBuf>,
}

/// The steps for `name`, in order; the last one is `name` itself. Runs whose checkpoint is not kept are always
/// trained again.
pub(super) fn plan<'a>(registry: &'a Registry, name: &str, from: From, out: &Path) -> anyhow::Result<Vec<Step<'a>>> {
    let mut planner = Planner { registry, from, out, steps: Vec::new(), open: Vec::new() };
    planner.add(registry.get(name)?)?;
    Ok(planner.steps)
}

struct Planner<'a, 'b> {
    registry: &'a Registry,
    from: From,
    out: &'b Path,
    steps: Vec<Step<'a>>,
    /// Runs whose dependencies are being added.
    open: Vec<&'a str>,
}

impl<'a> Planner<'a, '_> {
    fn add(&mut self, run: &'a Recorded) -> anyhow::Result<PathBuf> {
        let name = run.entry.name.as_str();
        let folder = self.out.join(name);
        if self.steps.iter().any(|step| step.run.entry.name == name) {
            return Ok(folder.join(CHECKPOINT));
        }
        ensure!(!self.open.contains(&name), "{name} depends on itself");
        self.open.push(name);
        let init = self.dependency(run.entry.init.as_deref(), Kind::Stage)?;
        // A teacher is no stage of its student.
        let teacher = self.dependency(run.entry.teacher.as_deref(), Kind::Number)?;
        self.open.pop();
        self.steps.push(Step { run, folder: folder.clone(), init, teacher });
        Ok(folder.join(CHECKPOINT))
    }

    /// The checkpoint of a run that another one needs: kept, or of a step that is added.
    fn dependency(&mut self, name: Option<&'a str>, stage: Kind) -> anyhow::Result<Option<PathBuf>> {
        let Some(name) = name else { return Ok(None) };
        let run = self.registry.get(name)?;
        let again = match self.from {
            From::Checkpoint => false,
            From::Start => run.entry.kind == Kind::Stage && stage == Kind::Stage,
            From::Scratch => true,
        };
        match run.checkpoint() {
            Some(kept) if !again => Ok(Some(kept)),
            _ => self.add(run).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    fn planned(name: &str, from: From) -> Vec<(String, Option<PathBuf>, Option<PathBuf>)> {
        let registry = Registry::read(repository()).unwrap();
        let steps = plan(&registry, name, from, Path::new("/out")).unwrap();
        steps.into_iter().map(|step| (step.run.entry.name.clone(), step.init, step.teacher)).collect()
    }

    const DISTILLED: &str = "cifar10-resnet20-w2a2-pixel-distilled";

    #[test]
    fn stages_are_trained_in_order_from_the_kept_start() {
        let kept = |name: &str| Some(repository().join("docs/runs").join(name).join(CHECKPOINT));
        let steps = planned(DISTILLED, From::Start);
        assert_eq!(steps.len(), 5);
        assert_eq!(steps[0].1, kept("cifar10-resnet20-float"));
        assert_eq!(steps[1].1, Some("/out/cifar10-resnet20-w2a2-pixel/checkpoint.safetensors".into()));
        assert_eq!((steps[4].0.as_str(), &steps[4].2), (DISTILLED, &kept("cifar10-resnet20-float")));
        let alone = planned(DISTILLED, From::Checkpoint);
        assert_eq!((alone.len(), &alone[0].1), (1, &kept("cifar10-resnet20-w2a2-pixel-stage4")));
    }

    #[test]
    fn from_scratch_the_start_is_trained_once() {
        let steps = planned(DISTILLED, From::Scratch);
        let float: PathBuf = "/out/cifar10-resnet20-float/checkpoint.safetensors".into();
        assert_eq!((steps.len(), steps[0].0.as_str(), &steps[0].1), (6, "cifar10-resnet20-float", &None));
        assert_eq!((&steps[1].1, &steps[5].2), (&Some(float.clone()), &Some(float)));
    }

    #[test]
    fn what_is_not_kept_is_trained() {
        let steps = planned("cifar10-resnet20-held-out-distilled", From::Checkpoint);
        assert_eq!(
            steps.iter().map(|step| step.0.as_str()).collect::<Vec<_>>(),
            ["cifar10-resnet20-held-out-float", "cifar10-resnet20-held-out-distilled"]
        );
    }
}
