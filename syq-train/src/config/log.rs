//! Table `log`: what a run writes down beside its own logs. Nothing here changes what is learned.

use serde::{Deserialize, Serialize};

/// Table `log`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// "off", the default, "scalars" or "histograms".
    #[serde(default)]
    pub tensorboard: TensorBoardConfig,
}

impl LogConfig {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What goes into a TensorBoard event file, after each epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TensorBoardConfig {
    /// There is none.
    #[default]
    Off,
    /// Loss, accuracy, learning rate; of each layer scale, share of zeros and activation step.
    Scalars,
    /// The same, and the histograms of the layers' weights.
    Histograms,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const W2A2: &str = include_str!("../../configs/cifar10-resnet20-w2a2-pixel.toml");

    #[test]
    fn the_log_is_off_unless_it_is_asked_for() {
        let read = |table: &str| Config::from_toml_str(&format!("{W2A2}\n{table}"));
        let tensorboard = |table: &str| read(table).unwrap().log.tensorboard;
        assert_eq!(tensorboard(""), TensorBoardConfig::Off);
        assert_eq!(tensorboard("[log]"), TensorBoardConfig::Off);
        assert_eq!(tensorboard("[log]\ntensorboard = \"scalars\""), TensorBoardConfig::Scalars);
        assert_eq!(tensorboard("[log]\ntensorboard = \"histograms\""), TensorBoardConfig::Histograms);
        for (table, names) in [
            ("[log]\ntensorboard = true", "tensorboard"),
            ("[log]\ntensorbord = \"off\"", "unknown field `tensorbord`"),
        ] {
            let error = read(table).unwrap_err().to_string();
            assert!(error.contains(names), "{error}");
        }
        // A checkpoint of a run without a log is the same as before there were any.
        assert!(!serde_json::to_string(&read("[log]").unwrap()).unwrap().contains("log"));
    }
}
