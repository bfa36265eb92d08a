//! Distillation (Hinton, Vinyals and Dean, 2015): the labels' cross-entropy, and beside it how far the
//! softened answers are from a teacher's.

use super::loss::log_softmax;
use super::{CrossEntropy, Loss, Objective};

/// How much a teacher says, and how softly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distillation {
    /// What both sides' logits are divided by before their softmax, > 0.
    pub temperature: f32,
    /// Share of the teacher in the loss, (0, 1]; the labels have the rest.
    pub weight: f32,
}

/// The loss of a batch whose teacher's logits are known:
/// (1 − w)·cross-entropy + w·T²·KL(teacher ‖ student), both softened by T.
///
/// The factor T² keeps the gradient's size independent of the temperature (section 2 of the paper
/// named above).
#[derive(Clone, Copy, Debug)]
pub struct Distilled<'a> {
    /// The labels' part.
    pub labels: CrossEntropy,
    /// The teacher's logits, `[image][class]`.
    pub teacher: &'a [f32],
    /// Temperature and share.
    pub settings: Distillation,
}

impl Objective for Distilled<'_> {
    /// The teacher's part is left out for images that `teacher` does not have.
    fn measure(&self, logits: &[f32], labels: &[u32], gradient: &mut [f32]) -> Loss {
        let mut loss = self.labels.measure(logits, labels, gradient);
        let images = labels.len();
        let classes = (logits.len() / images.max(1)).max(1);
        let (weight, temperature) = (f64::from(self.settings.weight), f64::from(self.settings.temperature));
        loss.sum *= 1.0 - weight;
        let mut student = vec![0.0; classes];
        let mut teacher = vec![0.0; classes];
        let rows = logits.chunks_exact(classes).zip(self.teacher.chunks_exact(classes));
        for ((logits, teacher_logits), gradient) in rows.zip(gradient.chunks_exact_mut(classes)) {
            log_softmax(logits, temperature, &mut student);
            log_softmax(teacher_logits, temperature, &mut teacher);
            for ((g, log_student), log_teacher) in gradient.iter_mut().zip(&student).zip(&teacher) {
                let p = log_teacher.exp();
                loss.sum += weight * temperature * temperature * p * (log_teacher - log_student);
                let soft = temperature * (log_student.exp() - p) / images as f64;
                *g = ((1.0 - weight) * f64::from(*g) + weight * soft) as f32;
            }
        }
        loss
    }
}

#[cfg(test)]
mod tests {
    use super::super::loss::{LABELS, LOGITS, check_gradient};
    use super::*;

    const TEACHER: [f32; 6] = [4.0, -2.0, 1.0, 0.0, 3.0, -1.0];

    fn distilled(temperature: f32, weight: f32) -> Distilled<'static> {
        let labels = CrossEntropy { label_smoothing: 0.1 };
        Distilled { labels, teacher: &TEACHER, settings: Distillation { temperature, weight } }
    }

    #[test]
    fn the_gradient_is_the_derivative() {
        for (temperature, weight) in [(1.0, 1.0), (4.0, 0.7), (0.5, 0.2)] {
            check_gradient(&distilled(temperature, weight));
        }
    }

    #[test]
    fn a_teacher_of_the_same_mind_adds_nothing() {
        let loss = Distilled { teacher: &LOGITS, ..distilled(4.0, 0.7) };
        let mut gradient = [0.0; 6];
        let measured = loss.measure(&LOGITS, &LABELS, &mut gradient);
        let mut of_labels = [0.0; 6];
        let labels = loss.labels.measure(&LOGITS, &LABELS, &mut of_labels);
        assert!((measured.mean() - 0.3 * labels.mean()).abs() < 1e-6);
        assert_eq!((measured.correct, measured.images), (labels.correct, 2));
        for (g, label) in gradient.iter().zip(of_labels) {
            assert!((g - 0.3 * label).abs() < 1e-6);
        }
    }
}
