//! The loops that every instruction set shares, written once over a few operations on sixteen lanes.

pub(super) mod kernel;
pub(super) mod lookup;
pub(super) mod pool;
pub(super) mod rows;
mod steps;
pub(super) mod tile;
mod windows;
