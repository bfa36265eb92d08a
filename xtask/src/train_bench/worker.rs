//! Our training loop as a contestant: steps of a configuration, timed when asked. `syq_bench::peers::process` has the
//! protocol; a run is a training step.

use anyhow::Context;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;
use syq_bench::memory::peak_mb;
use syq_bench::peers::process::{Answer, Loaded};
use syq_train::config::Config;
use syq_train::run::{DataPart, load_part, speed, threads};

/// More steps than anybody asks for.
const STEPS: u64 = 10_000_000;

/// Opens the configuration's run and answers until `questions` end.
pub(crate) fn serve(config: &Path, questions: impl BufRead, mut answers: impl Write) -> anyhow::Result<()> {
    let start = Instant::now();
    let config = Config::read(config)?;
    let data = load_part(&config, DataPart::Train, threads(&config), &|_, _| {})?.context("no training images")?;
    let folder = tempfile::tempdir()?;
    let mut run = speed::open(config, folder.path(), data, STEPS)?;
    let load_ms = start.elapsed().as_secs_f64() * 1e3;
    speed::time(&mut run, 1)?;
    say(&mut answers, &Loaded { load_ms, first_ms: start.elapsed().as_secs_f64() * 1e3 })?;
    for question in questions.lines() {
        let question = question?;
        let steps = question.trim().parse().with_context(|| format!("{question:?} is no number of steps"))?;
        let times = speed::time(&mut run, steps)?;
        let ms = times.iter().map(|time| time.whole.as_secs_f64() * 1e3).collect();
        say(&mut answers, &Answer { ms, peak_mb: peak_mb().unwrap_or(0.0) })?;
    }
    Ok(())
}

fn say(out: &mut impl Write, line: &impl serde::Serialize) -> anyhow::Result<()> {
    writeln!(out, "{}", serde_json::to_string(line)?)?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::super::config::{CLASSES, Trial};
    use super::super::pictures;
    use super::*;
    use syq_bench::train::Scheme;
    use syq_pack::zoo::Architecture;

    #[test]
    fn both_schemes_speak_the_protocol() {
        let dir = tempfile::tempdir().unwrap();
        let trial = Trial { network: Architecture::ResNet20, side: 8, padding: 1, batch: CLASSES, steps: 1, images: 3 };
        let folder = pictures::make(dir.path(), &trial).unwrap();
        for scheme in [Scheme::Float, Scheme::W2A2] {
            let config = dir.path().join("config.toml");
            std::fs::write(&config, trial.configuration(scheme, 1, &folder)).unwrap();
            let mut answers = Vec::new();
            serve(&config, &b"2\n5\n"[..], &mut answers).unwrap();
            let lines: Vec<&str> = std::str::from_utf8(&answers).unwrap().lines().collect();
            let loaded: Loaded = serde_json::from_str(lines[0]).unwrap();
            assert!(loaded.load_ms > 0.0 && loaded.first_ms > loaded.load_ms);
            let answers = lines[1..].iter().map(|line| serde_json::from_str::<Answer>(line).unwrap().ms);
            let answers: Vec<Vec<f64>> = answers.collect();
            // Five steps pass the end of an epoch of three.
            assert_eq!(answers.iter().map(Vec::len).collect::<Vec<_>>(), [2, 5]);
            assert!(answers.iter().flatten().all(|ms| *ms > 0.0));
            assert!(serve(&config, &b"many\n"[..], &mut Vec::new()).unwrap_err().to_string().contains("many"));
        }
    }
}
