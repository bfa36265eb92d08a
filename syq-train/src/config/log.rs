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
