//! Initial weights: He et al., "Delving Deep into Rectifiers" (2015), normal with variance 2 / fan-in.

use crate::rng::{Purpose, Random};
use syq_core::ConvGeometry;

/// The initial weights of layer `index`, a function of the seed alone.
pub(super) fn weights(geometry: &ConvGeometry, seed: u64, index: usize) -> Vec<f32> {
    let deviation = (2.0 / geometry.filter_len() as f32).sqrt();
    let mut random = Random::new(seed, Purpose::Initialization, 0, index as u64);
    (0..geometry.weights()).map(|_| random.normal() * deviation).collect()
}
