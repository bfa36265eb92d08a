//! The interleaved timer: every case in turn, round after round.
//!
//! Whatever disturbs the machine (another program, the clock, the temperature) then meets all cases
//! alike, and ratios between them hold where the single figures waver.

use crate::case::Case;
use crate::error::BenchError;
use serde::Serialize;
use std::time::{Duration, Instant};

/// How long to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounds {
    /// Rounds over all cases.
    pub count: usize,
    /// How long a case runs in each round, at least; a case that takes longer runs once.
    pub sample: Duration,
}

impl Rounds {
    /// For a first look.
    pub const QUICK: Self = Self { count: 7, sample: Duration::from_millis(2) };
    /// For a report.
    pub const FULL: Self = Self { count: 31, sample: Duration::from_millis(5) };
}

/// The time of one run of a case, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Timing {
    /// The median of the rounds.
    pub median: f64,
    /// The fastest round.
    pub min: f64,
}

impl Timing {
    /// The median and the minimum of seconds; `None` without any.
    fn of(mut seconds: Vec<f64>) -> Option<Self> {
        seconds.sort_by(f64::total_cmp);
        Some(Self { median: median(&seconds)?, min: *seconds.first()? })
    }
}

/// The median of sorted figures; `None` without any.
pub fn median(sorted: &[f64]) -> Option<f64> {
    let [lower, upper] = [sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted.get(sorted.len() / 2)?];
    Some((lower + upper) / 2.0)
}

/// Times the cases and checks every answer again; calls `round` with the number of each round that
/// begins. One entry a case, none without rounds.
///
/// # Errors
/// A case that fails or whose last answer is wrong.
pub fn interleaved(
    cases: &mut [Case],
    rounds: Rounds,
    mut round: impl FnMut(usize),
) -> Result<Vec<Timing>, BenchError> {
    let mut batches = Vec::with_capacity(cases.len());
    for case in &mut *cases {
        // The first run wakes what slept; the second tells how many make up a sample.
        time(case, 1)?;
        let once = time(case, 1)?.max(1e-9);
        batches.push((rounds.sample.as_secs_f64() / once).ceil().clamp(1.0, 1e6) as u32);
    }
    let mut samples = vec![Vec::with_capacity(rounds.count); cases.len()];
    for number in 0..rounds.count {
        round(number);
        for ((case, batch), samples) in cases.iter_mut().zip(&batches).zip(&mut samples) {
            samples.push(time(case, *batch)?);
        }
    }
    for case in &*cases {
        case.check()?;
    }
    Ok(samples.into_iter().filter_map(Timing::of).collect())
}

/// Seconds of one run, the mean of `batch`.
fn time(case: &mut Case, batch: u32) -> Result<f64, BenchError> {
    let start = Instant::now();
    for _ in 0..batch {
        case.run()?;
    }
    Ok(start.elapsed().as_secs_f64() / f64::from(batch))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Description, FLOAT, Group, Workload};
    use crate::error::Mismatch;
    use std::cell::RefCell;
    use std::rc::Rc;

    #[test]
    fn medians() {
        assert_eq!(Timing::of(vec![3.0, 1.0, 2.0]), Some(Timing { median: 2.0, min: 1.0 }));
        assert_eq!(Timing::of(vec![4.0, 1.0, 2.0, 9.0]), Some(Timing { median: 3.0, min: 1.0 }));
        assert_eq!(Timing::of(Vec::new()), None);
    }

    /// Notes its name at each run; after `limit` runs its answer is wrong.
    struct Noted {
        name: char,
        log: Rc<RefCell<String>>,
        limit: usize,
    }

    impl Workload for Noted {
        fn run(&mut self) -> Result<(), BenchError> {
            self.log.borrow_mut().push(self.name);
            Ok(())
        }

        fn check(&self) -> Result<(), Mismatch> {
            let found = self.log.borrow().matches(self.name).count();
            if found <= self.limit { Ok(()) } else { Err(Mismatch::Length { found, expected: self.limit }) }
        }
    }

    fn case(name: char, log: &Rc<RefCell<String>>, limit: usize) -> Case {
        let description = Description {
            group: Group::Kernels,
            kernel: name.to_string(),
            problem: String::new(),
            scheme: FLOAT.to_owned(),
            isa: "portable",
            granularity: FLOAT,
            threads: 1,
            batch: 1,
            macs: 1,
            parts: Vec::new(),
        };
        Case::new(description, Noted { name, log: log.clone(), limit }).unwrap()
    }

    #[test]
    fn cases_take_turns_and_are_checked_after_the_last() {
        let log = Rc::new(RefCell::new(String::new()));
        let rounds = Rounds { count: 3, sample: Duration::ZERO };
        let mut cases = [case('a', &log, 9), case('b', &log, 9)];
        assert_eq!(interleaved(&mut cases, rounds, |_| log.borrow_mut().push('|')).unwrap().len(), 2);
        assert_eq!(*log.borrow(), "abaabb|ab|ab|ab");
        let mut cases = [case('c', &log, 4)];
        assert!(matches!(interleaved(&mut cases, rounds, |_| ()), Err(BenchError::Wrong { .. })));
    }
}
