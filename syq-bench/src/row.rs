//! A row of a contest's report: who took part, and the figures or why there are none.

use serde::{Deserialize, Serialize};

/// A contestant with name `N` and figures `F`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row<N, F> {
    /// Its name.
    #[serde(flatten)]
    pub name: N,
    /// What came of it.
    #[serde(flatten)]
    pub measured: Measured<F>,
}

/// Figures, or why there are none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Measured<F> {
    /// It ran.
    Ran(F),
    /// It did not.
    NotRun {
        /// Why.
        not_run: String,
    },
}

impl<N, F> Row<N, F> {
    /// The figures, if it ran.
    pub const fn figures(&self) -> Option<&F> {
        match &self.measured {
            Measured::Ran(figures) => Some(figures),
            Measured::NotRun { .. } => None,
        }
    }
}

impl<F, E: std::error::Error> From<Result<F, E>> for Measured<F> {
    fn from(figures: Result<F, E>) -> Self {
        match figures {
            Ok(figures) => Self::Ran(figures),
            Err(error) => Self::NotRun { not_run: error.to_string() },
        }
    }
}
