//! A golden pair: an input that anybody can make again from a seed, and its logits to the last bit.

use crate::digest::digest;
use crate::random::SplitMix64;
use serde::{Deserialize, Serialize};
use syq_core::Shape;

/// A deterministic input, named by its seed and digest, and the bit patterns of its logits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// The seed for [`Golden::input`].
    pub seed: u64,
    /// SHA-256 of the input's f32 values in little-endian bytes, lower-case hexadecimal.
    pub input_sha256: String,
    /// The logits as f32 bit patterns.
    pub logits: Vec<u32>,
}

impl Golden {
    /// The pair of the seeded input and these logits.
    pub fn new(shape: Shape, seed: u64, logits: &[f32]) -> Self {
        let logits = logits.iter().map(|logit| logit.to_bits()).collect();
        Self { seed, input_sha256: Self::input_digest(&Self::input(shape, seed)), logits }
    }

    /// The input tensor of a seed, NHWC: one SplitMix64 number an element, its top byte b, and
    /// (b − 128) / 64. Exact in f32, and about as spread as a normalised picture.
    pub fn input(shape: Shape, seed: u64) -> Vec<f32> {
        let mut random = SplitMix64::new(seed);
        (0..shape.len()).map(|_| ((random.next_u64() >> 56) as f32 - 128.0) / 64.0).collect()
    }

    /// SHA-256 of an input tensor.
    pub fn input_digest(input: &[f32]) -> String {
        let bytes: Vec<u8> = input.iter().flat_map(|x| x.to_le_bytes()).collect();
        digest(&bytes)
    }
}
