//! The page of several runs beside each other.

use super::super::summary::columns;
use super::super::svg::{Floor, Series, escape};
use super::super::{LayerSource, RunReport, Summary};
use super::single::{large, points};
use super::{COLOURS, Html};
use crate::metrics::{Part, Row};
use std::collections::BTreeSet;

/// Writes the page's body and tells its title.
pub(super) fn write(html: &mut Html, runs: &[RunReport]) -> String {
    let title = format!("{} runs compared", runs.len());
    html.raw(format_args!("<header><h1>{title}</h1></header>"));
    let summaries: Vec<Summary> = runs.iter().map(Summary::new).collect();
    let names = names(runs);
    overview(html, &summaries, &names);
    curves(html, runs, &names);
    differences(html, runs, &names);
    html.heading("Commands", "");
    for (run, name) in runs.iter().zip(&names) {
        html.raw(format_args!("<p>{}</p><pre>{}</pre>", escape(name), escape(&run.command)));
    }
    html.end_section();
    title
}

/// Each run's name; its folder, where two have the same.
fn names(runs: &[RunReport]) -> Vec<String> {
    let alone = |name: &str| runs.iter().filter(|run| run.name == name).count() == 1;
    runs.iter().map(|run| if alone(&run.name) { run.name.clone() } else { run.folder.display().to_string() }).collect()
}

fn colour(index: usize) -> &'static str {
    COLOURS[index % COLOURS.len()]
}

/// Runs beyond the number of colours have a dashed line.
fn stroke(index: usize) -> &'static str {
    if index < COLOURS.len() { "line" } else { "dashed" }
}

fn overview(html: &mut Html, summaries: &[Summary], names: &[String]) {
    html.heading("Results", "Top-1 accuracies; held-out and test images are run through the exported model.");
    html.raw(format_args!("<div class=\"scroll\"><table>"));
    for (index, (summary, name)) in summaries.iter().zip(names).enumerate() {
        let columns = columns(summary);
        if index == 0 {
            let heads = columns.iter().enumerate().map(|(column, (head, _))| {
                let class = if column > 3 { " class=\"number\"" } else { "" };
                format!("<th{class}>{head}</th>")
            });
            html.raw(format_args!("<tr>{}</tr>", heads.collect::<String>()));
        }
        let cells = columns.iter().enumerate().skip(1).map(|(column, (_, text))| {
            let class = if column > 3 { " class=\"number\"" } else { "" };
            format!("<td{class}>{}</td>", escape(text))
        });
        html.raw(format_args!(
            "<tr><td class=\"{}\"><span class=\"key\"></span>{}<span class=\"recipe\">{}</span></td>{}</tr>",
            colour(index),
            escape(name),
            escape(&summary.recipe),
            cells.collect::<String>()
        ));
    }
    html.raw(format_args!("</table></div>"));
    html.end_section();
}

fn series(runs: &[RunReport], names: &[String], points: impl Fn(&RunReport) -> Vec<[f64; 2]>) -> Vec<Series> {
    let all = runs.iter().zip(names).enumerate().map(|(index, (run, name))| Series {
        label: name.clone(),
        colour: colour(index),
        stroke: stroke(index),
        points: points(run),
    });
    all.filter(|series| !series.points.is_empty()).collect()
}

fn curves(html: &mut Html, runs: &[RunReport], names: &[String]) {
    html.heading("Course of the training", "");
    html.raw(format_args!("<div class=\"charts\">"));
    let of = |part: Part, column: fn(&Row) -> f64| series(runs, names, |run| points(&run.rows, part, column));
    let top1: fn(&Row) -> f64 = |row| row.top1;
    for (title, series) in [
        ("Top-1 accuracy, test", of(Part::Test, top1)),
        ("Top-1 accuracy, held out", of(Part::Validation, top1)),
        ("Top-1 accuracy, train", of(Part::Train, top1)),
    ] {
        if !series.is_empty() {
            html.figure(title, "per cent", &large(title, " %", Floor::Fit, &series));
        }
    }
    for (title, part) in [("Loss, held out", Part::Validation), ("Loss, train", Part::Train)] {
        let series = of(part, |row| row.loss);
        if !series.is_empty() {
            html.figure(title, "mean of the images", &large(title, "", Floor::Zero, &series));
        }
    }
    let rate = of(Part::Train, |row| row.lr);
    html.figure("Learning rate", "at the end of each epoch", &large("learning rate", "", Floor::Rate, &rate));
    let share = |run: &RunReport| run.zero_shares().into_iter().map(|(epoch, share)| [epoch, 100.0 * share]).collect();
    let zeros = series(runs, names, share);
    if zeros.iter().flat_map(|series| &series.points).any(|[_, share]| *share > 0.0) {
        let ends = runs.iter().any(|run| run.layer_source == LayerSource::Checkpoints);
        let unit = "per cent of the quantized weights";
        let unit = if ends { format!("{unit}; only the ends of some runs are known") } else { unit.to_owned() };
        html.figure("Zeros", &unit, &large("zeros", " %", Floor::Zero, &zeros));
    }
    html.raw(format_args!("</div>"));
    html.end_section();
}

/// The keys of the configurations that are not the same in all runs.
fn differences(html: &mut Html, runs: &[RunReport], names: &[String]) {
    let keys: BTreeSet<&str> = runs.iter().flat_map(|run| run.settings.iter().map(|(key, _)| key)).collect();
    let value = |run: &RunReport, key: &str| run.settings.get(key).unwrap_or("–").to_owned();
    let mut table = vec![std::iter::once("key".to_owned()).chain(names.iter().cloned()).collect::<Vec<_>>()];
    for key in keys {
        let values: Vec<String> = runs.iter().map(|run| value(run, key)).collect();
        if values.windows(2).any(|pair| pair[0] != pair[1]) {
            table.push(std::iter::once(key.to_owned()).chain(values).collect());
        }
    }
    let same = "The configurations are the same.";
    html.heading(
        "What differs",
        if table.len() == 1 { same } else { "Keys of the configurations that are not the same in all runs." },
    );
    if table.len() > 1 {
        html.table(&table, table.iter().map(Vec::len).max().unwrap_or(0));
    }
    html.end_section();
}
