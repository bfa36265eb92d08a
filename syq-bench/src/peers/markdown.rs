//! The report as Markdown: ratios beside their marks, times, memory, and what did not run.

use super::contestant::Kind;
use super::marks::{float_mark, mark};
use super::own::{FirstLast, SCHEMES};
use super::report::{Figures, Measured, Report, Row, Setting};
use crate::machine::Machine;
use std::fmt::Write;

/// What stands where nothing was measured.
const NONE: &str = "–";

/// The whole report.
pub fn markdown(report: &Report) -> String {
    let mut text = facts(report);
    let mut groups: Vec<(usize, usize)> = Vec::new();
    for setting in &report.settings {
        if !groups.contains(&(setting.batch, setting.threads)) {
            groups.push((setting.batch, setting.threads));
        }
    }
    groups.sort_unstable();
    for (batch, threads) in groups {
        let settings = report.settings.iter().filter(|s| (s.batch, s.threads) == (batch, threads));
        group(&mut text, batch, threads, &settings.collect::<Vec<_>>());
    }
    text + &not_run(report)
}

fn facts(report: &Report) -> String {
    let Machine { cpu, target, cores, load, commit, .. } = &report.machine;
    let mut text = format!("- CPU: {cpu}, {cores} cores ({target}); our engine with {}\n", report.isa);
    line(&mut text, format_args!("- commit: {}", commit.as_deref().unwrap_or("unknown")));
    if let Some(load) = load {
        line(&mut text, format_args!("- load average before the measurement: {load}"));
    }
    let rounds = report.settings.iter().map(|setting| setting.rounds);
    if let (Some(fewest), Some(most)) = (rounds.clone().min(), rounds.max()) {
        let rounds = if fewest == most { fewest.to_string() } else { format!("{fewest} to {most}") };
        line(&mut text, format_args!("- medians of {rounds} interleaved rounds, random weights"));
    }
    if let Some(foreign) = report.settings.iter().filter_map(|setting| setting.foreign).reduce(f64::max) {
        let percent = 100.0 * foreign;
        line(&mut text, format_args!("- share of the machine that other programs used: at most {percent:.1} %"));
    }
    text
}

fn group(text: &mut String, batch: usize, threads: usize, settings: &[&Setting]) {
    let plural = if threads == 1 { "" } else { "s" };
    line(text, format_args!("\n### Batch {batch}, {threads} thread{plural}"));
    for first_last in FirstLast::ALL {
        let ran = |setting: &&Setting| SCHEMES.iter().any(|s| setting.own(&s.name(), first_last).is_some());
        if !settings.iter().any(ran) {
            continue;
        }
        let name = match first_last {
            FirstLast::EightBit => "8-bit",
            FirstLast::Float => "float",
        };
        let marks = first_last == FirstLast::EightBit && batch == 1;
        for (kind, peers) in [(Kind::Int8, "int8"), (Kind::Float, "float")] {
            let title = format!("The best {peers} peer's time over ours, first and last layer {name}");
            ratios(text, &title, settings, kind, first_last, marks);
        }
    }
    let cells = |figure: fn(&Figures) -> String| move |row: &Row| row.figures().map(figure);
    let title = format!("Milliseconds a run of {batch} (10⁹ multiply-accumulates a second)");
    table(text, &title, settings, cells(|f| format!("{:.2} ({:.0})", f.median_ms, f.gmacs)));
    table(text, "Milliseconds from model file to ready session", settings, cells(|f| format!("{:.1}", f.load_ms)));
    table(text, "Peak memory of the process, MB", settings, cells(|f| format!("{:.0}", f.peak_mb)));
    table(text, "Model file, MB", settings, cells(|f| format!("{:.2}", f.file_mb)));
}

