//! Adam (Kingma and Ba, ICLR 2015), with L2 weight decay added to the gradient as in the paper's code.

use super::{OptimError, Optimizer, Parameter, PerGroup, Piece, Slots, StateTensor};
use crate::parallel::Workers;

/// Settings of [`Adam`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamOptions {
    /// β₁ and β₂.
    pub betas: [f32; 2],
    /// ε, added to the root of the corrected second moment.
    pub epsilon: f32,
    /// λ of each group: g ← g + λ·w (L2, not decoupled).
    pub weight_decay: PerGroup,
    /// What multiplies the learning rate of each group.
    pub multiplier: PerGroup,
}

/// The optimizer.
#[derive(Clone, Debug)]
pub struct Adam {
    options: AdamOptions,
    steps: u32,
    slots: Slots<2>,
}

/// Name of the state that counts steps; its u32 is stored as two exact f32 halves of 16 bits.
const STEPS: &str = "adam/steps";

impl Adam {
    /// An optimizer without state; the moments start at zero.
    pub const fn new(options: AdamOptions) -> Self {
        Self { options, steps: 0, slots: Slots::new(["adam/first", "adam/second"]) }
    }
}

impl Optimizer for Adam {
    fn step(
        &mut self,
        workers: &Workers,
        learning_rate: f32,
        parameters: &mut [Parameter<'_>],
    ) -> Result<(), OptimError> {
        self.slots.check(parameters)?;
        self.steps = self.steps.saturating_add(1);
        let AdamOptions { betas: [beta1, beta2], epsilon, weight_decay, multiplier } = self.options;
        // In f64: 1 − β₂^t has few digits left in f32 when t is small.
        let correction = [beta1, beta2].map(|beta| 1.0 - f64::from(beta).powf(f64::from(self.steps)));
        let root = correction[1].sqrt();
        self.slots.update(workers, parameters, |Piece { group, values, gradient, state: [first, second] }| {
            // lr·(m/c₁) / (√(v/c₂) + ε) = (lr·√c₂/c₁)·m / (√v + ε·√c₂).
            let rate = (f64::from(learning_rate * multiplier.of(*group)) * root / correction[0]) as f32;
            let epsilon = (f64::from(epsilon) * root) as f32;
            let decay = weight_decay.of(*group);
            let all = values.iter_mut().zip(*gradient).zip(first.iter_mut()).zip(second.iter_mut());
            for (((w, &g), m), v) in all {
                let g = g + decay * *w;
                *m += (1.0 - beta1) * (g - *m);
                *v += (1.0 - beta2) * (g * g - *v);
                *w -= rate * *m / (v.sqrt() + epsilon);
            }
        });
        Ok(())
    }

    fn state(&self) -> Vec<StateTensor> {
        let mut state = self.slots.state();
        if !state.is_empty() {
            let halves = [self.steps >> 16, self.steps & 0xffff].map(|half| half as f32);
            state.push(StateTensor { name: STEPS.to_owned(), values: halves.to_vec() });
        }
        state
    }

    fn restore<'s>(
        &mut self,
        parameters: &[(&str, usize)],
        find: &dyn Fn(&str) -> Option<&'s [f32]>,
    ) -> Result<(), OptimError> {
        let halves = find(STEPS).ok_or_else(|| OptimError::Missing { name: STEPS.to_owned() })?;
        let is_half = |half: &f32| (0.0..65_536.0).contains(half) && half.fract() == 0.0;
        let &[high, low] = halves else { return Err(OptimError::Steps { name: STEPS.to_owned() }) };
        if !(is_half(&high) && is_half(&low)) {
            return Err(OptimError::Steps { name: STEPS.to_owned() });
        }
        self.slots = self.slots.restored(parameters, find)?;
        self.steps = (high as u32) << 16 | low as u32;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::Group;

    fn adam(epsilon: f32) -> Adam {
        let weight_decay = PerGroup { weight: 0.5, ..PerGroup::all(0.0) };
        let multiplier = PerGroup { scale: 10.0, ..PerGroup::all(1.0) };
        Adam::new(AdamOptions { betas: [0.9, 0.999], epsilon, weight_decay, multiplier })
    }

    fn step(adam: &mut Adam, group: Group, value: f32, gradient: f32) -> f32 {
        let mut values = [value];
        adam.step(
            &Workers::new(1).unwrap(),
            0.1,
            &mut [Parameter { name: "p", group, values: &mut values, gradient: &[gradient] }],
        )
        .unwrap();
        values[0]
    }

    #[track_caller]
    fn close(found: f32, expected: f32) {
        assert!((found - expected).abs() < 2e-6, "{found} {expected}");
    }

    #[test]
    fn two_steps_by_hand() {
        // The first step is lr·g/(|g| + ε): 0.1·2/(2 + 2) = 0.05.
        let mut optimizer = adam(2.0);
        close(step(&mut optimizer, Group::Bias, 1.0, 2.0), 0.95);
        // m = 0.9·0.2 + 0.1·(−1) = 0.08, v = 0.999·0.004 + 0.001 = 0.004996;
        // m/0.19 = 0.4210526, √(v/0.001999) = 1.5809056, 0.1·0.4210526/3.5809056 = 0.0117583.
        close(step(&mut optimizer, Group::Bias, 0.95, -1.0), 0.95 - 0.011_758_3);
    }

    #[test]
    fn groups_have_their_own_rate_and_decay() {
        // Without ε the first step is lr, whatever the gradient.
        close(step(&mut adam(1e-12), Group::Scale, 3.0, 0.01), 2.0);
        // The gradient −1 + 0.5·4 = 1 has the other sign than without decay.
        close(step(&mut adam(1e-12), Group::Weight, 4.0, -1.0), 3.9);
    }

    #[test]
    fn restored_state_continues_alike() {
        let mut first = adam(1e-5);
        first.steps = 70_000;
        let value = step(&mut first, Group::Bias, 1.0, 2.0);
        let state = first.state();
        let find = |name: &str| state.iter().find(|t| t.name == name).map(|t| t.values.as_slice());
        let mut second = adam(1e-5);
        second.restore(&[("p", 1)], &find).unwrap();
        assert_eq!(second.steps, 70_001);
        assert_eq!(step(&mut first, Group::Bias, value, 0.3), step(&mut second, Group::Bias, value, 0.3));
        assert!(second.restore(&[("p", 1)], &|_| None).is_err());
        assert!(matches!(second.restore(&[("p", 1)], &|_| Some(&[0.5, 1.0])), Err(OptimError::Steps { .. })));
    }
}
