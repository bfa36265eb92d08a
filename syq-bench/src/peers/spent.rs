//! Processor time that the whole machine and some processes spent, to see who else was there.

use std::time::Instant;

/// Ticks of the figures in `/proc`, on every Linux.
const TICKS_A_SECOND: f64 = 100.0;

/// Processor time up to a moment.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    at: Instant,
    whole: f64,
    own: f64,
}

impl Spent {
    /// What the machine and the processes spent so far; `None` where the system does not tell.
    pub fn now(processes: &[u32]) -> Option<Self> {
        let whole = busy(&std::fs::read_to_string("/proc/stat").ok()?)?;
        let own = processes.iter().filter_map(|id| {
            // A process that ended spends nothing more.
            of_process(&std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
        });
        Some(Self { at: Instant::now(), whole, own: own.sum() })
    }

    /// The share of the machine that others used between the two moments.
    pub fn foreign(&self, later: &Self) -> Option<f64> {
        let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
        let seconds = later.at.duration_since(self.at).as_secs_f64();
        let foreign = (later.whole - self.whole) - (later.own - self.own);
        (seconds > 0.0).then(|| (foreign / seconds / cores).max(0.0))
    }
}

/// Processor time in seconds of the processes that this one started and that have ended, and of theirs; `None` where the
/// system does not tell. What a build took, whatever else the machine did.
pub fn of_children() -> Option<f64> {
    ticks(&std::fs::read_to_string("/proc/self/stat").ok()?, 13)
}

/// Seconds in programs and in the system, of all processors, from `/proc/stat`.
fn busy(stat: &str) -> Option<f64> {
    let ticks = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(3);
    let ticks: Option<Vec<f64>> = ticks.map(|number| number.parse().ok()).collect();
    Some(ticks?.iter().sum::<f64>() / TICKS_A_SECOND)
}

/// The same of one process; its name, in parentheses, may contain anything.
fn of_process(stat: &str) -> Option<f64> {
    ticks(stat, 11)
}

/// The sum of two fields of `/proc/PID/stat`, of which the first is that many behind the name.
fn ticks(stat: &str, first: usize) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: Option<Vec<f64>> = fields.split_whitespace().skip(first).take(2).map(|n| n.parse().ok()).collect();
    Some(ticks?.iter().sum::<f64>() / TICKS_A_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn ticks_are_read() {
        assert_eq!(busy("cpu  100 50 25 999 0 0\ncpu0 1 1 1\n"), Some(1.75));
        assert_eq!(of_process("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0"), Some(2.0));
        assert_eq!(ticks("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 300 25", 13), Some(3.25));
        assert_eq!((busy(""), of_process("7")), (None, None));
    }

    #[test]
    fn what_others_spent_is_the_rest() {
        let at = Instant::now();
        let before = Spent { at, whole: 10.0, own: 1.0 };
        let later = Spent { at: at + Duration::from_secs(4), whole: 16.0, own: 5.0 };
        let cores = std::thread::available_parallelism().unwrap().get() as f64;
        assert_eq!(before.foreign(&later), Some(0.5 / cores));
    }
}
