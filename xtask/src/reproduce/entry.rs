//! One recorded training run, as `docs/runs/NAME/run.toml` tells it.
//!
//! A file is about one run with one configuration. A number that took several stages is a chain of such files:
//! each names by `init` the run whose checkpoint it started from.

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// The file in a run's folder.
pub(super) const FILE: &str = "run.toml";

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// Its accuracy is published.
    Number,
    /// So is its accuracy, as a part of a cell in the ablation's table.
    Ablation,
    /// A stage on the way to a published number.
    Stage,
    /// A trial, by which a setting was chosen.
    Trial,
}

/// The images that a run is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Split {
    /// The test images.
    Test,
    /// Training images that were held out.
    Validation,
}

impl Split {
    /// As `metrics.csv` calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Validation => "validation",
        }
    }
}

/// Right answers, of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Top1 {
    /// Right answers.
    pub(super) right: u64,
    /// Images.
    pub(super) of: u64,
    /// Which images.
    pub(super) split: Split,
}

impl Top1 {
    /// Per cent.
    pub(super) fn percent(self) -> f64 {
        100.0 * self.right as f64 / self.of as f64
    }
}

impl fmt::Display for Top1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} {} images ({:.2} %)", self.right, self.of, self.split.name(), self.percent())
    }
}

/// What a run was made on, as far as its bytes depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Machine {
    /// The processor, for people.
    pub(super) cpu: String,
    /// Instruction set of the training kernels, as `syq_train::kernels::Isa` names it.
    pub(super) isa: String,
    /// Precision of the operands: "f32" or "bf16".
    pub(super) precision: String,
}

/// A recorded run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Its name, which is that of its folder.
    pub(super) name: String,
    /// What it is for.
    pub(super) kind: Kind,
    /// The recipe's name: "paper", "ours" or another word.
    pub(super) recipe: String,
    /// The data set's name.
    pub(super) data_set: String,
    /// The configuration, from the top of the repository.
    pub(super) config: PathBuf,
    /// The run whose checkpoint it starts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) init: Option<String>,
    /// The run whose checkpoint is its teacher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) teacher: Option<String>,
    /// The number of the float network that its drop is measured against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) float: Option<String>,
    /// Instead of the configuration's (`--seed`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<u64>,
    /// Instead of the configuration's (`--epochs`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) epochs: Option<u32>,
    /// The step that it was stopped after (`--stop-after`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stop_after: Option<u64>,
    /// Minutes that the training took.
    pub(super) minutes: f64,
    /// The commit whose code ran, where it was written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) commit: Option<String>,
    /// Whether its folder keeps the checkpoint.
    pub(super) checkpoint: Kept,
    /// The exported model, from the top of the repository, where one is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<PathBuf>,
    /// What it ran on.
    pub(super) machine: Machine,
    /// What it reached; a stage may be unmeasured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) top1: Option<Top1>,
}

/// Whether a file is in the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kept {
    /// It is.
    Kept,
    /// It is not: it has to be made again.
    Dropped,
}

impl Entry {
    /// Reads `folder/run.toml`.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let entry: Self = toml::from_str(&text).with_context(|| path.display().to_string())?;
        let named = folder.file_name().and_then(|name| name.to_str());
        ensure!(named == Some(&entry.name), "{}: the name {:?} is not the folder's", path.display(), entry.name);
        Ok(entry)
    }

    /// The text of the file.
    pub(super) fn text(&self) -> anyhow::Result<String> {
        Ok(toml::to_string(self)?)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::reproduce) fn entry(name: &str) -> Entry {
        Entry {
            name: name.to_owned(),
            kind: Kind::Number,
            recipe: "ours".to_owned(),
            data_set: "cifar10".to_owned(),
            config: "c.toml".into(),
            init: None,
            teacher: None,
            float: None,
            seed: None,
            epochs: None,
            stop_after: None,
            minutes: 1.5,
            commit: Some("0123456".to_owned()),
            checkpoint: Kept::Dropped,
            model: None,
            machine: Machine { cpu: "a".to_owned(), isa: "avx2".to_owned(), precision: "f32".to_owned() },
            top1: Some(Top1 { right: 9, of: 10, split: Split::Test }),
        }
    }

    #[test]
    fn what_is_written_is_read_and_unknown_keys_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("a");
        std::fs::create_dir(&folder).unwrap();
        let text = entry("a").text().unwrap();
        std::fs::write(folder.join(FILE), &text).unwrap();
        assert_eq!(Entry::read(&folder).unwrap(), entry("a"));
        std::fs::write(folder.join(FILE), format!("more = 1\n{text}")).unwrap();
        assert!(format!("{:#}", Entry::read(&folder).unwrap_err()).contains("more"));
        std::fs::write(folder.join(FILE), entry("b").text().unwrap()).unwrap();
        assert!(Entry::read(&folder).unwrap_err().to_string().contains("not the folder's"));
    }
}
