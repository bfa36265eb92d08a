//! What a retrained run is to reach, and whether it did.

use super::entry::{Machine, Top1};
use super::registry::Recorded;
use serde::Serialize;
use std::path::Path;
use std::process::{Command, Stdio};
use syq_train::config::Config;
use syq_train::kernels::Isa;
use syq_train::run::precision;

/// What a run's bytes depend on beside configuration, data and start.
const CODE: [&str; 5] = ["syq-core", "syq-pack", "syq-infer", "syq-train", "Cargo.lock"];

/// How near the count must come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Expectation {
    /// The same code on the same kind of machine: the same count.
    Exact,
    /// So many images more or less.
    Within(u64),
    /// Nothing is published to compare with.
    Nothing,
}

impl Expectation {
    /// Two standard deviations of the binomial count, 2·√(n·p·(1 − p)). Networks that are measured on the same
    /// images differ by less than two independent counts do.
    pub(super) fn noise(top1: Top1) -> Self {
        let (right, of) = (top1.right as f64, top1.of as f64);
        Self::Within((2.0 * (right * (of - right) / of).sqrt()).ceil() as u64)
    }

    /// Whether a count meets it.
    pub(super) fn holds(self, published: Option<Top1>, found: Top1) -> bool {
        let Some(published) = published else { return true };
        let difference = published.right.abs_diff(found.right);
        published.of == found.of
            && match self {
                Self::Exact => difference == 0,
                Self::Within(images) => difference <= images,
                Self::Nothing => true,
            }
    }
}

/// The machine of this process, as a run of `config` on it would be recorded.
pub(super) fn machine(config: &Config, cpu: String) -> Machine {
    let precision = precision(config).name();
    Machine { cpu, isa: Isa::detect().name().to_owned(), precision: precision.to_owned() }
}

/// Why the bytes of these runs are not expected to come out again; none if they are.
pub(super) fn differs(repository: &Path, runs: &[&Recorded]) -> Option<String> {
    runs.iter().find_map(|run| {
        let (name, was) = (&run.entry.name, &run.entry.machine);
        let here = machine(&run.config, was.cpu.clone());
        if here != *was {
            return Some(format!(
                "{name} ran on {} in {}, this is {} in {}",
                was.isa, was.precision, here.isa, here.precision
            ));
        }
        match &run.entry.commit {
            None => Some(format!("the commit of {name} was not written down")),
            Some(commit) if !same_code(repository, commit) => Some(format!("{name} ran the code of commit {commit}")),
            Some(_) => None,
        }
    })
}

/// Whether the code that trains is still that of `commit`.
pub(super) fn same_code(repository: &Path, commit: &str) -> bool {
    let mut git = Command::new("git");
    git.arg("-C").arg(repository).args(["diff", "--quiet", commit, "--"]).args(CODE);
    git.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    git.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::super::entry::Split;
    use super::*;
    use crate::repository;
    use crate::reproduce::registry::Registry;

    #[test]
    fn noise_by_hand() {
        let top1 = |right| Top1 { right, of: 10_000, split: Split::Test };
        // √(10,000 · 0.8972 · 0.1028) = 30.37
        let noise = Expectation::noise(top1(8972));
        assert_eq!(noise, Expectation::Within(61));
        let holds = |found| noise.holds(Some(top1(8972)), top1(found));
        assert_eq!([8911, 9033, 8910, 9034].map(holds), [true, true, false, false]);
        assert!(!Expectation::Exact.holds(Some(top1(8972)), top1(8973)));
        assert!(!noise.holds(Some(top1(8972)), Top1 { of: 9_999, ..top1(8972) }));
        assert!(Expectation::Nothing.holds(None, top1(1)));
    }

    #[test]
    fn other_code_and_other_machines_are_told() {
        let mut run = Registry::read(repository()).unwrap().get("cifar10-resnet20-float").unwrap().clone();
        run.entry.machine.isa = "abacus".to_owned();
        assert!(differs(repository(), &[&run]).unwrap().contains("ran on abacus"));
        run.entry.machine = machine(&run.config, "x".to_owned());
        assert!(differs(repository(), &[&run]).unwrap().contains("the code of commit a0a755f"));
        run.entry.commit = None;
        assert!(differs(repository(), &[&run]).unwrap().contains("not written down"));
        assert!(!same_code(repository(), "no-such-commit"));
    }
}
