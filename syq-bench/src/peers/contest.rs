//! One setting: starts its contestants, lets them take turns, and writes down what came of it.

use super::contestant::{Contestant, Job};
use super::error::PeerError;
use super::own;
use super::process::Process;
use super::report::{Figures, Row, Setting};
use super::spent::Spent;
use super::turns::{self, Times, Turns};
use crate::time::median;
use std::path::PathBuf;

/// Times the contestants of a job.
///
/// # Errors
/// A network that does not fit together. A contestant that fails is a row of the result.
pub fn contest(job: Job, contestants: Vec<Contestant>, turns: Turns) -> Result<Setting, PeerError> {
    let macs = own::float_twin(job.network).resolve()?.macs();
    let (mut names, mut processes) = (Vec::new(), Vec::new());
    let mut rows: Vec<Option<Row>> = Vec::new();
    for Contestant { name, file, mut command } in contestants {
        match Process::start(&mut command) {
            Ok(process) => {
                names.push((rows.len(), name, file));
                processes.push(process);
                rows.push(None);
            }
            Err(error) => rows.push(Some(Row { name, measured: Err(error).into() })),
        }
    }
    let ids: Vec<u32> = processes.iter().map(Process::id).collect();
    let before = Spent::now(&ids);
    let (times, rounds) = turns::take(&mut processes, turns);
    let foreign = before.zip(Spent::now(&ids)).and_then(|(before, after)| before.foreign(&after));
    for (((place, name, file), process), times) in names.into_iter().zip(&processes).zip(times) {
        let measured = figures(file, process, times, macs * job.batch as u64).into();
        rows[place] = Some(Row { name, measured });
    }
    let Job { network, batch, threads } = job;
    let rows = rows.into_iter().flatten().collect();
    Ok(Setting { network: network.name().to_owned(), batch, threads, macs, rounds, foreign, rows })
}

fn figures(file: PathBuf, process: &Process, times: Times, macs: u64) -> Result<Figures, PeerError> {
    let metadata = std::fs::metadata(&file).map_err(|source| PeerError::Io { path: file, source })?;
    let mut ms = match times {
        Times::Ran(ms) => ms,
        Times::Failed(error) => return Err(error),
    };
    ms.sort_by(f64::total_cmp);
    let (Some(median_ms), Some(&min_ms)) = (median(&ms), ms.first()) else {
        return Err(PeerError::Answer { asked: 0, answer: "no times".to_owned() });
    };
    let loaded = process.loaded();
    Ok(Figures {
        median_ms,
        min_ms,
        runs: ms.len(),
        gmacs: macs as f64 / median_ms / 1e6,
        load_ms: loaded.load_ms,
        first_ms: loaded.first_ms,
        peak_mb: process.peak_mb(),
        file_mb: metadata.len() as f64 / 1e6,
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::contestant::{Kind, Name};
    use super::super::report::Measured;
    use super::*;
    use std::process::Command;
    use syq_pack::zoo::Architecture;

    fn contestant(engine: &str, script: &str) -> Contestant {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let (engine, precision) = (engine.to_owned(), "int8".to_owned());
        let name = Name { engine, kind: Kind::Int8, precision, first_last: None };
        Contestant { name, file: "/bin/sh".into(), command }
    }

    #[test]
    fn every_contestant_has_its_row_in_order() {
        let good = r#"echo '{"load_ms": 3, "first_ms": 5}'
            while read n; do ms=8; i=1; while [ $i -lt $n ]; do ms=$ms,8; i=$((i+1)); done
            echo "{\"ms\": [$ms], \"peak_mb\": 7}"; done"#;
        let contestants = vec![
            contestant("absent", "echo 'no module' >&2; exit 1"),
            contestant("good", good),
            contestant("tired", r#"echo '{"load_ms": 3, "first_ms": 5}'; read n; echo tired >&2"#),
        ];
        let job = Job { network: Architecture::ResNet20, batch: 2, threads: 1 };
        let setting = contest(job, contestants, Turns::new(2)).unwrap();
        assert_eq!((setting.network.as_str(), setting.batch, setting.rounds), ("resnet20", 2, 2));
        let engines: Vec<&str> = setting.rows.iter().map(|row| row.name.engine.as_str()).collect();
        assert_eq!(engines, ["absent", "good", "tired"]);
        let reason = |row: &Row| match &row.measured {
            Measured::NotRun { not_run } => not_run.clone(),
            Measured::Ran(figures) => panic!("{figures:?}"),
        };
        assert_eq!((reason(&setting.rows[0]), reason(&setting.rows[2])), ("no module".to_owned(), "tired".to_owned()));
        let figures = setting.rows[1].figures().unwrap();
        assert_eq!((figures.median_ms, figures.runs, figures.load_ms, figures.peak_mb), (8.0, 24, 3.0, 7.0));
        assert_eq!(figures.gmacs, (setting.macs * 2) as f64 / 8e6);
    }
}
