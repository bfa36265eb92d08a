//! The report: one row a case, as Markdown for people and as JSON for programs.

use crate::case::{Case, Description, FLOAT, Group};
use crate::machine::Machine;
use crate::time::{Rounds, Timing};
use serde::Serialize;
use std::fmt::Write;

/// The name and version of the JSON form.
pub const SCHEMA: &str = "syq.bench-report/1";

/// Everything that was measured in one run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Where it was measured.
    pub machine: Machine,
    /// Rounds over all cases.
    pub rounds: usize,
    /// The cases.
    pub rows: Vec<Row>,
}

/// One case and its time.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The case.
    #[serde(flatten)]
    pub case: Description,
    /// Median of a run, in microseconds.
    pub median_us: f64,
    /// The fastest round, in microseconds.
    pub min_us: f64,
    /// Effective multiply-accumulates a second, in 10⁹, by the median.
    pub gmacs: f64,
    /// Median of the float twin in the same run, divided by this one's; above 1 the packed one is
    /// faster. `None` for the twin itself, and without a twin.
    pub float_ratio: Option<f64>,
}

impl Report {
    /// The rows of `cases`, which took `timings`.
    pub fn new(machine: Machine, rounds: Rounds, cases: &[Case], timings: &[Timing]) -> Self {
        let timed = || cases.iter().map(Case::description).zip(timings);
        let rows = timed().map(|(case, timing)| {
            let twin = timed().find(|(other, _)| other.scheme == FLOAT && other.is_twin(case));
            Row {
                case: case.clone(),
                median_us: timing.median * 1e6,
                min_us: timing.min * 1e6,
                gmacs: case.macs as f64 / timing.median / 1e9,
                float_ratio: twin.filter(|_| case.scheme != FLOAT).map(|(_, twin)| twin.median / timing.median),
            }
        });
        Self { schema: SCHEMA, machine, rounds: rounds.count, rows: rows.collect() }
    }

    /// The JSON form, ending in a line break.
    ///
    /// # Errors
    /// A figure that JSON does not have: none of a finished measurement.
    pub fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The facts of the machine and a table for each group.
    pub fn markdown(&self) -> String {
        let Machine { cpu, target, cores, isas, load, commit } = &self.machine;
        let mut text = String::new();
        let mut line = |line: std::fmt::Arguments<'_>| {
            // Writing to a `String` does not fail.
            let _ = writeln!(text, "{line}");
        };
        line(format_args!("- CPU: {cpu}, {cores} cores ({target}), kernels for {}", isas.join(", ")));
        line(format_args!("- commit: {}", commit.as_deref().unwrap_or("unknown")));
        if let Some(load) = load {
            line(format_args!("- load average before the measurement: {load}"));
        }
        line(format_args!("- median and minimum of {} interleaved rounds, one image at a time", self.rounds));
        for group in Group::ALL {
            let mut rows = self.rows.iter().filter(|row| row.case.group == group).peekable();
            if rows.peek().is_none() {
                continue;
            }
            line(format_args!("\n### {}\n", group.title()));
            line(format_args!(
                "| problem | scheme | kernel | instruction set | threads | median µs | min µs | GMAC/s | float / packed |"
            ));
            line(format_args!("| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: |"));
            for Row { case, median_us, min_us, gmacs, float_ratio } in rows {
                let Description { kernel, problem, scheme, isa, threads, .. } = case;
                let ratio = float_ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
                line(format_args!(
                    "| {problem} | {scheme} | {kernel} | {isa} | {threads} | {median_us:.1} | {min_us:.1} | {gmacs:.1} | {ratio} |"
                ));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel;
    use syq_infer::Isa;
    use syq_infer::kernels::Kernels;

    #[test]
    fn ratios_stand_beside_packed_kernels_alone() {
        let cases = kernel::cases(&[Kernels::new(Isa::Portable).unwrap()], &[[3, 5]]).unwrap();
        let seconds = |case: &Case| if case.description().scheme == FLOAT { 6e-6 } else { 2e-6 };
        let timings: Vec<Timing> = cases.iter().map(|c| Timing { median: seconds(c), min: 1e-6 }).collect();
        let machine = Machine {
            cpu: "a processor".to_owned(),
            target: "x86_64-linux".to_owned(),
            cores: 2,
            isas: vec!["portable".to_owned()],
            load: None,
            commit: None,
        };
        let report = Report::new(machine, Rounds::QUICK, &cases, &timings);
        let markdown = report.markdown();
        assert!(markdown.contains("- commit: unknown\n"), "{markdown}");
        let row = "| conv 3×3 3×3×5 | W1A2 | popcount_w1_portable | portable | 1 | 2.0 | 1.0 | 1.0 | 3.00 |\n";
        assert!(markdown.contains(row), "{markdown}");
        let row = "| conv 3×3 3×3×5 | float | float_portable | portable | 1 | 6.0 | 1.0 | 0.3 | – |\n";
        assert!(markdown.contains(row), "{markdown}");
        assert!(!markdown.contains("### Networks"), "{markdown}");
        let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(json["schema"], SCHEMA);
        assert_eq!(json["rows"].as_array().unwrap().len(), cases.len());
        assert_eq!(json["rows"][0]["macs"], 9 * 25 * 9);
    }
}
