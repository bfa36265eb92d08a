//! Our networks beside the engines that people use instead: ONNX Runtime, OpenVINO, LiteRT, rten and
//! tract, on the same topologies.
//!
//! Every engine is a process of its own, a [`Contestant`], that loads one model and then times runs of
//! it when it is told to ([`process`] has the protocol, [`worker`] our side of it). All contestants of
//! a [`Setting`] are alive together and take turns round by round ([`turns`]), so that whatever
//! disturbs the machine meets them alike. A contestant that cannot run stays in the [`Report`] with its
//! reason.

pub mod chart;
pub mod contest;
pub mod contestant;
pub mod error;
pub mod markdown;
pub mod marks;
pub mod own;
pub mod process;
pub mod report;
pub mod spent;
pub mod turns;
pub mod worker;

pub use contest::contest;
pub use contestant::{Contestant, Job, Kind, Name, Tools};
pub use error::PeerError;
pub use own::FirstLast;
pub use report::{Figures, Measured, Report, Row, Setting};
pub use turns::Turns;
