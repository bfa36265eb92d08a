//! A worker process and how one speaks with it.
//!
//! When it has loaded its model and run it once it prints one JSON line, [`Loaded`]. Then it answers
//! each line with a number n on its standard input with one JSON line, [`Answer`]: the times of n runs.
//! It ends when its standard input does. Lines that do not begin with a brace are not of the protocol;
//! libraries print what they like.

use super::error::PeerError;
use super::turns::Runner;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What a worker says first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loaded {
    /// From the model file to a session that can run, in milliseconds.
    pub load_ms: f64,
    /// From the model file to the end of the first run.
    pub first_ms: f64,
}

/// What a worker answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The time of each run in milliseconds.
    pub ms: Vec<f64>,
    /// Most memory of the process so far, in 10⁶ bytes.
    pub peak_mb: f64,
}

/// A worker that has loaded its model.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// `None` when the worker is to end.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    log: File,
    program: PathBuf,
    loaded: Loaded,
    peak_mb: f64,
}

impl Process {
    /// Starts a worker and waits until it has loaded its model.
    ///
    /// # Errors
    /// A program that cannot be started, or that ends; then its last words.
    pub fn start(command: &mut Command) -> Result<Self, PeerError> {
        let program = PathBuf::from(command.get_program());
        let fail = |source| PeerError::Program { what: "start", program: program.clone(), source };
        let log = tempfile::tempfile().map_err(fail)?;
        let errors = log.try_clone().map_err(fail)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().map_err(fail)?;
        let missing = || fail(std::io::ErrorKind::BrokenPipe.into());
        let input = Some(child.stdin.take().ok_or_else(missing)?);
        let output = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        let loaded = Loaded { load_ms: 0.0, first_ms: 0.0 };
        let mut process = Self { child, input, output, log, program: program.clone(), loaded, peak_mb: 0.0 };
        process.loaded = process.read(0)?;
        Ok(process)
    }

    /// The worker's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What loading took.
    pub const fn loaded(&self) -> Loaded {
        self.loaded
    }

    /// Most memory of the process so far, in 10⁶ bytes.
    pub const fn peak_mb(&self) -> f64 {
        self.peak_mb
    }

    fn read<T: for<'a> Deserialize<'a>>(&mut self, asked: usize) -> Result<T, PeerError> {
        let mut line = String::new();
        loop {
            line.clear();
            let fail = |source| PeerError::Program { what: "read from", program: self.program.clone(), source };
            if self.output.read_line(&mut line).map_err(fail)? == 0 {
                return Err(PeerError::Ended { log: self.last_words() });
            }
            if line.starts_with('{') {
                let answer = || PeerError::Answer { asked, answer: line.trim_end().to_owned() };
                return serde_json::from_str(&line).map_err(|_| answer());
            }
        }
    }

    /// The last lines of its standard error.
    fn last_words(&mut self) -> String {
        let mut bytes = Vec::new();
        let read = self.log.seek(SeekFrom::Start(0)).and_then(|_| self.log.read_to_end(&mut bytes));
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        match (read, lines.as_slice()) {
            (Ok(_), [.., last]) => lines[lines.len().saturating_sub(2)..lines.len() - 1]
                .iter()
                .chain([last])
                .copied()
                .collect::<Vec<_>>()
                .join(" | "),
            _ => format!("{} ended without a word", self.program.display()),
        }
    }
}

impl Runner for Process {
    fn run(&mut self, count: usize) -> Result<Vec<f64>, PeerError> {
        let fail = |source| PeerError::Program { what: "write to", program: self.program.clone(), source };
        if let Some(input) = &mut self.input {
            // A worker that ended says why when it is read from.
            match writeln!(input, "{count}").and_then(|()| input.flush()) {
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(fail(error)),
                _ => {}
            }
        }
        let Answer { ms, peak_mb } = self.read(count)?;
        self.peak_mb = peak_mb;
        if ms.len() != count || ms.iter().any(|ms| !ms.is_finite() || *ms < 0.0) {
            return Err(PeerError::Answer { asked: count, answer: format!("{ms:?}") });
        }
        Ok(ms)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The end of its input ends the worker; one that does not end is not waited for.
        self.input = None;
        for _ in 0..200 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn start(script: &str) -> Result<Process, PeerError> {
        Process::start(Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn a_worker_is_asked_and_answers() {
        let script = r#"echo hello; echo '{"load_ms": 2.5, "first_ms": 4, "more": 1}'
            while read n; do echo "{\"ms\": [1, $n], \"peak_mb\": 7}"; done"#;
        let mut process = start(script).unwrap();
        assert_eq!(process.loaded(), Loaded { load_ms: 2.5, first_ms: 4.0 });
        assert_eq!(process.run(2).unwrap(), [1.0, 2.0]);
        assert_eq!(process.peak_mb(), 7.0);
        let error = process.run(3).unwrap_err().to_string();
        assert!(error.contains("asked for 3 runs"), "{error}");
    }

    #[test]
    fn a_worker_that_ends_leaves_its_last_words() {
        let error = start("echo first >&2; echo; echo 'no such model' >&2; exit 1").unwrap_err();
        assert_eq!(error.to_string(), "first | no such model");
        let mut later = start(r#"echo '{"load_ms": 1, "first_ms": 1}'; read n; echo gone >&2"#).unwrap();
        assert_eq!(later.run(1).unwrap_err().to_string(), "gone");
        assert!(start("true").unwrap_err().to_string().contains("without a word"));
        let missing = Process::start(&mut Command::new("/nonexistent/worker")).unwrap_err();
        assert!(missing.to_string().contains("cannot start /nonexistent/worker"), "{missing}");
    }
}
