//! The report of a training contest: every contestant of every network, with its figures or why there are none.

use super::marks;
use crate::machine::Machine;
use crate::row;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The name and version of the JSON form.
pub const SCHEMA: &str = "syq.bench-train/1";

/// Everything that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// Where it was measured.
    pub machine: Machine,
    /// The instruction set of our kernels.
    pub isa: String,
    /// One a network and number of threads.
    pub settings: Vec<Setting>,
}

/// What every contestant of a setting has in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Name of the network.
    pub network: String,
    /// Height and width of the pictures.
    pub side: usize,
    /// Pictures of a step.
    pub batch: usize,
    /// Threads.
    pub threads: usize,
}

/// Contestants that took turns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// What they did.
    #[serde(flatten)]
    pub job: Job,
    /// Timed steps of a burst.
    pub steps: usize,
    /// Bursts of each contestant.
    pub rounds: usize,
    /// Share of the machine that other programs used meanwhile, where the system tells.
    pub foreign: Option<f64>,
    /// The contestants.
    pub rows: Vec<Row>,
}

/// Whose loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// PyTorch's.
    PyTorch,
    /// Ours.
    Syq,
}

/// What is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scheme {
    /// The float network.
    #[serde(rename = "float")]
    Float,
    /// Ternary weights, pixel-wise scales, 2-bit activations with a learned step.
    #[serde(rename = "W2A2")]
    W2A2,
}

impl Scheme {
    /// The name in tables and arguments.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::W2A2 => "W2A2",
        }
    }
}

/// A contestant's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// Whose loop.
    pub engine: Engine,
    /// What it trains.
    pub scheme: Scheme,
    /// What it computes with: "f32" or "bf16".
    pub precision: String,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let engine = match self.engine {
            Engine::PyTorch => "PyTorch",
            Engine::Syq => "syq-train",
        };
        write!(f, "{engine} {} {}", self.scheme.name(), self.precision)
    }
}

/// A contestant.
pub type Row = row::Row<Name, Figures>;

/// Its figures, or why there are none.
pub type Measured = row::Measured<Figures>;

/// What was measured of a contestant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Median over the bursts.
    pub images_per_second: f64,
    /// The slowest burst.
    pub slowest: f64,
    /// The fastest burst.
    pub fastest: f64,
    /// Most memory of the process, in 10⁶ bytes.
    pub peak_mb: f64,
}

impl Setting {
    /// The fastest contestant of an engine and scheme.
    pub fn best(&self, engine: Engine, scheme: Scheme) -> Option<(&Name, f64)> {
        let rows = self.rows.iter().filter(|row| (row.name.engine, row.name.scheme) == (engine, scheme));
        let speeds = rows.filter_map(|row| Some((&row.name, row.figures()?.images_per_second)));
        speeds.max_by(|(_, a), (_, b)| a.total_cmp(b))
    }

    /// Our images a second in a scheme over PyTorch's with its best *float* network; above 1 ours is faster.
    pub fn ratio(&self, scheme: Scheme) -> Option<f64> {
        Some(self.best(Engine::Syq, scheme)?.1 / self.best(Engine::PyTorch, Scheme::Float)?.1)
    }

    /// The ratio that is meant to be reached.
    pub fn mark(&self, scheme: Scheme) -> Option<f64> {
        marks::mark(&self.job.network, self.job.side, scheme)
    }
}

impl Report {
    /// An empty report.
    pub fn new(machine: Machine, isa: &str) -> Self {
        Self { schema: SCHEMA.to_owned(), machine, isa: isa.to_owned(), settings: Vec::new() }
    }

    /// The JSON form.
    ///
    /// # Errors
    /// None of these values.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}
