//! A case: one kernel on one problem, checked before anybody can time it.

use crate::error::{BenchError, Mismatch};
use serde::Serialize;
use std::fmt;
use syq_core::BitWidth;

/// Something that can be run again and again, always with the same answer.
pub trait Workload {
    /// Runs it once and keeps the answer.
    ///
    /// # Errors
    /// Arguments that the engine refuses.
    fn run(&mut self) -> Result<(), BenchError>;

    /// Compares the answer of the last run with the reference, bit for bit.
    ///
    /// # Errors
    /// The first difference.
    fn check(&self) -> Result<(), Mismatch>;
}

/// How much of the engine a case runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// A convolution kernel alone.
    Kernels,
    /// A layer as the engine runs it: convolution, batch norm, residual, ReLU, and the result stored
    /// as the next layer reads it.
    Layers,
    /// A whole network, from the input tensor to the logits.
    Networks,
}

impl Group {
    /// Every group.
    pub const ALL: [Self; 3] = [Self::Kernels, Self::Layers, Self::Networks];

    /// The name, as a title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Kernels => "Kernels",
            Self::Layers => "Layers",
            Self::Networks => "Networks",
        }
    }
}

/// What a case computes, and with what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Description {
    /// How much of the engine.
    pub group: Group,
    /// Full name of the kernel, such as `popcount_w2_avx512`, or of the kind of network.
    pub kernel: String,
    /// Name of the problem; a float twin has the same one.
    pub problem: String,
    /// Bits of weights and activations, such as `W2A2`, or [`FLOAT`].
    pub scheme: String,
    /// Name of the instruction set.
    pub isa: &'static str,
    /// Granularity of the scales, or [`FLOAT`].
    pub granularity: &'static str,
    /// Threads.
    pub threads: usize,
    /// Images of a run.
    pub batch: usize,
    /// Multiply-accumulates of the problem for one image.
    pub macs: u64,
    /// The same, by the kernel that does them.
    #[serde(skip)]
    pub parts: Vec<Part>,
}

/// What one kernel contributes to a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Name of the kernel, with or without the instruction set.
    pub kernel: String,
    /// Bits of its activations.
    pub bits: BitWidth,
    /// Multiply-accumulates for one image.
    pub macs: u64,
}

/// The scheme of the float twins.
pub const FLOAT: &str = "float";

impl Description {
    /// Whether `other` is the same problem on the same instruction set, threads and batch.
    pub fn is_twin(&self, other: &Self) -> bool {
        let key = |case: &Self| (case.group, case.isa, case.threads, case.batch);
        key(self) == key(other) && self.problem == other.problem
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kernel, problem, scheme, threads, .. } = self;
        write!(f, "{kernel} {problem} {scheme}, {threads} threads")
    }
}

/// A case whose answer was right.
pub struct Case {
    description: Description,
    workload: Box<dyn Workload>,
}

impl Case {
    /// Runs the workload once and checks its answer.
    ///
    /// # Errors
    /// A run that fails, or [`BenchError::Wrong`].
    pub fn new(description: Description, workload: impl Workload + 'static) -> Result<Self, BenchError> {
        let mut case = Self { description, workload: Box::new(workload) };
        case.run()?;
        case.check()?;
        Ok(case)
    }

    /// What the case computes.
    pub const fn description(&self) -> &Description {
        &self.description
    }

    /// Runs the case once.
    ///
    /// # Errors
    /// Arguments that the engine refuses.
    pub fn run(&mut self) -> Result<(), BenchError> {
        self.workload.run()
    }

    /// Checks the answer of the last run.
    ///
    /// # Errors
    /// [`BenchError::Wrong`] with the case's name and the first difference.
    pub fn check(&self) -> Result<(), BenchError> {
        let wrong = |wrong| BenchError::Wrong { case: self.description.to_string(), wrong };
        self.workload.check().map_err(wrong)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Case").field(&self.description).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Constant(Result<(), Mismatch>);

    impl Workload for Constant {
        fn run(&mut self) -> Result<(), BenchError> {
            Ok(())
        }

        fn check(&self) -> Result<(), Mismatch> {
            self.0
        }
    }

    #[test]
    fn a_wrong_answer_makes_no_case() {
        let description = Description {
            group: Group::Kernels,
            kernel: "float_portable".to_owned(),
            problem: "conv".to_owned(),
            scheme: FLOAT.to_owned(),
            isa: "portable",
            granularity: FLOAT,
            threads: 1,
            batch: 1,
            macs: 1,
            parts: Vec::new(),
        };
        assert!(Case::new(description.clone(), Constant(Ok(()))).is_ok());
        let wrong = Mismatch::Value { index: 3, found: 1, expected: 2 };
        let error = Case::new(description, Constant(Err(wrong))).unwrap_err().to_string();
        assert_eq!(
            error,
            "case float_portable conv float, 1 threads: element 3 is 0x00000001, the reference gives 0x00000002"
        );
    }
}
