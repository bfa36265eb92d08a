//! Stochastic gradient descent with momentum (Sutskever et al., ICML 2013, in PyTorch's form).

use super::{OptimError, Optimizer, Parameter, PerGroup, Piece, Slots, StateTensor};
use crate::parallel::Workers;
use serde::{Deserialize, Serialize};

/// Which point the gradient is applied at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Momentum {
    /// w ← w − lr·v.
    Classical,
    /// w ← w − lr·(g + μ·v).
    Nesterov,
}

/// Settings of [`Sgd`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdOptions {
    /// μ: v ← μ·v + g.
    pub momentum: f32,
    /// The kind of momentum.
    pub kind: Momentum,
    /// λ of each group: g ← g + λ·w (L2, not decoupled).
    pub weight_decay: PerGroup,
    /// What multiplies the learning rate of each group.
    pub multiplier: PerGroup,
}

/// The optimizer.
#[derive(Clone, Debug)]
pub struct Sgd {
    options: SgdOptions,
    slots: Slots<1>,
}

impl Sgd {
    /// An optimizer without state; momentum starts at zero.
    pub const fn new(options: SgdOptions) -> Self {
        Self { options, slots: Slots::new(["sgd/velocity"]) }
    }
}

impl Optimizer for Sgd {
    fn step(
        &mut self,
        workers: &Workers,
        learning_rate: f32,
        parameters: &mut [Parameter<'_>],
    ) -> Result<(), OptimError> {
        self.slots.check(parameters)?;
        let SgdOptions { momentum, kind, weight_decay, multiplier } = self.options;
        self.slots.update(workers, parameters, |Piece { group, values, gradient, state: [velocity] }| {
            let rate = learning_rate * multiplier.of(*group);
            let decay = weight_decay.of(*group);
            let all = values.iter_mut().zip(*gradient).zip(velocity.iter_mut());
            match kind {
                Momentum::Classical => {
                    for ((w, &g), v) in all {
                        *v = momentum * *v + (g + decay * *w);
                        *w -= rate * *v;
                    }
                }
                Momentum::Nesterov => {
                    for ((w, &g), v) in all {
                        let g = g + decay * *w;
                        *v = momentum * *v + g;
                        *w -= rate * (g + momentum * *v);
                    }
                }
            }
        });
        Ok(())
    }

    fn state(&self) -> Vec<StateTensor> {
        self.slots.state()
    }

    fn restore<'s>(
        &mut self,
        parameters: &[(&str, usize)],
        find: &dyn Fn(&str) -> Option<&'s [f32]>,
    ) -> Result<(), OptimError> {
        self.slots = self.slots.restored(parameters, find)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::Group;

    // Powers of two, so that every value below is exact.
    fn sgd(kind: Momentum) -> Sgd {
        let weight_decay = PerGroup { weight: 0.25, ..PerGroup::all(0.0) };
        let multiplier = PerGroup { bias: 2.0, ..PerGroup::all(1.0) };
        Sgd::new(SgdOptions { momentum: 0.5, kind, weight_decay, multiplier })
    }

    fn step(sgd: &mut Sgd, w: &mut [f32], b: &mut [f32], g: [f32; 2]) -> Result<(), OptimError> {
        let weight = Parameter { name: "w", group: Group::Weight, values: w, gradient: &g[..1] };
        let bias = Parameter { name: "b", group: Group::Bias, values: b, gradient: &g[1..] };
        sgd.step(&Workers::new(1).unwrap(), 0.5, &mut [weight, bias])
    }

    #[test]
    fn classical_by_hand() {
        let (mut sgd, mut w, mut b) = (sgd(Momentum::Classical), [4.0], [1.0]);
        step(&mut sgd, &mut w, &mut b, [1.0, 1.0]).unwrap();
        // v = 1 + 0.25·4 = 2, w = 4 − 0.5·2; bias: v = 1, b = 1 − 0.5·2·1.
        assert_eq!((w, b), ([3.0], [0.0]));
        step(&mut sgd, &mut w, &mut b, [0.25, 0.0]).unwrap();
        // v = 0.5·2 + 0.25 + 0.75 = 2, w = 3 − 1; bias: v = 0.5, b = −0.5.
        assert_eq!((w, b), ([2.0], [-0.5]));
    }

    #[test]
    fn nesterov_by_hand() {
        let (mut sgd, mut w, mut b) = (sgd(Momentum::Nesterov), [4.0], [1.0]);
        step(&mut sgd, &mut w, &mut b, [1.0, 1.0]).unwrap();
        // g = 2, v = 2, w = 4 − 0.5·(2 + 1); bias: g = v = 1, b = 1 − 1·1.5.
        assert_eq!((w, b), ([2.5], [-0.5]));
    }

    #[test]
    fn restored_state_continues_alike() {
        let (mut first, mut w, mut b) = (sgd(Momentum::Nesterov), [4.0], [1.0]);
        assert!(first.state().is_empty());
        step(&mut first, &mut w, &mut b, [1.0, 1.0]).unwrap();
        let state = first.state();
        assert_eq!(state[1], StateTensor { name: "sgd/velocity/b".into(), values: vec![1.0] });
        let find = |name: &str| state.iter().find(|t| t.name == name).map(|t| t.values.as_slice());
        let mut second = sgd(Momentum::Nesterov);
        second.restore(&[("w", 1), ("b", 1)], &find).unwrap();
        let (mut w2, mut b2) = (w, b);
        step(&mut first, &mut w, &mut b, [-1.0, 3.0]).unwrap();
        step(&mut second, &mut w2, &mut b2, [-1.0, 3.0]).unwrap();
        assert_eq!((w, b), (w2, b2));
        assert!(matches!(second.restore(&[("x", 1)], &find), Err(OptimError::Missing { .. })));
        assert!(matches!(second.restore(&[("w", 2)], &find), Err(OptimError::Length { found: 1, expected: 2, .. })));
    }

    #[test]
    fn changed_parameters_are_refused_and_nothing_changes() {
        let (mut sgd, mut w, mut b) = (sgd(Momentum::Classical), [4.0], [1.0]);
        step(&mut sgd, &mut w, &mut b, [1.0, 1.0]).unwrap();
        assert!(step(&mut sgd, &mut w, &mut [1.0, 2.0], [1.0, 1.0]).is_err());
        let other = Parameter { name: "c", group: Group::Bias, values: &mut b, gradient: &[1.0] };
        assert!(matches!(
            sgd.step(&Workers::new(1).unwrap(), 0.5, &mut [other]),
            Err(OptimError::Count { found: 1, expected: 2 })
        ));
        let [x, y] = [&mut [1.0][..], &mut [1.0]];
        let x = Parameter { name: "b", group: Group::Bias, values: x, gradient: &[1.0] };
        let y = Parameter { name: "w", group: Group::Bias, values: y, gradient: &[1.0] };
        assert!(matches!(sgd.step(&Workers::new(1).unwrap(), 0.5, &mut [x, y]), Err(OptimError::Order { .. })));
        assert_eq!(w, [3.0]);
    }
}
