//! Imported weights compute what they compute in PyTorch, and a file that does not fit says all of why.
//!
//! The fixtures in `tests/fixtures/import` were made by `python/parity.py`; weights are made here again, by the same
//! generator.

mod fixture;
mod generator;
mod layer;
mod mismatch;
mod parity;
mod run;
mod torchvision;
