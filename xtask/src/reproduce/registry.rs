//! All recorded runs: read from `docs/runs`, checked against what lies beside them, and put in order.

use super::entry::{Entry, Kept, Kind};
use super::metrics::Metrics;
use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};
use syq_pack::Model;
use syq_train::config::{Config, Weights};
use syq_train::run::CHECKPOINT;

/// Where the runs lie, from the top of the repository.
pub(super) const RUNS: &str = "docs/runs";

/// A recorded run with its configuration and its metrics.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    /// What its file says.
    pub(super) entry: Entry,
    /// Its configuration, with the entry's seed and epochs.
    pub(super) config: Config,
    /// Its rows.
    pub(super) metrics: Metrics,
    /// Its folder.
    pub(super) folder: PathBuf,
}

impl Recorded {
    /// The checkpoint in its folder, where that is kept.
    pub(super) fn checkpoint(&self) -> Option<PathBuf> {
        (self.entry.checkpoint == Kept::Kept).then(|| self.folder.join(CHECKPOINT))
    }

    /// The scheme as one word: float, or such as W2A2.
    pub(super) fn scheme(&self) -> String {
        let network = &self.config.network;
        let bits = match network.weights {
            Weights::Float => return "float".to_owned(),
            Weights::Binary => 1,
            Weights::Ternary => 2,
        };
        format!("W{bits}A{}", network.activation_bits.map_or(32, |bits| bits.bits()))
    }
}

/// Every recorded run, by name.
#[derive(Clone, Debug)]
pub(super) struct Registry(pub(super) Vec<Recorded>);

impl Registry {
    /// Reads every `docs/runs/NAME/run.toml`; a folder without one is an error.
    pub(super) fn read(repository: &Path) -> anyhow::Result<Self> {
        let runs = repository.join(RUNS);
        let mut runs: Vec<PathBuf> = std::fs::read_dir(&runs)
            .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
            .with_context(|| format!("cannot read {}", runs.display()))?;
        runs.retain(|path| path.is_dir());
        runs.sort();
        let read = |folder: PathBuf| {
            let entry = Entry::read(&folder)?;
            let mut config = Config::read(&repository.join(&entry.config))?;
            config.train.seed = entry.seed.unwrap_or(config.train.seed);
            config.train.epochs = entry.epochs.unwrap_or(config.train.epochs);
            Ok(Recorded { metrics: Metrics::read(&folder)?, entry, config, folder })
        };
        Ok(Self(runs.into_iter().map(read).collect::<anyhow::Result<_>>()?))
    }

    /// The run of that name.
    pub(super) fn get(&self, name: &str) -> anyhow::Result<&Recorded> {
        let names = || self.0.iter().map(|run| run.entry.name.as_str()).collect::<Vec<_>>().join(", ");
        let found = self.0.iter().find(|run| run.entry.name == name);
        found.with_context(|| format!("there is no recorded run {name:?}; there are {}", names()))
    }

    /// The published numbers, the ablation's among them.
    pub(super) fn numbers(&self) -> impl Iterator<Item = &Recorded> {
        self.0.iter().filter(|run| matches!(run.entry.kind, Kind::Number | Kind::Ablation))
    }

    /// The run and the stages before it, the first one first.
    pub(super) fn stages<'a>(&'a self, run: &'a Recorded) -> anyhow::Result<Vec<&'a Recorded>> {
        let mut stages = vec![run];
        let mut first = run;
        while let Some(init) = &first.entry.init {
            first = self.get(init)?;
            if first.entry.kind != Kind::Stage {
                break;
            }
            ensure!(stages.len() < self.0.len(), "{}: its stages go round in a circle", run.entry.name);
            stages.insert(0, first);
        }
        Ok(stages)
    }

    /// The run and every quantized one before it, whether a stage or a number of its own, the first one first.
    pub(super) fn lineage<'a>(&'a self, run: &'a Recorded) -> anyhow::Result<Vec<&'a Recorded>> {
        let mut lineage = self.stages(run)?;
        while let Some(init) = lineage.first().and_then(|first| first.entry.init.as_ref()) {
            let before = self.get(init)?;
            if before.config.network.weights == Weights::Float {
                break;
            }
            ensure!(lineage.len() < self.0.len(), "{}: its starts go round in a circle", run.entry.name);
            lineage.splice(0..0, self.stages(before)?);
        }
        Ok(lineage)
    }

    /// The float number that a run is compared with; of a float network itself.
    pub(super) fn float<'a>(&'a self, run: &'a Recorded) -> anyhow::Result<&'a Recorded> {
        run.entry.float.as_ref().map_or(Ok(run), |float| self.get(float))
    }

    /// Checks every run against the files beside it and the runs that it names.
    pub(super) fn check(&self, repository: &Path) -> anyhow::Result<()> {
        for run in &self.0 {
            self.check_run(repository, run).with_context(|| format!("{RUNS}/{}", run.entry.name))?;
        }
        Ok(())
    }

