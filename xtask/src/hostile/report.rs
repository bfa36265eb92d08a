//! The table: each case's files, the worst of them, and whether all came out as they have to.

use super::case::{Case, Expected, Reader};
use super::worker::Answer;
use serde::Serialize;
use std::io::{self, Write};

/// Milliseconds that the answer to a crafted file may take.
pub(super) const LIMIT_MS: f64 = 1000.0;
/// Memory that it may take, in 10⁶ bytes.
pub(super) const LIMIT_MB: f64 = 64.0;

/// Everything that a run found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) cases: usize,
    pub(super) files: usize,
    pub(super) failed: usize,
    /// The worst of the cases that are held to the limits.
    pub(super) worst_ms: f64,
    pub(super) worst_mb: f64,
    pub(super) rows: Vec<Row>,
}

/// One case.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) wrong: &'static str,
    reader: Reader,
    pub(super) files: usize,
    /// Bytes of the largest file.
    bytes: u64,
    /// The different outcomes: variants of errors, or `valid`.
    pub(super) outcomes: Vec<String>,
    /// What the first file, or the first that failed, gave.
    pub(super) message: String,
    pub(super) ms: f64,
    pub(super) peak_mb: f64,
    /// Whether time and memory are held to the limits.
    pub(super) judged: bool,
    /// What is wrong with the outcome, and of which file; none if it is as it has to be.
    pub(super) fault: Option<String>,
}

impl Row {
    /// The row of a case whose files gave these answers, or the reason why there is none.
    pub(super) fn new(case: &Case, answers: &[Result<Answer, String>]) -> Self {
        let mut row = Self {
            name: case.name,
            wrong: case.wrong,
            reader: case.reader,
            files: case.files.len(),
            bytes: case.files.iter().map(|file| file.len()).max().unwrap_or(0),
            outcomes: Vec::new(),
            message: String::new(),
            ms: 0.0,
            peak_mb: 0.0,
            judged: !matches!(case.expected, Expected::Large),
            fault: None,
        };
        for (index, answer) in answers.iter().enumerate() {
            let (outcome, message, fault) = match answer {
                Ok(answer) => {
                    row.ms = row.ms.max(answer.ms);
                    row.peak_mb = row.peak_mb.max(answer.peak_mb.unwrap_or(0.0));
                    let outcome = answer.error.clone().unwrap_or_else(|| "valid".to_owned());
                    (outcome, answer.message.clone(), fault(case.expected, answer))
                }
                Err(reason) => ("none".to_owned(), reason.clone(), Some("no answer".to_owned())),
            };
            if index == 0 || row.fault.is_none() && fault.is_some() {
                row.message = message.chars().take(200).collect();
            }
            row.fault = row.fault.or_else(|| fault.map(|fault| format!("{}: {fault}", case.file(index))));
            if !row.outcomes.contains(&outcome) {
                row.outcomes.push(outcome);
            }
        }
        row
    }
}

/// What is wrong with an answer.
pub(super) fn fault(expected: Expected, answer: &Answer) -> Option<String> {
    let told = format!("{}: {}", answer.error.as_deref().unwrap_or("valid"), answer.message);
    let wanted = match (expected, &answer.error) {
        (Expected::Error(any), Some(_)) => any.iter().any(|part| told.contains(part)),
        (Expected::Error(_), None) | (Expected::Valid, Some(_)) => false,
        (Expected::Valid, None) | (Expected::Large | Expected::Either, _) => true,
    };
    let peak = answer.peak_mb.unwrap_or(0.0);
    if !wanted {
        Some("another outcome than expected".to_owned())
    } else if matches!(expected, Expected::Large) {
        None
    } else if answer.ms > LIMIT_MS {
        Some(format!("{:.0} ms", answer.ms))
    } else if peak > LIMIT_MB {
        Some(format!("{peak:.0} MB"))
    } else {
        None
    }
}

impl Report {
    pub(super) fn new(rows: Vec<Row>) -> Self {
        let worst = |of: fn(&Row) -> f64| rows.iter().filter(|row| row.judged).map(of).fold(0.0, f64::max);
        Self {
            cases: rows.len(),
            files: rows.iter().map(|row| row.files).sum(),
            failed: rows.iter().filter(|row| row.fault.is_some()).count(),
            worst_ms: worst(|row| row.ms),
            worst_mb: worst(|row| row.peak_mb),
            rows,
        }
    }

    pub(super) fn table(&self, mut out: impl Write) -> io::Result<()> {
        writeln!(out, "{:<22} {:>5} {:>10} {:>7} {:>7}  verdict", "case", "files", "bytes", "ms", "MB")?;
        for row in &self.rows {
            let verdict = match (&row.fault, row.judged) {
                (Some(fault), _) => format!("FAILED {fault}"),
                (None, true) => "ok".to_owned(),
                (None, false) => "not judged".to_owned(),
            };
            let (name, files, bytes) = (row.name, row.files, row.bytes);
            writeln!(out, "{name:<22} {files:>5} {bytes:>10} {:>7.1} {:>7.1}  {verdict}", row.ms, row.peak_mb)?;
            writeln!(out, "    {}", row.wrong)?;
            writeln!(out, "    {}: {}", row.outcomes.join(", "), row.message.replace('\n', " "))?;
        }
        let Self { cases, files, failed, worst_ms, worst_mb, .. } = self;
        writeln!(out, "{cases} cases, {files} files, {failed} cases failed; worst {worst_ms:.0} ms, {worst_mb:.1} MB")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_judged_by_outcome_time_and_memory() {
        let answer = |error: Option<&str>, ms: f64, mb: f64| Answer {
            error: error.map(str::to_owned),
            message: "text".to_owned(),
            ms,
            peak_mb: Some(mb),
        };
        let (error, offsets) = (Expected::Error(&["Format/Offsets"]), Some("Format/Offsets"));
        assert_eq!(fault(error, &answer(offsets, 999.0, 63.0)), None);
        assert_eq!(fault(error, &answer(offsets, 1001.0, 63.0)).as_deref(), Some("1001 ms"));
        assert_eq!(fault(error, &answer(offsets, 1.0, 65.0)).as_deref(), Some("65 MB"));
        assert!(fault(error, &answer(None, 1.0, 1.0)).is_some());
        assert!(fault(error, &answer(Some("Io"), 1.0, 1.0)).is_some());
        assert!(fault(Expected::Valid, &answer(offsets, 1.0, 1.0)).is_some());
        assert_eq!(fault(Expected::Valid, &answer(None, 1.0, 1.0)), None);
        assert_eq!(fault(Expected::Large, &answer(None, 5000.0, 500.0)), None);
    }
}
