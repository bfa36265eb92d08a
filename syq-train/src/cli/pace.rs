//! How fast a run goes, and how long it will take: from the times at which its steps ended.

/// Seconds after which a step counts for 1/e of one that ends now.
const MEMORY: f64 = 60.0;

/// The pace of a run, from when it was started or resumed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// Time of the last step, and whether an epoch ended with it.
    last: Option<(f64, Ended)>,
    /// Seconds and steps, the older ones counting less.
    seconds: f64,
    steps: f64,
    /// What lies between two epochs: measuring, checkpoints.
    between: Option<f64>,
}

/// What ended with a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Step,
    Epoch,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Steps left in the epoch.
    pub(super) of_epoch: u64,
    /// Steps left in the run.
    pub(super) of_run: u64,
    /// What those are in steps like this one: see `Progress::work_left`.
    pub(super) work: f64,
    /// Steps of an epoch.
    pub(super) epoch: u64,
}

/// Seconds left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Left {
    pub(super) epoch: f64,
    pub(super) run: f64,
}

impl Pace {
    /// A step ended `now`, in seconds of any clock.
    pub(super) fn step(&mut self, now: f64, place: Place) {
        if let Some((last, ended)) = self.last {
            let took = (now - last).max(0.0);
            match (ended, self.seconds_a_step()) {
                // What a step after an epoch's end took beyond other steps was not the step.
                (Ended::Epoch, Some(step)) => self.between = Some((took - step).max(0.0)),
                (Ended::Epoch, None) => {}
                (Ended::Step, _) => {
                    let kept = (-took / MEMORY).exp();
                    self.seconds = self.seconds * kept + took;
                    self.steps = self.steps * kept + 1.0;
                }
            }
        }
        self.last = Some((now, if place.of_epoch == 0 { Ended::Epoch } else { Ended::Step }));
    }

    /// Seconds that a step takes; unknown before two steps of one epoch have ended.
    pub(super) fn seconds_a_step(&self) -> Option<f64> {
        (self.steps > 0.0 && self.seconds > 0.0).then(|| self.seconds / self.steps)
    }

    /// How long the epoch and the run will still take, as fast as lately.
    pub(super) fn left(&self, place: Place) -> Option<Left> {
        let step = self.seconds_a_step()?;
        let between = self.between.unwrap_or(0.0);
        let epochs = place.of_run.div_ceil(place.epoch.max(1));
        Some(Left { epoch: place.of_epoch as f64 * step, run: place.work * step + epochs as f64 * between })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(step: u64) -> Place {
        Place { of_epoch: (10 - step % 10) % 10, of_run: 40 - step, work: (40 - step) as f64, epoch: 10 }
    }

    #[test]
    fn an_even_pace_tells_the_time_left() {
        let mut pace = Pace::default();
        assert_eq!(pace.left(place(0)), None);
        pace.step(100.0, place(1));
        assert_eq!(pace.left(place(1)), None, "one step has no length yet");
        pace.step(102.0, place(2));
        pace.step(104.0, place(3));
        assert_eq!(pace.seconds_a_step(), Some(2.0));
        assert_eq!(pace.left(place(3)), Some(Left { epoch: 14.0, run: 74.0 }));
        // Later steps that take twice as long.
        let slower = Place { work: 7.0 + 2.0 * 30.0, ..place(3) };
        assert_eq!(pace.left(slower), Some(Left { epoch: 14.0, run: 134.0 }));
    }

    #[test]
    fn what_lies_between_epochs_is_no_step() {
        let mut pace = Pace::default();
        for step in 1..=10 {
            pace.step(step as f64, place(step));
        }
        // Measuring takes 5 seconds, then the next epoch's first step ends.
        pace.step(16.0, place(11));
        assert_eq!(pace.seconds_a_step(), Some(1.0));
        // Three epochs will still end.
        assert_eq!(pace.left(place(11)), Some(Left { epoch: 9.0, run: 29.0 + 15.0 }));
    }

    #[test]
    fn a_machine_that_slows_down_is_noticed() {
        let mut pace = Pace::default();
        let mut now = 0.0;
        for step in 0..3000 {
            now += if step < 1500 { 1.0 } else { 3.0 };
            pace.step(now, Place { of_epoch: 1, of_run: 1, work: 1.0, epoch: 10 });
        }
        assert!((pace.seconds_a_step().unwrap() - 3.0).abs() < 0.01);
    }
}
