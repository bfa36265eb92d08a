//! What the benches of the SYQ engine share: the cases with their right answers, an interleaved
//! timer, and the report with the facts of the machine.
//!
//! A [`Case`] exists only after one run of it gave, bit for bit, what the plain loops of
//! `syq_core::reference` or `syq_pack::reference` give: nothing is timed that was not checked. Two
//! programs time the cases: the criterion benches in `benches/`, one group a kernel (`cargo bench -p
//! syq-bench`), and `cargo xtask bench`, whose [`time::interleaved`] runs all cases in turn, round
//! after round, so that a packed kernel and its float twin see the same machine.
//!
//! Multiply-accumulates are *effective*: those of the layer as it is written down, whatever the
//! kernel makes of them. That is what makes the figures of different kernels comparable.
//!
//! Beside each time stands the fraction of the machine's peak: [`peak`] measures what each kernel's instructions
//! reach where nothing but their inner loops counts.
//!
//! [`peers`] is another comparison: whole networks beside other engines, each a process of its own,
//! for `cargo xtask bench --peers`. The folder `peers/` of this package holds what is not Rust of this
//! workspace: the Python that makes the peers' models and runs them, and the worker of rten and tract.
//!
//! [`train`] is a third: our training loop beside PyTorch's, for `cargo xtask bench --train`.
#![forbid(unsafe_code)]

pub mod case;
pub mod error;
pub mod kernel;
pub mod layer;
pub mod machine;
pub mod memory;
pub mod network;
pub mod peak;
pub mod peers;
pub mod problem;
pub mod report;
pub mod row;
pub mod time;
pub mod train;

pub use case::{Case, Description, Group, Workload};
pub use error::BenchError;
pub use machine::Machine;
pub use peak::Peaks;
pub use report::Report;
pub use time::{Rounds, Timing, interleaved, median};
