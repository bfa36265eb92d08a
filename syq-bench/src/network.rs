//! Network cases: a session from the input tensors to the logits, and its float
//! twin. The parameters are seeded random numbers: the speed does not depend on them.

use crate::case::{Case, Description, FLOAT, Group, Part, Workload};
use crate::error::{BenchError, Mismatch};
use crate::layer::QUANTIZATION;
use crate::problem::{Quantization, same_floats};
use std::sync::Arc;
use syq_core::{BitWidth, Codebook, Granularity};
use syq_infer::plan::PlanStep;
use syq_infer::{Isa, Session, SessionOptions};
use syq_pack::zoo::{Architecture, FirstLast, Scheme};
use syq_pack::{Golden, Model, reference};

/// How the sessions of a network run: every instruction set with every number of threads.
#[derive(Clone, Copy, Debug)]
pub struct Sessions<'a> {
    /// Instruction sets.
    pub isas: &'a [Isa],
    /// Numbers of threads.
    pub threads: &'a [usize],
    /// Images of a run.
    pub batches: &'a [usize],
}

/// The schemes that a report has: all bit widths with a scale a position, and one of them with the other
/// granularities.
pub fn schemes() -> Vec<Quantization> {
    let widths = [BitWidth::One, BitWidth::Two, BitWidth::Four, BitWidth::Eight];
    let of = |bits| Codebook::ALL.map(|codebook| Quantization { codebook, granularity: Granularity::Pixel, bits });
    let others = [Granularity::Row, Granularity::Layer];
    let others = others.map(|granularity| Quantization { granularity, ..QUANTIZATION });
    widths.into_iter().flat_map(of).chain(others).collect()
}

/// A network for square pictures of `image` pixels: in each of `schemes` with 8-bit first and last layers, and float.
///
/// # Errors
/// A picture that is too small for the network, a session that cannot be made, or
/// [`BenchError::Wrong`].
pub fn cases(
    architecture: Architecture,
    image: usize,
    schemes: &[Quantization],
    sessions: Sessions<'_>,
) -> Result<Vec<Case>, BenchError> {
    let mut cases = Vec::new();
    let quantized = schemes.iter().map(|quantization| {
        let scheme = quantization.scheme(FirstLast::EIGHT_BIT);
        (quantization.name(), quantization.granularity.name(), quantization.bits, scheme)
    });
    for (name, granularity, bits, scheme) in
        quantized.chain([(FLOAT.to_owned(), FLOAT, BitWidth::Eight, Scheme::Float)])
    {
        let network = architecture.build(scheme, image, architecture.classes());
        let macs = network.resolve()?.macs();
        let model = Model::random(network, 1)?;
        let one = Golden::input(model.network.input, 1);
        let logits = reference::logits(&model, &one)?;
        for (&isa, &batch) in
            sessions.isas.iter().flat_map(|isa| sessions.batches.iter().map(move |batch| (isa, batch)))
        {
            let (input, expected): (Arc<[f32]>, Arc<[f32]>) = (one.repeat(batch).into(), logits.repeat(batch).into());
            for &threads in sessions.threads {
                let session = Session::new(&model, SessionOptions { threads, isa: Some(isa) })?;
                let part = |step: PlanStep<'_>| Part { kernel: step.kernel, bits, macs: step.macs };
                let description = Description {
                    group: Group::Networks,
                    kernel: format!("{}_{}_{isa}", architecture.name(), name.to_lowercase()),
                    problem: format!("{} {}", architecture.name(), model.network.input),
                    scheme: name.clone(),
                    isa: isa.name(),
                    granularity,
                    threads,
                    batch,
                    macs,
                    parts: session.plan().steps().map(part).collect(),
                };
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
        let sessions = Sessions { isas: &[Isa::detect()], threads: &[1, 2], batches: &[1, 3] };
        let cases = cases(Architecture::ResNet20, 16, &[QUANTIZATION], sessions).unwrap();
        assert_eq!(cases.len(), 8);
        let [packed, float] = [cases[0].description(), cases[4].description()];
        assert_eq!((packed.scheme.as_str(), packed.granularity, float.scheme.as_str()), ("W2A2", "pixel", FLOAT));
        assert!(packed.is_twin(float) && packed.macs == float.macs);
        assert!(!cases[1].description().is_twin(float), "another number of threads");
        assert!(!cases[2].description().is_twin(float), "another batch");
        assert_eq!(packed.parts.iter().map(|part| part.macs).sum::<u64>(), packed.macs);
    }
}
