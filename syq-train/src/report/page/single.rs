//! The page of one run.

use super::super::summary::{PartSummary, duration, of_part};
use super::super::svg::{Chart, Floor, Series, Size, chart, escape};
use super::super::{LayerSource, RunReport, Summary};
use super::{Html, describe, layers};
use crate::metrics::{Part, Row};

/// The parts of the data with their colours, in the order of the legend.
pub(super) const PARTS: [(Part, &str, &str); 3] =
    [(Part::Train, "train", "c1"), (Part::Validation, "held out", "c2"), (Part::Test, "test", "c3")];

/// Writes the page's body and tells its title.
pub(super) fn write(html: &mut Html, run: &RunReport) -> String {
    let summary = Summary::new(run);
    let title = describe(&summary);
    html.raw(format_args!("<header><h1>{}</h1>", escape(&title)));
    let data = run.settings.get("data.train").map_or(String::new(), |data| format!(", trained on {data}"));
    html.raw(format_args!("<p class=\"sub\">run {}{}</p></header>", escape(&run.name), escape(&data)));
    tiles(html, &summary);
    if !summary.recipe.is_empty() {
        html.raw(format_args!("<p class=\"lead\">{}</p>", escape(&summary.recipe)));
    }
    notes(html, run);
    curves(html, run);
    layers::write(html, run);
    numbers(html, run);
    configuration(html, run);
    title
}

fn tile(html: &mut Html, value: &str, what: &str, more: &str) {
    html.raw(format_args!(
        "<div class=\"tile\"><span>{}</span><b>{}</b><span>{}</span></div>",
        escape(what),
        escape(value),
        escape(more)
    ));
}

fn tiles(html: &mut Html, summary: &Summary) {
    html.raw(format_args!("<div class=\"tiles\">"));
    let percent = |value: f64| format!("{value:.2} %");
    for (part, measured) in [("test", summary.test), ("held out", summary.validation), ("train", summary.train)] {
        let Some(PartSummary { best, last }) = measured else { continue };
        let more = if best.epoch < last.epoch && best.top1 > last.top1 {
            format!("best {} after epoch {}", percent(best.top1), best.epoch)
        } else {
            format!("top-5 {}", percent(last.top5))
        };
        tile(html, &percent(last.top1), &format!("top-1, {part}"), &more);
    }
    let of = match summary.epochs {
        Some(epochs) if epochs > summary.epochs_done => format!("of {epochs}: not finished"),
        _ => summary.seed.map_or(String::new(), |seed| format!("seed {seed}")),
    };
    tile(html, &format!("{}", summary.epochs_done), "epochs", &of);
    let speed = summary.images_per_second.map_or(String::new(), |speed| format!("{speed:.0} images/s"));
    tile(html, &duration(summary.seconds), "time", &speed);
    if let Some(zero) = summary.zero_share.filter(|zero| *zero > 0.0) {
        tile(html, &format!("{:.1} %", 100.0 * zero), "zeros", "of the quantized weights");
    }
    html.raw(format_args!("</div>"));
}

fn notes(html: &mut Html, run: &RunReport) {
    for note in &run.notes {
        html.raw(format_args!("<p class=\"lead\">{}</p>", escape(note)));
    }
}

/// A column of the metrics over the epochs.
pub(super) fn points(rows: &[Row], part: Part, column: fn(&Row) -> f64) -> Vec<[f64; 2]> {
    let mut points: Vec<[f64; 2]> = of_part(rows, part).map(|row| [row.epoch, column(row)]).collect();
    // An earlier checkpoint may have been measured later.
    points.sort_by(|a, b| a[0].total_cmp(&b[0]));
    points
}

fn parts(rows: &[Row], column: fn(&Row) -> f64) -> Vec<Series> {
    let series = |(part, label, colour): (Part, &str, &'static str)| Series {
        label: label.to_owned(),
        colour,
        stroke: if part == Part::Test { "marks" } else { "line" },
        points: points(rows, part, column),
    };
    PARTS.map(series).into_iter().filter(|series| !series.points.is_empty()).collect()
}

pub(super) fn large(title: &str, unit: &str, floor: Floor, series: &[Series]) -> String {
    chart(&Chart { title, note: "", unit, floor, size: Size::Large, top: None, series })
}

fn curves(html: &mut Html, run: &RunReport) {
    let rows = &run.rows;
    html.heading(
        "Course of the training",
        "Training images are augmented, and measured while the weights change; held-out and test images are run \
         through the exported model in the inference engine.",
    );
    html.raw(format_args!("<div class=\"charts\">"));
    html.figure("Top-1 accuracy", "per cent", &large("top-1 accuracy", " %", Floor::Fit, &parts(rows, |row| row.top1)));
    html.figure("Loss", "mean of the images", &large("loss", "", Floor::Zero, &parts(rows, |row| row.loss)));
    let one = |label: &str, points| vec![Series { label: label.to_owned(), colour: "c4", stroke: "line", points }];
    let rate = one("rate", points(rows, Part::Train, |row| row.lr));
    html.figure("Learning rate", "at the end of each epoch", &large("learning rate", "", Floor::Rate, &rate));
    let zeros: Vec<[f64; 2]> = run.zero_shares().into_iter().map(|(epoch, share)| [epoch, 100.0 * share]).collect();
    if zeros.iter().any(|[_, share]| *share > 0.0) {
        let mut zeros = one("zeros", zeros);
        let mut unit = "per cent of the quantized weights";
        if run.layer_source == LayerSource::Checkpoints {
            zeros.iter_mut().for_each(|series| series.stroke = "dashed");
            unit = "per cent of the quantized weights, from the checkpoints at both ends";
        }
        html.figure("Zeros", unit, &large("zeros", " %", Floor::Fit, &zeros));
    } else {
        let speed = one("speed", points(rows, Part::Train, |row| row.images_per_second));
        html.figure(
            "Speed",
            "images a second since the run was started or resumed",
            &large("speed", " images/s", Floor::Zero, &speed),
        );
    }
    html.raw(format_args!("</div>"));
    html.end_section();
}

fn numbers(html: &mut Html, run: &RunReport) {
    html.heading("Numbers", "");
    html.details("Every epoch", |html| {
        let head = ["epoch", "images", "loss", "top-1", "top-5", "learning rate", "images/s", "seconds"];
        let mut table = vec![head.map(str::to_owned).to_vec()];
        for row in &run.rows {
            let name = PARTS.iter().find(|(part, ..)| *part == row.split).map_or("", |(_, name, _)| name);
            let rate = if row.split == Part::Train { format!("{:.3e}", row.lr) } else { String::new() };
            table.push(vec![
                format!("{}", row.epoch),
                name.to_owned(),
                format!("{:.4}", row.loss),
                format!("{:.2} %", row.top1),
                format!("{:.2} %", row.top5),
                rate,
                format!("{:.0}", row.images_per_second),
                format!("{:.0}", row.seconds),
            ]);
        }
        html.table(&table, 2);
    });
    layers::table(html, run);
    html.end_section();
}

fn configuration(html: &mut Html, run: &RunReport) {
    html.heading("Configuration", "");
    html.raw(format_args!("<pre>{}</pre>", escape(&run.command)));
    html.details("Every key", |html| {
        let rows = run.settings.iter().map(|(key, value)| vec![key.to_owned(), value.to_owned()]);
        let head = vec!["key".to_owned(), "value".to_owned()];
        html.table(&std::iter::once(head).chain(rows).collect::<Vec<_>>(), 2);
    });
    html.end_section();
}