    fn check_run(&self, repository: &Path, run: &Recorded) -> anyhow::Result<()> {
        let Recorded { entry, config, metrics, folder } = run;
        self.stages(run)?;
        ensure!(entry.minutes.is_finite() && entry.minutes > 0.0, "minutes = {}", entry.minutes);
        let kept = folder.join(CHECKPOINT).exists();
        ensure!(
            kept == (entry.checkpoint == Kept::Kept),
            "checkpoint = {:?}, {CHECKPOINT} exists: {kept}",
            entry.checkpoint
        );
        let quantized = config.network.weights != Weights::Float;
        ensure!(!quantized || entry.init.is_some(), "a quantized run names no `init`");
        ensure!(quantized == entry.float.is_some(), "`float` is for quantized runs, and they need it");
        ensure!(
            config.train.distillation.is_some() == entry.teacher.is_some(),
            "`teacher` and [train.distillation] go together"
        );
        for name in [&entry.init, &entry.teacher, &entry.float].into_iter().flatten() {
            self.get(name)?;
        }
        let float = self.float(run)?;
        ensure!(float.config.network.weights == Weights::Float, "{}, its `float`, is quantized", float.entry.name);
        let steps = metrics.last("train").map(|row| row.step);
        match entry.stop_after {
            Some(step) => ensure!(steps == Some(step), "stop_after = {step}, the last row has {steps:?}"),
            None => {
                let epochs = metrics.epochs();
                ensure!(epochs == f64::from(config.train.epochs), "{epochs} epochs of {}", config.train.epochs);
            }
        }
        let Some(top1) = entry.top1 else {
            ensure!(entry.kind == Kind::Stage, "only a stage may have no accuracy");
            return Ok(());
        };
        ensure!(top1.right <= top1.of && top1.of > 0, "{} of {} right", top1.right, top1.of);
        let row =
            metrics.last(top1.split.name()).with_context(|| format!("no {} row in the metrics", top1.split.name()))?;
        // The file has six decimals of a per cent.
        ensure!(
            (row.top1 - top1.percent()).abs() < 1e-6,
            "top-1 {} %, the metrics have {} %",
            top1.percent(),
            row.top1
        );
        if let Some(path) = &entry.model {
            let stated = Model::read(&repository.join(path))?.origin.top1.map(|stated| [stated.right, stated.total]);
            ensure!(stated == Some([top1.right, top1.of]), "{} states {stated:?}, not {top1}", path.display());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::{Split, Top1};
    use super::*;
    use crate::repository;

    fn registry() -> Registry {
        Registry::read(repository()).unwrap()
    }

    fn broken(name: &str, change: impl Fn(&mut Entry)) -> String {
        let mut registry = registry();
        let run = registry.0.iter_mut().find(|run| run.entry.name == name).unwrap();
        change(&mut run.entry);
        format!("{:#}", registry.check(repository()).unwrap_err())
    }

    #[test]
    fn every_recorded_run_agrees_with_its_files() {
        let registry = registry();
        registry.check(repository()).unwrap();
        assert!(registry.numbers().count() >= 2, "no published numbers in {RUNS}");
    }

    #[test]
    fn what_does_not_agree_is_found() {
        let (float, stage) = ("cifar10-resnet20-float", "cifar10-resnet20-w2a2-pixel-stage2");
        let wrong = Top1 { right: 9111, of: 10_000, split: Split::Test };
        assert!(broken(float, |entry| entry.top1 = Some(wrong)).contains("the metrics have"));
        assert!(broken(float, |entry| entry.top1 = None).contains("only a stage"));
        assert!(broken(float, |entry| entry.checkpoint = Kept::Dropped).contains("exists: true"));
        assert!(broken(float, |entry| entry.float = Some(stage.to_owned())).contains("`float`"));
        assert!(
            broken(float, |entry| entry.model = Some("syq-infer/models/cifar10-resnet20-w2a2.safetensors".into()))
                .contains("states Some([9127, 10000])")
        );
        assert!(broken(stage, |entry| entry.init = Some("absent".to_owned())).contains("no recorded run \"absent\""));
        assert!(broken(stage, |entry| entry.init = Some(stage.to_owned())).contains("circle"));
        assert!(broken(stage, |entry| entry.stop_after = Some(7)).contains("stop_after = 7"));
        assert!(broken(stage, |entry| entry.stop_after = None).contains("19 epochs of 44"));
    }

    #[test]
    fn stages_come_in_order() {
        let registry = registry();
        let run = registry.get("cifar10-resnet20-w2a2-pixel-distilled").unwrap();
        let names: Vec<&str> = registry.stages(run).unwrap().iter().map(|run| run.entry.name.as_str()).collect();
        assert_eq!(names.first(), Some(&"cifar10-resnet20-w2a2-pixel"));
        assert_eq!((names.len(), names.last()), (5, Some(&"cifar10-resnet20-w2a2-pixel-distilled")));
        assert_eq!(registry.float(run).unwrap().entry.name, "cifar10-resnet20-float");
        assert_eq!(run.scheme(), "W2A2");
        let last = registry.get("cifar10-resnet20-w2a2-pixel-chain").unwrap();
        let names: Vec<&str> = registry.lineage(last).unwrap().iter().map(|run| run.entry.name.as_str()).collect();
        let chain = ["w2a8-pixel", "w2a4-pixel", "w2a2-pixel-chain"].map(|name| format!("cifar10-resnet20-{name}"));
        assert_eq!((names, registry.stages(last).unwrap().len()), (chain.iter().map(String::as_str).collect(), 1));
    }
}
