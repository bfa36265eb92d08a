//! The report as Markdown.

use super::report::{Engine, Measured, Report, Scheme, Setting};
use std::fmt::Write;

/// The whole report.
pub fn markdown(report: &Report) -> String {
    let machine = &report.machine;
    let commit = machine.commit.as_deref().unwrap_or("unknown");
    let load = machine.load.map_or_else(String::new, |load| format!("; load average before it {load:.2}"));
    let mut text = format!(
        "- CPU: {}, {} cores ({}); our kernels with {}\n- commit: {commit}{load}\n",
        machine.cpu, machine.cores, machine.target, report.isa
    );
    for setting in &report.settings {
        write_setting(&mut text, setting);
    }
    text
}

fn write_setting(text: &mut String, setting: &Setting) {
    let job = &setting.job;
    let foreign = setting
        .foreign
        .map_or_else(String::new, |share| format!("; other programs used {:.1} % of the machine", 100.0 * share));
    // A `String` can be written to without an error.
    let _ = write!(
        text,
        "\n{} at {side}×{side}, batch {}, {} threads, {} rounds of {} steps{foreign}:\n\n\
         | loop | images/s | slowest and fastest round | peak memory, MB |\n| --- | ---: | ---: | ---: |\n",
        job.network,
        job.batch,
        job.threads,
        setting.rounds,
        setting.steps,
        side = job.side
    );
    for row in &setting.rows {
        let _ = match &row.measured {
            Measured::Ran(figures) => writeln!(
                text,
                "| {} | {:.0} | {:.0}, {:.0} | {:.0} |",
                row.name, figures.images_per_second, figures.slowest, figures.fastest, figures.peak_mb
            ),
            Measured::NotRun { not_run } => writeln!(text, "| {} | not run: {not_run} | | |", row.name),
        };
    }
    let Some((best, speed)) = setting.best(Engine::PyTorch, Scheme::Float) else { return };
    let _ = write!(text, "\nOver {best} ({speed:.0} images/s):");
    for (place, scheme) in [Scheme::Float, Scheme::W2A2].into_iter().enumerate() {
        let Some(ratio) = setting.ratio(scheme) else { continue };
        let ratio = match setting.mark(scheme) {
            Some(mark) if ratio >= mark => format!("{ratio:.2} (≥ {mark})"),
            Some(mark) => format!("**{ratio:.2}** (< {mark})"),
            None => format!("{ratio:.2}"),
        };
        let _ = write!(text, "{} {} {ratio}", if place == 0 { "" } else { "," }, scheme.name());
    }
    text.push_str(".\n");
}

#[cfg(test)]
mod tests {
    use super::super::report::{Figures, Job, Name, Row};
    use super::*;
    use crate::machine::Machine;

    #[test]
    fn a_report_has_speeds_ratios_and_marks() {
        let row = |engine, scheme, speed: Option<f64>| Row {
            name: Name { engine, scheme, precision: "bf16".to_owned() },
            measured: match speed {
                Some(speed) => Measured::Ran(Figures {
                    images_per_second: speed,
                    slowest: speed - 1.0,
                    fastest: speed + 1.0,
                    peak_mb: 9.0,
                }),
                None => Measured::NotRun { not_run: "no module".to_owned() },
            },
        };
        let job = Job { network: "resnet20".to_owned(), side: 32, batch: 128, threads: 2 };
        let rows = vec![
            row(Engine::PyTorch, Scheme::Float, Some(700.0)),
            row(Engine::PyTorch, Scheme::W2A2, None),
            row(Engine::Syq, Scheme::Float, Some(1190.0)),
            row(Engine::Syq, Scheme::W2A2, Some(980.0)),
        ];
        let mut report = Report::new(Machine::detect(std::path::Path::new("/nowhere")), "avx2");
        report.settings.push(Setting { job, steps: 40, rounds: 9, foreign: Some(0.014), rows });
        let text = markdown(&report);
        for line in [
            "resnet20 at 32×32, batch 128, 2 threads, 9 rounds of 40 steps; other programs used 1.4 % of the machine:",
            "| PyTorch float bf16 | 700 | 699, 701 | 9 |",
            "| PyTorch W2A2 bf16 | not run: no module | | |",
            "Over PyTorch float bf16 (700 images/s): float 1.70 (≥ 1.6), W2A2 **1.40** (< 1.5).",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert_eq!(serde_json::from_str::<Report>(&report.json().unwrap()).unwrap(), report);
    }
}
