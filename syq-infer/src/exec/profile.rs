//! Watching a run: how long each step takes. A run that nobody watches pays nothing.

use std::time::{Duration, Instant};

/// Carries out the steps of a run, and may watch them.
pub(crate) trait Observer: Send {
    /// Carries out step `index` of the plan.
    fn step<T>(&mut self, index: usize, run: impl FnOnce() -> T) -> T;
}

/// Nobody watches.
#[derive(Debug)]
pub(crate) struct Unwatched;

impl Observer for Unwatched {
    #[inline(always)]
    fn step<T>(&mut self, _: usize, run: impl FnOnce() -> T) -> T {
        run()
    }
}

/// How long a run took, and how long each step of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepTimes {
    steps: Vec<Duration>,
    total: Duration,
}

impl StepTimes {
    /// Watches `run`, which carries out steps of a plan that has `steps` of them.
    pub(crate) fn watch<T>(steps: usize, run: impl FnOnce(&mut Self) -> T) -> (T, Self) {
        let mut times = Self { steps: vec![Duration::ZERO; steps], total: Duration::ZERO };
        let start = Instant::now();
        let result = run(&mut times);
        times.total = start.elapsed();
        (result, times)
    }

    /// The time of each step, in the order of [`Plan::steps`](crate::plan::Plan::steps); summed over
    /// the images of the run.
    pub fn steps(&self) -> &[Duration] {
        &self.steps
    }

    /// The time of the whole run. The steps' sum is less: the rest went between them.
    pub fn total(&self) -> Duration {
        self.total
    }
}

impl Observer for StepTimes {
    fn step<T>(&mut self, index: usize, run: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = run();
        if let Some(time) = self.steps.get_mut(index) {
            *time += start.elapsed();
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_kept_by_step_and_summed() {
        // By the clock that is tested: a sleep may end early by that one, as under Node's WASI.
        let nap = || {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(2) {
                std::thread::yield_now();
            }
        };
        let (result, times) = StepTimes::watch(3, |times| {
            times.step(0, nap);
            times.step(2, nap);
            times.step(2, nap);
            times.step(9, || 7)
        });
        assert_eq!(result, 7);
        let [first, second, third] = [0, 1, 2].map(|step| times.steps()[step]);
        assert!(first >= Duration::from_millis(2) && third >= Duration::from_millis(4), "{times:?}");
        assert_eq!(second, Duration::ZERO);
        assert!(times.total() >= first + third, "{times:?}");
    }
}
