//! Network cases: a session from the input tensor to the logits, one image at a time, and its float
//! twin. The parameters are seeded random numbers: the speed does not depend on them.

use crate::case::{Case, Description, FLOAT, Group, Workload};
use crate::error::{BenchError, Mismatch};
use crate::layer::{QUANTIZATION, scheme};
use crate::problem::same_floats;
use std::sync::Arc;
use syq_infer::{Isa, Session, SessionOptions};
use syq_pack::zoo::{Architecture, Scheme};
use syq_pack::{Golden, Model, reference};

/// How the sessions of a network run: every instruction set with every number of threads.
#[derive(Clone, Copy, Debug)]
pub struct Sessions<'a> {
    /// Instruction sets.
    pub isas: &'a [Isa],
    /// Numbers of threads.
    pub threads: &'a [usize],
}

/// A network for square pictures of `image` pixels: packed, in the scheme [`QUANTIZATION`], and float.
///
/// # Errors
/// A picture that is too small for the network, a session that cannot be made, or
/// [`BenchError::Wrong`].
pub fn cases(architecture: Architecture, image: usize, sessions: Sessions<'_>) -> Result<Vec<Case>, BenchError> {
    let mut cases = Vec::new();
    for (name, scheme) in [(QUANTIZATION.name(), scheme()), (FLOAT.to_owned(), Scheme::Float)] {
        let network = architecture.build(scheme, image, architecture.classes());
        let macs = network.resolve()?.macs();
        let model = Model::random(network, 1)?;
        let input: Arc<[f32]> = Golden::input(model.network.input, 1).into();
        let expected: Arc<[f32]> = reference::logits(&model, &input)?.into();
        for &isa in sessions.isas {
            for &threads in sessions.threads {
                let description = Description {
                    group: Group::Networks,
                    kernel: format!("{}_{}_{isa}", architecture.name(), name.to_lowercase()),
                    problem: format!("{} {}", architecture.name(), model.network.input),
                    scheme: name.clone(),
                    isa: isa.name(),
                    threads,
                    macs,
                };
                let session = Session::new(&model, SessionOptions { threads, isa: Some(isa) })?;
                let (input, expected) = (input.clone(), expected.clone());
                cases.push(Case::new(description, Inference { session, input, logits: Vec::new(), expected })?);
            }
        }
    }
    Ok(cases)
}

struct Inference {
    session: Session,
    input: Arc<[f32]>,
    logits: Vec<f32>,
    expected: Arc<[f32]>,
}

impl Workload for Inference {
    fn run(&mut self) -> Result<(), BenchError> {
        self.logits = self.session.run(&self.input)?;
        Ok(())
    }

    fn check(&self) -> Result<(), Mismatch> {
        same_floats(&self.logits, &self.expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_float_twin_stands_beside_the_packed_network() {
        let sessions = Sessions { isas: &[Isa::detect()], threads: &[1, 2] };
        let cases = cases(Architecture::ResNet20, 16, sessions).unwrap();
        assert_eq!(cases.len(), 4);
        let [packed, float] = [cases[0].description(), cases[2].description()];
        assert_eq!((packed.scheme.as_str(), float.scheme.as_str()), ("W2A2", FLOAT));
        assert!(packed.is_twin(float) && packed.macs == float.macs);
        assert!(!cases[1].description().is_twin(float), "another number of threads");
    }
}
