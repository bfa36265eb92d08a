//! The loops that every instruction set shares, written once over a few operations on sixteen lanes.

pub(super) mod kernel;
pub(super) mod tile;
