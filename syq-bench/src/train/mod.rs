//! Our training loop beside PyTorch's: the same network on the same pictures, images a second.
//!
//! Every contestant is a process of its own that speaks the protocol of [`crate::peers::process`], a run being one
//! training step: loading and augmentation, both passes, the loss and the update. All of a network are alive together and take turns in short
//! bursts ([`contest()`]), so that whatever disturbs the machine meets them alike. The peers' program is
//! `peers/train_torch.py`; ours is the loop that `syq-train` runs.

pub mod contest;
pub mod markdown;
pub mod marks;
pub mod report;

pub use contest::{Bursts, Contestant, contest};
pub use report::{Engine, Figures, Job, Measured, Name, Report, Row, Scheme, Setting};
