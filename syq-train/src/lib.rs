//! Trains binary and ternary networks with learned symmetric scales (SYQ, CVPR 2018).

pub mod checkpoint;
pub mod config;
pub mod data;
pub mod error;
pub mod graph;
pub mod kernels;
pub mod layers;
pub mod metrics;
pub mod optim;
pub mod parallel;
pub mod rng;
pub mod run;
pub mod tape;
