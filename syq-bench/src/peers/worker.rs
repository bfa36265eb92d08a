//! Our own worker: one model file, timed when asked. See [`super::process`] for the protocol.

use super::error::PeerError;
use super::process::{Answer, Loaded};
use crate::error::BenchError;
use crate::memory::peak_mb;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;
use syq_infer::{Isa, Session, SessionOptions};
use syq_pack::Golden;

/// Loads the model file and answers until `questions` end.
///
/// # Errors
/// A model that cannot be run, or questions or answers that cannot be read or written.
pub fn serve(
    path: &Path,
    batch: usize,
    options: SessionOptions,
    questions: impl BufRead,
    mut answers: impl Write,
) -> Result<(), BenchError> {
    let start = Instant::now();
    let mut session = Session::load(path, options)?;
    let load_ms = milliseconds(start);
    let shape = session.plan().input();
    let input: Vec<f32> = (1..=batch as u64).flat_map(|seed| Golden::input(shape, seed)).collect();
    let start = Instant::now();
    session.run(&input)?;
    let first_ms = load_ms + milliseconds(start);
    say(&mut answers, &Loaded { load_ms, first_ms })?;
    for question in questions.lines() {
        let question = question.map_err(protocol)?;
        let count = question.trim().parse::<usize>().map_err(|error| protocol(std::io::Error::other(error)))?;
        let mut ms: Vec<f64> = Vec::with_capacity(count);
        for _ in 0..count {
            let start = Instant::now();
            session.run(&input)?;
            ms.push(milliseconds(start));
        }
        say(&mut answers, &Answer { ms, peak_mb: peak_mb().unwrap_or(0.0) })?;
    }
    Ok(())
}

/// The options of our contestants: the instruction set of `SYQ_ISA`, or the best.
///
/// # Errors
/// An instruction set that the machine lacks.
pub fn options(threads: usize) -> Result<SessionOptions, BenchError> {
    let isa = Isa::from_env().map_err(syq_infer::SessionError::from)?;
    Ok(SessionOptions { threads, isa: Some(isa) })
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

fn protocol(source: std::io::Error) -> BenchError {
    let what = "speak with";
    BenchError::Peer(PeerError::Program { what, program: "the one who asks".into(), source })
}

fn say(out: &mut impl Write, line: &impl serde::Serialize) -> Result<(), BenchError> {
    let mut text = serde_json::to_vec(line).map_err(|error| protocol(error.into()))?;
    text.push(b'\n');
    out.write_all(&text).and_then(|()| out.flush()).map_err(protocol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_speaks_the_protocol() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        std::fs::write(&path, syq_infer::builtin()).unwrap();
        let mut answers = Vec::new();
        let options = SessionOptions { threads: 1, isa: None };
        serve(&path, 2, options, &b"1\n3\n"[..], &mut answers).unwrap();
        let lines: Vec<&str> = std::str::from_utf8(&answers).unwrap().lines().collect();
        let loaded: Loaded = serde_json::from_str(lines[0]).unwrap();
        assert!(loaded.load_ms > 0.0 && loaded.first_ms > loaded.load_ms);
        let counts = lines[1..].iter().map(|line| serde_json::from_str::<Answer>(line).unwrap().ms.len());
        assert_eq!(counts.collect::<Vec<_>>(), [1, 3]);
        let wrong = serve(&path, 1, options, &b"many\n"[..], &mut Vec::new());
        assert!(wrong.unwrap_err().to_string().contains("invalid digit"));
    }
}
