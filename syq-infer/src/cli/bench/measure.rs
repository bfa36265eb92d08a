//! Times of one thing done again and again, and the memory of this process.

use std::time::{Duration, Instant};

/// How long a thing is done before its times count.
const WARM_UP: Duration = Duration::from_millis(150);

/// How long it is timed.
const MEASURED: Duration = Duration::from_secs(1);

/// Runs that are made even if they take longer.
const FEWEST: usize = 5;

/// Seconds of each run, the shortest first; never empty.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Times(Vec<f64>);

impl Times {
    /// Warms up, then runs for about a second.
    pub(super) fn of<E>(mut run: impl FnMut() -> Result<(), E>) -> Result<Self, E> {
        let start = Instant::now();
        run()?;
        while start.elapsed() < WARM_UP {
            run()?;
        }
        let mut times = Vec::new();
        let start = Instant::now();
        while times.len() < FEWEST || start.elapsed() < MEASURED {
            let start = Instant::now();
            run()?;
            times.push(start.elapsed().as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        Ok(Self(times))
    }

    pub(super) fn median(&self) -> f64 {
        let times = &self.0;
        (times[(times.len() - 1) / 2] + times[times.len() / 2]) / 2.0
    }

    pub(super) fn min(&self) -> f64 {
        self.0[0]
    }

    pub(super) fn runs(&self) -> usize {
        self.0.len()
    }
}

/// Lets the peak of [`peak_memory`] count from now on, so that the making of a random model does not
/// count as running it. Where the system does not allow that, the peak is of the whole process.
pub(super) fn restart_peak_memory() {
    // Linux: 5 sets the peak resident size to the present one.
    drop(std::fs::write("/proc/self/clear_refs", "5"));
}

/// The largest resident size of this process in 10⁶ bytes, where the system tells (Linux).
pub(super) fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(Times(vec![1.0, 2.0, 9.0]).median(), 2.0);
        assert_eq!(Times(vec![1.0, 2.0, 4.0, 9.0]).median(), 3.0);
    }

    #[test]
    fn a_failing_run_is_not_timed() {
        let mut left = 3;
        let times = Times::of(|| {
            left -= 1;
            if left == 0 { Err("enough") } else { Ok(()) }
        });
        assert_eq!((times, left), (Err("enough"), 0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    #[allow(clippy::print_stderr, reason = "a check that cannot be made is said aloud")]
    fn the_peak_falls_when_it_is_restarted() {
        if std::fs::write("/proc/self/clear_refs", "5").is_err() {
            eprintln!("skipped: this system does not let a process restart its peak");
            return;
        }
        let large = vec![1u8; 256 << 20];
        assert!(std::hint::black_box(&large).iter().map(|x| u64::from(*x)).sum::<u64>() > 0);
        let before = peak_memory().unwrap();
        drop(large);
        restart_peak_memory();
        let after = peak_memory().unwrap();
        assert!(before > 268.0 && after < before - 200.0, "{before} {after}");
    }
}
