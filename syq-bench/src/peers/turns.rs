//! Turns: every contestant runs for a while, then the next, round after round.

use super::error::PeerError;
use std::time::{Duration, Instant};

/// Something that can be timed.
pub trait Runner {
    /// The times of `count` runs, in milliseconds.
    ///
    /// # Errors
    /// A contestant that can no longer run.
    fn run(&mut self, count: usize) -> Result<Vec<f64>, PeerError>;
}

/// How long to measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turns {
    /// Rounds over all contestants.
    pub rounds: usize,
    /// Rounds that are made even if the time is over.
    pub fewest: usize,
    /// How long a turn should last, in milliseconds.
    pub turn_ms: f64,
    /// When no new round begins.
    pub most: Duration,
}

impl Turns {
    /// That many rounds of tenths of a second.
    pub fn new(rounds: usize) -> Self {
        Self { rounds, fewest: rounds.min(3), turn_ms: 100.0, most: Duration::from_secs(90) }
    }
}

/// Most runs in a turn.
const MOST_RUNS: f64 = 60.0;

/// A run that takes longer needs no untimed run before it: what it finds in the caches is not what
/// its time consists of.
const LONG_MS: f64 = 300.0;

/// Times of a contestant.
#[derive(Debug)]
pub enum Times {
    /// All of its runs, in milliseconds.
    Ran(Vec<f64>),
    /// It failed in some round.
    Failed(PeerError),
}

/// Times `contestants` in turn. One entry a contestant, and the number of rounds.
pub fn take<R: Runner>(contestants: &mut [R], turns: Turns) -> (Vec<Times>, usize) {
    let mut plans = Vec::with_capacity(contestants.len());
    let mut times: Vec<Times> = Vec::with_capacity(contestants.len());
    for contestant in &mut *contestants {
        // Two runs tell how many make up a turn.
        let (plan, result) = match contestant.run(2) {
            Ok(first) => (Plan::of(first.into_iter().fold(f64::INFINITY, f64::min), turns), Times::Ran(Vec::new())),
            Err(error) => (Plan { untimed: 0, timed: 0 }, Times::Failed(error)),
        };
        plans.push(plan);
        times.push(result);
    }
    let (start, mut rounds) = (Instant::now(), 0);
    while rounds < turns.rounds && (rounds < turns.fewest || start.elapsed() < turns.most) {
        for ((contestant, plan), times) in contestants.iter_mut().zip(&plans).zip(&mut times) {
            let Times::Ran(all) = times else { continue };
            match contestant.run(plan.untimed + plan.timed) {
                Ok(new) => all.extend(new.into_iter().skip(plan.untimed)),
                Err(error) => *times = Times::Failed(error),
            }
        }
        rounds += 1;
    }
    (times, rounds)
}

/// A contestant's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plan {
    untimed: usize,
    timed: usize,
}

impl Plan {
    fn of(run_ms: f64, turns: Turns) -> Self {
        let timed = (turns.turn_ms / run_ms.max(1e-6)).clamp(1.0, MOST_RUNS) as usize;
        Self { untimed: usize::from(run_ms < LONG_MS), timed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    struct Noted<'a> {
        name: char,
        ms: f64,
        left: usize,
        log: &'a RefCell<String>,
    }

    impl Runner for Noted<'_> {
        fn run(&mut self, count: usize) -> Result<Vec<f64>, PeerError> {
            self.log.borrow_mut().push_str(&format!("{}{count} ", self.name));
            if self.left == 0 {
                return Err(PeerError::Ended { log: "tired".to_owned() });
            }
            self.left -= 1;
            Ok(vec![self.ms; count])
        }
    }

    #[test]
    fn contestants_take_turns_and_a_failing_one_drops_out() {
        let log = RefCell::new(String::new());
        let noted = |name, ms, left| Noted { name, ms, left, log: &log };
        let mut all = [noted('a', 20.0, 9), noted('b', 400.0, 9), noted('c', 0.001, 2), noted('d', 1.0, 0)];
        let (times, rounds) = take(&mut all, Turns::new(3));
        assert_eq!(rounds, 3);
        assert_eq!(*log.borrow(), "a2 b2 c2 d2 a6 b1 c61 a6 b1 c61 a6 b1 ");
        assert!(matches!(&times[0], Times::Ran(ms) if ms.len() == 15), "the untimed runs do not count");
        assert!(matches!(&times[1], Times::Ran(ms) if ms == &[400.0; 3]));
        assert!(times[2..].iter().all(|times| matches!(times, Times::Failed(_))));
    }

    #[test]
    fn time_ends_the_rounds_but_not_the_first() {
        let log = RefCell::new(String::new());
        let mut all = [Noted { name: 'a', ms: 1.0, left: 99, log: &log }];
        let turns = Turns { most: Duration::ZERO, ..Turns::new(9) };
        assert_eq!(take(&mut all, turns).1, 3);
    }
}
