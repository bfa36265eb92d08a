//! One setting: starts its contestants, lets them take turns in bursts of steps, and writes down what came of it.

use super::report::{Figures, Job, Name, Row, Setting};
use crate::peers::PeerError;
use crate::peers::process::Process;
use crate::peers::spent::Spent;
use crate::peers::turns::Runner;
use crate::time::median;
use std::process::Command;

/// A training loop.
#[derive(Debug)]
pub struct Contestant {
    /// Its name.
    pub name: Name,
    /// Starts its worker.
    pub command: Command,
}

/// How long to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bursts {
    /// Bursts of each contestant.
    pub rounds: usize,
    /// Timed steps of a burst. One untimed step goes before them: it finds the caches as the others left them.
    pub steps: usize,
    /// Steps of each before the first burst, which do not count.
    pub warmup: usize,
}

/// Lets the contestants train in turns. One that fails is a row of the result.
pub fn contest(job: Job, contestants: Vec<Contestant>, bursts: Bursts) -> Setting {
    let mut all: Vec<(Name, Result<Racer, PeerError>)> = Vec::new();
    for Contestant { name, mut command } in contestants {
        let started = Process::start(&mut command).and_then(|mut process| {
            process.run(bursts.warmup)?;
            Ok(Racer { process, speeds: Vec::new() })
        });
        all.push((name, started));
    }
    let ids: Vec<u32> = all.iter().filter_map(|(_, racer)| Some(racer.as_ref().ok()?.process.id())).collect();
    let before = Spent::now(&ids);
    for _ in 0..bursts.rounds {
        for (_, racer) in &mut all {
            let Ok(running) = racer else { continue };
            if let Err(error) = running.burst(job.batch, bursts.steps) {
                *racer = Err(error);
            }
        }
    }
    let foreign = before.zip(Spent::now(&ids)).and_then(|(before, after)| before.foreign(&after));
    let rows = all.into_iter().map(|(name, racer)| Row { name, measured: racer.and_then(figures).into() }).collect();
    Setting { job, steps: bursts.steps, rounds: bursts.rounds, foreign, rows }
}

/// A contestant that runs.
struct Racer {
    process: Process,
    /// Images a second of each burst.
    speeds: Vec<f64>,
}

impl Racer {
    fn burst(&mut self, batch: usize, steps: usize) -> Result<(), PeerError> {
        let ms = self.process.run(steps + 1)?;
        // All the time of a burst counts, not the median step's: a loop that waits now and then for its pictures waits.
        let timed: f64 = ms.iter().skip(1).sum();
        self.speeds.push((batch * steps) as f64 * 1e3 / timed);
        Ok(())
    }
}

fn figures(racer: Racer) -> Result<Figures, PeerError> {
    let Racer { process, mut speeds } = racer;
    speeds.sort_by(f64::total_cmp);
    let (Some(images_per_second), Some(&slowest), Some(&fastest)) = (median(&speeds), speeds.first(), speeds.last())
    else {
        return Err(PeerError::Answer { asked: 0, answer: "no times".to_owned() });
    };
    Ok(Figures { images_per_second, slowest, fastest, peak_mb: process.peak_mb() })
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::report::{Engine, Measured, Scheme};
    use super::*;

    /// A loop whose first step of a burst takes 100 ms and each other one `ms`.
    fn contestant(engine: Engine, scheme: Scheme, script: &str) -> Contestant {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Contestant { name: Name { engine, scheme, precision: "f32".to_owned() }, command }
    }

    fn steps(ms: &str) -> String {
        format!(
            r#"echo '{{"load_ms": 3, "first_ms": 5}}'
            while read n; do ms=100; i=1; while [ $i -lt $n ]; do ms=$ms,{ms}; i=$((i+1)); done
            echo "{{\"ms\": [$ms], \"peak_mb\": 7}}"; done"#
        )
    }

    #[test]
    fn images_a_second_and_ratios() {
        let contestants = vec![
            contestant(Engine::PyTorch, Scheme::Float, &steps("20")),
            contestant(Engine::PyTorch, Scheme::Float, &steps("25")),
            contestant(Engine::PyTorch, Scheme::W2A2, "echo 'no torch' >&2; exit 1"),
            contestant(Engine::Syq, Scheme::Float, &steps("10")),
            contestant(Engine::Syq, Scheme::W2A2, &steps("16")),
        ];
        let job = Job { network: "resnet20".to_owned(), side: 32, batch: 8, threads: 2 };
        let setting = contest(job, contestants, Bursts { rounds: 3, steps: 4, warmup: 2 });
        let speeds: Vec<_> =
            setting.rows.iter().map(|row| row.figures().map(|found| found.images_per_second)).collect();
        assert_eq!(speeds, [Some(400.0), Some(320.0), None, Some(800.0), Some(500.0)]);
        assert!(matches!(&setting.rows[2].measured, Measured::NotRun { not_run } if not_run == "no torch"));
        assert_eq!((setting.ratio(Scheme::Float), setting.ratio(Scheme::W2A2)), (Some(2.0), Some(1.25)));
        assert_eq!((setting.mark(Scheme::Float), setting.mark(Scheme::W2A2)), (Some(1.6), Some(1.5)));
    }
}
