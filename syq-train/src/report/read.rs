//! Collects what a run's folder has.

use super::rebuild::{Rebuilt, rebuild};
use super::{ReportError, Settings};
use crate::checkpoint::Checkpoint;
use crate::metrics::histogram::{HistogramLog, Snapshot};
use crate::metrics::layers::{LayerLog, LayerRow};
use crate::metrics::{Metrics, Row};
use crate::run::{CHECKPOINT, COMMAND, CONFIG, HISTOGRAMS, LAYERS, METRICS};
use serde_json::Value;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where the statistics of the layers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerSource {
    /// Recorded while the run was going on.
    Recorded,
    /// Worked out from the checkpoints that the run started from and ended in.
    Checkpoints,
    /// There are none.
    Missing,
}

/// Everything that is known of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunReport {
    /// The run's folder.
    pub folder: PathBuf,
    /// Its name: the folder's last part.
    pub name: String,
    /// The configuration.
    pub settings: Settings,
    /// Loss and accuracy, at least one row.
    pub rows: Vec<Row>,
    /// The layers' statistics.
    pub layers: Vec<LayerRow>,
    /// Where they come from.
    pub layer_source: LayerSource,
    /// The weights before the first step, if known.
    pub before: Option<Snapshot>,
    /// The weights at the end, or at the last checkpoint, if known.
    pub after: Option<Snapshot>,
    /// The command that made the run: as it was given, or one that would make it again.
    pub command: String,
    /// What the report had to do without.
    pub notes: Vec<String>,
}

impl RunReport {
    /// Reads the run in `folder`. Only its metrics are needed; of a run without `layers.csv` and
    /// `histograms.jsonl` the checkpoints say how the layers began and ended.
    ///
    /// # Errors
    /// Metrics that are missing or have no row; a file that cannot be read, with its name and line.
    pub fn read(folder: &Path) -> Result<Self, ReportError> {
        let metrics = folder.join(METRICS);
        let rows = Metrics::read(&metrics)?;
        if rows.is_empty() {
            return Err(ReportError::NoEpoch { path: metrics });
        }
        let mut notes = Vec::new();
        let checkpoint = existing(folder.join(CHECKPOINT)).map(|path| Checkpoint::<Value>::read(&path)).transpose()?;
        let settings = settings(folder, checkpoint.as_ref(), &mut notes)?;
        let mut layers = existing(folder.join(LAYERS)).map(|path| LayerLog::read(&path)).transpose()?;
        let snapshots = existing(folder.join(HISTOGRAMS)).map(|path| HistogramLog::read(&path)).transpose()?;
        let snapshots = snapshots.unwrap_or_default();
        let mut before = snapshots.iter().find(|snapshot| snapshot.step == 0).cloned();
        let mut after = snapshots.into_iter().rfind(|snapshot| snapshot.step > 0);
        let mut layer_source = if layers.is_some() { LayerSource::Recorded } else { LayerSource::Missing };
        if layers.is_none() || before.is_none() || after.is_none() {
            match checkpoint.map(|checkpoint| rebuild(folder, checkpoint, &rows)).transpose() {
                Ok(None) => notes.push("There is no checkpoint that could say how the layers ended.".to_owned()),
                Ok(Some(Rebuilt { layers: ends, before: first, after: last })) => {
                    if layers.is_none() {
                        layers = Some(ends);
                        layer_source = LayerSource::Checkpoints;
                    }
                    before = before.or(first);
                    after = after.or(Some(last));
                }
                Err(why) => notes.push(format!("The checkpoint does not say how the layers ended: {why}.")),
            }
        }
        let command = command(folder, &settings)?;
        let name =
            folder.canonicalize().ok().and_then(|path| path.file_name().map(|n| n.to_string_lossy().into_owned()));
        Ok(Self {
            folder: folder.to_owned(),
            name: name.unwrap_or_else(|| folder.display().to_string()),
            settings,
            rows,
            layers: layers.unwrap_or_default(),
            layer_source,
            before,
            after,
            command,
            notes,
        })
    }
}

/// The path, if there is something.
fn existing(path: PathBuf) -> Option<PathBuf> {
    path.exists().then_some(path)
}

fn text(path: &Path) -> Result<Option<String>, ReportError> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ReportError::File { path: path.to_owned(), source }),
        Ok(text) => Ok(Some(text)),
    }
}

/// The checkpoint's configuration, which knows what the command line changed; else that of `config.toml`.
fn settings(
    folder: &Path,
    checkpoint: Option<&Checkpoint<Value>>,
    notes: &mut Vec<String>,
) -> Result<Settings, ReportError> {
    if let Some(config) = checkpoint.and_then(|checkpoint| checkpoint.metadata.get("config")) {
        return Ok(Settings::new(config));
    }
    let path = folder.join(CONFIG);
    let Some(text) = text(&path)? else {
        notes.push("The folder holds no configuration.".to_owned());
        return Ok(Settings::default());
    };
    let config: Value = toml::from_str(&text).map_err(|source| ReportError::Toml { path, source: Box::new(source) })?;
    Ok(Settings::new(&config))
}

/// The command that was kept; for a run without one, a command that gives it from its configuration.
fn command(folder: &Path, settings: &Settings) -> Result<String, ReportError> {
    if let Some(text) = text(&folder.join(COMMAND))?.filter(|text| !text.trim().is_empty()) {
        return Ok(text.trim_end().to_owned());
    }
    let kind = if settings.get("network.weights") == Some("float") { "float" } else { "quantize" };
    let mut command = format!("syq-train {kind} --config {} --out NEW", folder.join(CONFIG).display());
    for (flag, key) in [("--seed", "train.seed"), ("--epochs", "train.epochs"), ("--init", "train.init")] {
        if let Some(value) = settings.get(key) {
            command += &format!(" {flag} {value}");
        }
    }
    Ok(command)
}
