//! The layers of ResNet-20 with batch norm, residual, ReLU and the placing of the result, packed and
//! as floats.
//!
//! `cargo bench -p syq-bench --bench layers [-- int8_avx2]`

mod support;

use std::error::Error;
use syq_bench::layer::{cases, layers};
use syq_pack::zoo::Architecture;

fn main() -> Result<(), Box<dyn Error>> {
    Ok(support::run(cases(&support::kernels()?, &layers(Architecture::ResNet20)?)?)?)
}
