//! Whether the engine gives the reference executor's logits, to the last bit: what `syq verify` asks.
//!
//! The reference executor ([`syq_pack::reference`]) is plain loops that follow the numeric contract; a model file
//! may carry its logits of one seeded image, the golden ones.

use crate::session::{Session, SessionError};
use syq_pack::{Golden, Model, ModelError, reference};
use thiserror::Error;

/// Why there is nothing to compare with.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A model that does not fit together.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A golden pair of another version or a forged one.
    #[error("the golden input of seed {seed} has SHA-256 {found}, the model says {expected}")]
    GoldenInput {
        /// The seed of the input.
        seed: u64,
        /// SHA-256 of the input that the seed gives.
        found: String,
        /// SHA-256 that the model names.
        expected: String,
    },
}

/// Images and the logits that every way of running a model must give for them.
#[derive(Clone, Debug)]
pub struct Expected {
    input: Vec<f32>,
    /// Bit patterns, `[image][class]`.
    logits: Vec<u32>,
    image_len: usize,
    golden: Option<Comparison>,
}

/// Logits beside those that they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Logits that differ in any bit.
    pub different: usize,
    /// Logits that were compared.
    pub logits: usize,
}

impl Comparison {
    fn of(found: impl Iterator<Item = u32>, expected: &[u32]) -> Self {
        let same = found.zip(expected).filter(|(found, expected)| found == *expected).count();
        Self { different: expected.len() - same, logits: expected.len() }
    }

    /// Whether every bit is the same.
    pub const fn is_exact(&self) -> bool {
        self.different == 0
    }
}

impl Expected {
    /// The reference executor's logits of `images` seeded images, at least one; the first is the golden one if the
    /// model has it. This takes seconds for a network of 10⁹ multiply-accumulates.
    ///
    /// # Errors
    /// A model that does not fit together, or whose golden input is not what its seed gives.
    pub fn new(model: &Model, images: usize) -> Result<Self, VerifyError> {
        let (shape, golden) = (model.network.input, model.golden.as_ref());
        let first = golden.map_or(1, |golden| golden.seed);
        let (mut input, mut logits) = (Vec::new(), Vec::new());
        for index in 0..images.max(1) as u64 {
            let image = Golden::input(shape, first.wrapping_add(index));
            if let Some(golden) = golden.filter(|_| index == 0) {
                let (found, expected) = (Golden::input_digest(&image), &golden.input_sha256);
                if found != *expected {
                    return Err(VerifyError::GoldenInput { seed: first, found, expected: expected.clone() });
                }
            }
            logits.extend(reference::logits(model, &image)?.into_iter().map(f32::to_bits));
            input.extend(image);
        }
        let golden = golden.map(|golden| Comparison::of(logits.iter().copied(), &golden.logits));
        Ok(Self { input, logits, image_len: shape.len(), golden })
    }

    /// The reference executor's logits beside the golden ones that the model carries, if it does.
    pub const fn golden(&self) -> Option<Comparison> {
        self.golden
    }

    /// Runs all images, `batch` at once, at least one, and compares.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn compare(&self, session: &mut Session, batch: usize) -> Result<Comparison, SessionError> {
        let mut found = Vec::with_capacity(self.logits.len());
        for images in self.input.chunks(batch.max(1) * self.image_len.max(1)) {
            found.extend(session.run(images)?.into_iter().map(f32::to_bits));
        }
        Ok(Comparison::of(found.into_iter(), &self.logits))
    }
}
