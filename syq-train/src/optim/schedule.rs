//! Learning-rate schedules: the rate as a pure function of the global step.

/// How the rate falls after the warm-up.
#[derive(Clone, Debug, PartialEq)]
pub enum Decay {
    /// Half a cosine (Loshchilov and Hutter, ICLR 2017) from the base rate to this fraction of it.
    Cosine {
        /// Last rate / base rate.
        final_fraction: f32,
    },
    /// Multiplied by `factor` at each of these steps.
    Step {
        /// Global steps, ascending.
        milestones: Vec<u64>,
        /// What the rate is multiplied by.
        factor: f32,
    },
}

/// A schedule over `steps` steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The base rate.
    pub learning_rate: f32,
    /// Steps of linear warm-up: step s < warmup has the rate base·(s + 1)/(warmup + 1).
    pub warmup: u64,
    /// Steps of the whole run, warm-up included.
    pub steps: u64,
    /// What follows the warm-up.
    pub decay: Decay,
}

impl Schedule {
    /// The rate of global step `step`, counted from 0; past the end it stays at the last.
    pub fn rate(&self, step: u64) -> f32 {
        let base = f64::from(self.learning_rate);
        let rate = if step < self.warmup {
            base * (step + 1) as f64 / (self.warmup as f64 + 1.0)
        } else {
            match &self.decay {
                Decay::Cosine { final_fraction } => {
                    let length = self.steps.saturating_sub(self.warmup).saturating_sub(1).max(1);
                    let done = ((step - self.warmup) as f64 / length as f64).min(1.0);
                    let last = f64::from(*final_fraction);
                    base * (last + (1.0 - last) * 0.5 * (1.0 + (std::f64::consts::PI * done).cos()))
                }
                Decay::Step { milestones, factor } => {
                    let passed = milestones.iter().filter(|&&milestone| milestone <= step).count();
                    base * f64::from(*factor).powi(i32::try_from(passed).unwrap_or(i32::MAX))
                }
            }
        };
        rate as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warm_up_then_cosine() {
        let decay = Decay::Cosine { final_fraction: 0.1 };
        let schedule = Schedule { learning_rate: 1.0, warmup: 3, steps: 12, decay };
        let rates: Vec<f32> = (0..4).map(|step| schedule.rate(step)).collect();
        assert_eq!(rates, [0.25, 0.5, 0.75, 1.0]);
        assert!((schedule.rate(7) - 0.55).abs() < 1e-6);
        assert!((schedule.rate(11) - 0.1).abs() < 1e-6);
        assert_eq!(schedule.rate(11), schedule.rate(u64::MAX));
    }

    #[test]
    fn milestones() {
        let decay = Decay::Step { milestones: vec![2, 4], factor: 0.5 };
        let schedule = Schedule { learning_rate: 0.4, warmup: 0, steps: 6, decay };
        let rates: Vec<f32> = (0..6).map(|step| schedule.rate(step)).collect();
        assert_eq!(rates, [0.4, 0.4, 0.2, 0.2, 0.1, 0.1]);
    }

    #[test]
    fn degenerate_lengths_stay_finite() {
        for (warmup, steps) in [(0, 0), (0, 1), (5, 2), (u64::MAX, u64::MAX)] {
            let decay = Decay::Cosine { final_fraction: 0.0 };
            let schedule = Schedule { learning_rate: 1.0, warmup, steps, decay };
            assert!([0, 1, 9].iter().all(|&step| (0.0..=1.0).contains(&schedule.rate(step))));
        }
    }
}
