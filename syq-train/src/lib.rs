//! Trains binary and ternary networks with learned symmetric scales (SYQ, CVPR 2018).

pub mod data;
pub mod optim;
pub mod rng;