/// A row a network, a column a scheme.
fn ratios(text: &mut String, title: &str, settings: &[&Setting], kind: Kind, first_last: FirstLast, marks: bool) {
    line(text, format_args!("\n{title}:\n"));
    let schemes = SCHEMES.map(|scheme| scheme.name());
    line(text, format_args!("| network | best peer | {} |", schemes.join(" | ")));
    line(text, format_args!("| --- | --- |{}", " --- |".repeat(schemes.len())));
    for setting in settings {
        let best = setting.best(kind).and_then(|row| Some((row, row.median_ms()?)));
        let best = best.map_or_else(|| NONE.to_owned(), |(row, ms)| format!("{} {ms:.2} ms", row.name));
        let cells = schemes.iter().enumerate().map(|(index, scheme)| {
            let wanted = match kind {
                Kind::Float => float_mark(&setting.network, scheme).filter(|_| setting.threads == 1),
                _ => mark(&setting.network, setting.threads, index),
            };
            cell(setting.ratio(kind, scheme, first_last), wanted.filter(|_| marks))
        });
        let cells: Vec<String> = cells.collect();
        line(text, format_args!("| {} | {best} | {} |", setting.network, cells.join(" | ")));
    }
}

/// A ratio and its mark.
fn cell(ratio: Option<f64>, mark: Option<f64>) -> String {
    match (ratio, mark) {
        (None, _) => NONE.to_owned(),
        (Some(ratio), None) => format!("{ratio:.2}"),
        (Some(ratio), Some(mark)) if ratio >= mark => format!("{ratio:.2} (≥ {mark})"),
        (Some(ratio), Some(mark)) => format!("**{ratio:.2}** (< {mark})"),
    }
}

/// A row a contestant, a column a network.
fn table(text: &mut String, title: &str, settings: &[&Setting], figure: impl Fn(&Row) -> Option<String>) {
    line(text, format_args!("\n{title}:\n"));
    let networks: Vec<&str> = settings.iter().map(|setting| setting.network.as_str()).collect();
    line(text, format_args!("| engine | {} |", networks.join(" | ")));
    line(text, format_args!("| --- |{}", " ---: |".repeat(networks.len())));
    let mut names = Vec::new();
    for row in settings.iter().flat_map(|setting| &setting.rows) {
        if !names.contains(&&row.name) {
            names.push(&row.name);
        }
    }
    for name in names {
        let cells = settings.iter().map(|setting| {
            let row = setting.rows.iter().find(|row| row.name == *name);
            row.and_then(&figure).unwrap_or_else(|| NONE.to_owned())
        });
        let cells: Vec<String> = cells.collect();
        line(text, format_args!("| {name} | {} |", cells.join(" | ")));
    }
}

fn not_run(report: &Report) -> String {
    let mut text = String::new();
    for setting in &report.settings {
        for row in &setting.rows {
            if let Measured::NotRun { not_run } = &row.measured {
                let Setting { network, batch, threads, .. } = setting;
                let reason = not_run.replace('\n', " ");
                line(&mut text, format_args!("- {}, {network}, batch {batch}, {threads} threads: {reason}", row.name));
            }
        }
    }
    if text.is_empty() { text } else { format!("\n### Not run\n\n{text}") }
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a `String` does not fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::super::report::sample::report;
    use super::*;

    #[test]
    fn ratios_stand_beside_their_marks() {
        let text = markdown(&report());
        let lines = [
            "- CPU: a processor, 2 cores (x86_64-linux); our engine with avx2",
            "- share of the machine that other programs used: at most 1.2 %",
            "### Batch 1, 1 thread",
            "| resnet18 | openvino int8 20.00 ms | 4.00 (≥ 3.2) | – | **1.25** (< 1.85) | – | – | – | – |",
            "| resnet18 | openvino f32 60.00 ms | 12.00 | – | **3.75** (< 6) | – | – | – | – |",
            "| syq W1A1, first and last layer 8bit | 5.00 (363) |",
            "| litert int8 | – |",
            "- litert int8, resnet18, batch 1, 1 threads: cannot start | it",
        ];
        for wanted in lines {
            assert!(text.lines().any(|line| line == wanted), "{wanted}\n{text}");
        }
        assert!(!text.contains("first and last layer float"), "{text}");
    }

    #[test]
    fn marks_are_for_batch_1_alone() {
        let mut report = report();
        report.settings[0].batch = 8;
        let text = markdown(&report);
        assert!(text.contains("| 4.00 | – | 1.25 |") && !text.contains('≥'), "{text}");
    }
}
