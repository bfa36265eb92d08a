//! The likeliest classes of a vector of logits, with their softmax probabilities.

use std::cmp::Ordering;

/// One class of the answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The class.
    pub index: usize,
    /// Its logit.
    pub logit: f32,
    /// Its softmax probability, within 0 to 1. Unlike the logit it may differ in its last bits between
    /// operating systems, whose `exp` do.
    pub probability: f64,
}

/// The `k` likeliest classes, likeliest first; all of them if there are fewer.
///
/// Equal logits stand in the order of their classes. A NaN stands last, with a probability of 0;
/// infinitely large logits share the probability.
pub fn top_k(logits: &[f32], k: usize) -> Vec<Candidate> {
    // `f32::max` passes over NaN.
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = |logit: f32| match logit {
        _ if logit.is_nan() => 0.0,
        // The difference of two infinities would be a NaN.
        _ if logit == largest => 1.0,
        _ => (f64::from(logit) - f64::from(largest)).exp(),
    };
    let sum: f64 = logits.iter().map(|&logit| weight(logit)).sum();
    let mut all: Vec<Candidate> = logits
        .iter()
        .enumerate()
        .map(|(index, &logit)| Candidate {
            index,
            logit,
            // Without a number among the logits the sum is zero.
            probability: if sum > 0.0 { weight(logit) / sum } else { 0.0 },
        })
        .collect();
    all.sort_by(|a, b| likelier(a.logit, b.logit).then(a.index.cmp(&b.index)));
    all.truncate(k);
    all
}

/// The larger number first, NaN after all numbers.
fn likelier(a: f32, b: f32) -> Ordering {
    b.partial_cmp(&a).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indices(logits: &[f32], k: usize) -> Vec<usize> {
        top_k(logits, k).iter().map(|candidate| candidate.index).collect()
    }

    #[test]
    fn the_likeliest_come_first_and_ties_keep_their_order() {
        assert_eq!(indices(&[1.0, 3.0, 2.0, 3.0], 3), [1, 3, 2]);
        assert_eq!(indices(&[0.0, -0.0, 0.0], 9), [0, 1, 2]);
        assert!(indices(&[], 5).is_empty());
        assert!(indices(&[1.0], 0).is_empty());
    }

    #[test]
    fn probabilities_are_the_softmax() {
        let all = top_k(&[0.0, f32::ln(3.0)], 2);
        assert!((all[0].probability - 0.75).abs() < 1e-7);
        assert!((all[1].probability - 0.25).abs() < 1e-7);
        let large = top_k(&[1e38, 1e38, -1e38], 3);
        assert_eq!(large.iter().map(|c| c.probability).collect::<Vec<_>>(), [0.5, 0.5, 0.0]);
    }

    #[test]
    fn nan_and_infinities_give_finite_probabilities() {
        let nan = f32::NAN;
        let infinity = f32::INFINITY;
        assert_eq!(indices(&[nan, 1.0, nan, -infinity], 4), [1, 3, 0, 2]);
        for logits in [[nan, 1.0, 2.0], [nan; 3], [infinity, infinity, 1.0], [-infinity; 3], [nan, infinity, -infinity]]
        {
            let all = top_k(&logits, 3);
            let sum: f64 = all.iter().map(|candidate| candidate.probability).sum();
            let expected = if logits.iter().all(|logit| logit.is_nan()) { 0.0 } else { 1.0 };
            assert!((sum - expected).abs() < 1e-12, "{logits:?}: {all:?}");
        }
        assert_eq!(top_k(&[infinity, infinity, 1.0], 1)[0].probability, 0.5);
    }
}
