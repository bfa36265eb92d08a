//! Hands cases to criterion: a group for each kernel, with effective multiply-accumulates as the
//! throughput.

use criterion::{BenchmarkId, Criterion, Throughput};
use std::time::Duration;
use syq_bench::{BenchError, Case};
use syq_infer::kernels::Kernels;
use syq_infer::{Isa, IsaError};

/// Times cases, whose answers were checked when they were made, and checks them again afterwards.
pub(crate) fn run(mut cases: Vec<Case>) -> Result<(), BenchError> {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for cases in cases.chunk_by_mut(|a, b| a.description().kernel == b.description().kernel) {
        let Some(name) = cases.first().map(|case| case.description().kernel.clone()) else { continue };
        let mut group = criterion.benchmark_group(name);
        for case in cases {
            let description = case.description().clone();
            group.throughput(Throughput::Elements(description.macs));
            let name = format!("{} {}", description.problem, description.scheme);
            let id = BenchmarkId::new(name, format!("{} threads", description.threads));
            let mut outcome = Ok(());
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    if outcome.is_ok() {
                        outcome = case.run();
                    }
                });
            });
            outcome?;
            case.check()?;
        }
        group.finish();
    }
    criterion.final_summary();
    Ok(())
}

/// The kernels of every instruction set of this machine.
#[allow(dead_code, reason = "the whole networks choose by themselves")]
pub(crate) fn kernels() -> Result<Vec<Kernels>, IsaError> {
    Isa::available().into_iter().map(Kernels::new).collect()
}
