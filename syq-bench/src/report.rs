//! The report: one row a case, as Markdown for people and as JSON for programs.

use crate::case::{Case, Description, FLOAT, Group};
use crate::error::BenchError;
use crate::machine::Machine;
use crate::peak::Peaks;
use crate::time::{Rounds, Timing};
use serde::Serialize;
use std::fmt::Write;

/// The name and version of the JSON form.
pub const SCHEMA: &str = "syq.bench-report/2";

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
    /// Time that the case would take if its kernels' inner loops were all there is, at their measured peak, divided by
    /// the median. `None` where a part is done by no kernel with a peak.
    pub of_peak: Option<f64>,
    /// Median of the float twin in the same run, divided by this one's; above 1 the packed one is
    /// faster. `None` for the twin itself, and without a twin.
    pub float_ratio: Option<f64>,
}

impl Report {
    /// The rows of `cases`, which took `timings`, beside the peaks of their instruction sets.
    ///
    /// # Errors
    /// A peak that cannot be measured.
    pub fn new(
        machine: Machine,
        rounds: Rounds,
        cases: &[Case],
        timings: &[Timing],
        peaks: &mut [Peaks],
    ) -> Result<Self, BenchError> {
        let timed = || cases.iter().map(Case::description).zip(timings);
        let mut rows = Vec::with_capacity(cases.len());
        for (case, timing) in timed() {
            let twin = timed().find(|(other, _)| other.scheme == FLOAT && other.is_twin(case));
            let peaks = peaks.iter_mut().find(|peaks| peaks.isa().name() == case.isa);
            let ideal = peaks.map(|peaks| ideal(case, peaks)).transpose()?.flatten();
            rows.push(Row {
                case: case.clone(),
                median_us: timing.median * 1e6,
                min_us: timing.min * 1e6,
                gmacs: (case.macs * case.batch as u64) as f64 / timing.median / 1e9,
                of_peak: ideal.map(|ideal| ideal / timing.median),
                float_ratio: twin.filter(|_| case.scheme != FLOAT).map(|(_, twin)| twin.median / timing.median),
            });
        }
        Ok(Self { schema: SCHEMA, machine, rounds: rounds.count, rows })
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
        line(format_args!(
            "- median and minimum of {} interleaved rounds; of peak: what the kernels' inner loops alone would take, at the highest speed measured of each",
            self.rounds
        ));
        for group in Group::ALL {
            let mut rows = self.rows.iter().filter(|row| row.case.group == group).peekable();
            if rows.peek().is_none() {
                continue;
            }
            line(format_args!("\n### {}\n", group.title()));
            line(format_args!(
                "| problem | scheme | scales | kernel | instruction set | threads | batch | median µs | min µs | GMAC/s | of peak | float / packed |"
            ));
            line(format_args!("| --- | --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"));
            for Row { case, median_us, min_us, gmacs, of_peak, float_ratio } in rows {
                let Description { kernel, problem, scheme, granularity, isa, threads, batch, .. } = case;
                let ratio = float_ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
                let peak = of_peak.map_or_else(|| "–".to_owned(), |part| format!("{:.0} %", 100.0 * part));
                line(format_args!(
                    "| {problem} | {scheme} | {granularity} | {kernel} | {isa} | {threads} | {batch} | {median_us:.1} | {min_us:.1} | {gmacs:.1} | {peak} | {ratio} |"
                ));
            }
        }
        text
    }
}

/// Seconds that the inner loops of a case take at their peak.
fn ideal(case: &Description, peaks: &mut Peaks) -> Result<Option<f64>, BenchError> {
    let mut seconds = 0.0;
    for part in case.parts.iter().filter(|part| part.macs > 0) {
        let Some(peak) = peaks.of(&part.kernel, part.bits)? else { return Ok(None) };
        seconds += (part.macs * case.batch as u64) as f64 / peak;
    }
    Ok(Some(seconds / case.threads as f64))
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
        let report = Report::new(machine, Rounds::QUICK, &cases, &timings, &mut []).unwrap();
        let markdown = report.markdown();
        assert!(markdown.contains("- commit: unknown\n"), "{markdown}");
        let row = "| conv 3×3 3×3×5 | W1A2 | pixel | popcount_w1_portable | portable | 1 | 1 | 2.0 | 1.0 | 1.0 | – | 3.00 |\n";
        assert!(markdown.contains(row), "{markdown}");
        let row = "| conv 3×3 3×3×5 | float | float | float_portable | portable | 1 | 1 | 6.0 | 1.0 | 0.3 | – | – |\n";
        assert!(markdown.contains(row), "{markdown}");
        assert!(!markdown.contains("### Networks"), "{markdown}");
        let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(json["schema"], SCHEMA);
        assert_eq!(json["rows"].as_array().unwrap().len(), cases.len());
        assert_eq!(json["rows"][0]["macs"], 9 * 25 * 9);
    }
}
