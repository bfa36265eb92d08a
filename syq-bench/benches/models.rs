//! ResNet-20 from the input tensor to the logits, packed and as floats, on one and two threads.
//!
//! `cargo bench -p syq-bench --bench models`

mod support;

use std::error::Error;
use syq_bench::layer::QUANTIZATION;
use syq_bench::network::{Sessions, cases};
use syq_infer::Isa;
use syq_pack::zoo::Architecture;

fn main() -> Result<(), Box<dyn Error>> {
    let architecture = Architecture::ResNet20;
    let sessions = Sessions { isas: &[Isa::from_env()?], threads: &[1, 2], batches: &[1] };
    Ok(support::run(cases(architecture, architecture.image(), &[QUANTIZATION], sessions)?)?)
}
