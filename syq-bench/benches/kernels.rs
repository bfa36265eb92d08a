//! Every convolution kernel of this machine on ResNet-18's 3×3 layers.
//!
//! `cargo bench -p syq-bench --bench kernels [-- popcount_w2_avx512]`

mod support;

use std::error::Error;
use syq_bench::kernel::{SHAPES, cases};

fn main() -> Result<(), Box<dyn Error>> {
    Ok(support::run(cases(&support::kernels()?, &SHAPES)?)?)
}
