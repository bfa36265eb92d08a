//! The figures of all programs, as JSON and as a Markdown table.

use super::measure::Figures;
use super::programs::Program;
use serde::Serialize;
use std::fmt::Write;
use syq_bench::Machine;

/// What was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema: &'static str,
    machine: Machine,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    program: &'static str,
    #[serde(flatten)]
    figures: Option<Figures>,
    /// Why there are no figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Report {
    pub(super) fn new(machine: Machine) -> Self {
        Self { schema: "syq.footprint/1", machine, rows: Vec::new() }
    }

    pub(super) fn add(&mut self, program: &Program, figures: Result<Figures, String>) {
        let (figures, error) = match figures {
            Ok(figures) => (Some(figures), None),
            Err(error) => (None, Some(error)),
        };
        self.rows.push(Row { program: program.name, figures, error });
    }

    pub(super) fn markdown(&self) -> String {
        let mut text = String::from(
            "| program with | dependencies | added to the program, kB | shared library, kB | build, processor s | lines |\n\
             | --- | ---: | ---: | ---: | ---: | ---: |\n",
        );
        for row in &self.rows {
            // Writing to a string cannot fail.
            let _ = match &row.figures {
                Some(Figures { dependencies, added_bytes, library_bytes, build_cpu_seconds, lines, .. }) => writeln!(
                    text,
                    "| {} | {dependencies} | {} | {} | {} | {lines} |",
                    row.program,
                    added_bytes / 1000,
                    library_bytes / 1000,
                    build_cpu_seconds.map_or_else(|| "–".to_owned(), |seconds| format!("{seconds:.0}"))
                ),
                None => writeln!(text, "| {} | not run: {} | | | | |", row.program, row.error.as_deref().unwrap_or("")),
            };
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::programs::PROGRAMS;
    use super::*;

    #[test]
    fn a_program_that_does_not_build_is_a_row() {
        let figures = Figures {
            dependencies: 3,
            bytes: 900_000,
            added_bytes: 512_900,
            library_bytes: 0,
            build_cpu_seconds: Some(12.4),
            build_seconds: 8.0,
            lines: 9,
        };
        let mut report = Report::new(Machine::detect(crate::repository()));
        report.add(&PROGRAMS[0], Ok(figures));
        report.add(&PROGRAMS[4], Err("cargo failed".into()));
        let table = report.markdown();
        assert!(table.contains("| syq-infer | 3 | 512 | 0 | 12 | 9 |\n"), "{table}");
        assert!(table.contains("| rten | not run: cargo failed | | | | |\n"), "{table}");
    }
}
