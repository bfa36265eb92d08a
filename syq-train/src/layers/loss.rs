//! Softmax cross-entropy with label smoothing: the mean over the batch, and its gradient.

/// Softmax cross-entropy.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CrossEntropy {
    /// Share of the target spread evenly over all classes, in [0, 1).
    pub label_smoothing: f32,
}

/// What a batch gave.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loss {
    /// Sum of the images' losses, label smoothing and a teacher's part included.
    pub sum: f64,
    /// Images whose highest logit is the label's (the first of equals counts).
    pub correct: usize,
    /// Images whose label is among the five highest logits.
    pub correct_top5: usize,
    /// Images.
    pub images: usize,
}

/// What training makes small.
pub trait Objective: Sync {
    /// Measures `logits`, `[image][class]`, against `labels`, and writes ∂(mean loss)/∂logits into
    /// `gradient`.
    fn measure(&self, logits: &[f32], labels: &[u32], gradient: &mut [f32]) -> Loss;
}

impl Objective for CrossEntropy {
    fn measure(&self, logits: &[f32], labels: &[u32], gradient: &mut [f32]) -> Loss {
        let images = labels.len();
        let classes = logits.len() / images.max(1);
        let mut loss = Loss { images, ..Loss::default() };
        let smooth = f64::from(self.label_smoothing) / classes as f64;
        let mut log_p = vec![0.0; classes];
        let rows = logits.chunks_exact(classes.max(1)).zip(gradient.chunks_exact_mut(classes.max(1)));
        for ((logits, gradient), label) in rows.zip(labels) {
            let label = *label as usize;
            log_softmax(logits, 1.0, &mut log_p);
            for (class, (log_p, g)) in log_p.iter().zip(gradient).enumerate() {
                let target = smooth + if class == label { 1.0 - f64::from(self.label_smoothing) } else { 0.0 };
                loss.sum -= target * log_p;
                *g = ((log_p.exp() - target) / images as f64) as f32;
            }
            let higher = |(class, x): (usize, &f32)| *x > logits[label] || (*x == logits[label] && class < label);
            let rank = logits.iter().enumerate().filter(|entry| higher(*entry)).count();
            loss.correct += usize::from(rank == 0);
            loss.correct_top5 += usize::from(rank < 5);
        }
        loss
    }
}

/// ln softmax(logits / temperature).
pub(super) fn log_softmax(logits: &[f32], temperature: f64, into: &mut [f64]) {
    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    for (to, x) in into.iter_mut().zip(logits) {
        *to = (f64::from(*x) - max) / temperature;
    }
    let total = into.iter().map(|x| x.exp()).sum::<f64>().ln();
    into.iter_mut().for_each(|x| *x -= total);
}

impl std::ops::AddAssign for Loss {
    fn add_assign(&mut self, other: Self) {
        self.sum += other.sum;
        self.correct += other.correct;
        self.correct_top5 += other.correct_top5;
        self.images += other.images;
    }
}

impl Loss {
    /// Mean loss of an image.
    pub fn mean(&self) -> f64 {
        self.sum / self.images.max(1) as f64
    }

    /// Top-1 accuracy in percent.
    pub fn top1(&self) -> f64 {
        100.0 * self.correct as f64 / self.images.max(1) as f64
    }

    /// Top-5 accuracy in percent.
    pub fn top5(&self) -> f64 {
        100.0 * self.correct_top5 as f64 / self.images.max(1) as f64
    }
}

#[cfg(test)]
pub(super) use tests::{LABELS, LOGITS, check_gradient};

#[cfg(test)]
mod tests {
    use super::*;

    pub(in super::super) const LOGITS: [f32; 6] = [0.3, -1.2, 2.0, 0.5, 0.1, 0.4];
    pub(in super::super) const LABELS: [u32; 2] = [2, 0];

    /// Compares an objective's gradient at `LOGITS` with central differences.
    pub(in super::super) fn check_gradient(objective: &impl Objective) -> Loss {
        let mut gradient = [0.0; 6];
        let measured = objective.measure(&LOGITS, &LABELS, &mut gradient);
        for i in 0..6 {
            let at = |d: f32| {
                let mut moved = LOGITS;
                moved[i] += d;
                objective.measure(&moved, &LABELS, &mut [0.0; 6]).mean()
            };
            let numeric = (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!((numeric - f64::from(gradient[i])).abs() < 1e-4, "{i}: {numeric} {}", gradient[i]);
        }
        measured
    }

    #[test]
    fn the_gradient_is_the_derivative() {
        for label_smoothing in [0.0, 0.1] {
            let measured = check_gradient(&CrossEntropy { label_smoothing });
            assert_eq!((measured.correct, measured.images), (2, 2));
        }
    }

    #[test]
    fn uniform_logits_cost_the_logarithm_of_the_classes() {
        let loss = CrossEntropy::default().measure(&[0.0; 10], &[3], &mut [0.0; 10]);
        assert!((loss.mean() - 10f64.ln()).abs() < 1e-12);
        assert_eq!((loss.correct, loss.correct_top5), (0, 1));
    }
}
