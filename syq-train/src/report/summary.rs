//! A run in a few numbers, for the page's head, for a terminal and for programs.

use super::RunReport;
use crate::metrics::{Part, Row};
use serde::Serialize;

/// An accuracy and when it was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Accuracy {
    /// Top-1 accuracy in per cent.
    pub top1: f64,
    /// Top-5 accuracy in per cent.
    pub top5: f64,
    /// Mean loss.
    pub loss: f64,
    /// Epochs done then.
    pub epoch: f64,
}

/// The best and the last accuracy on some images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PartSummary {
    /// The highest top-1; the first of equals.
    pub best: Accuracy,
    /// The last.
    pub last: Accuracy,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The run's name.
    pub name: String,
    /// Its folder.
    pub folder: String,
    /// Network, as the configuration calls it.
    pub network: Option<String>,
    /// "W2A2" and the like, or "float".
    pub bits: Option<String>,
    /// Granularity of the scales; none of a float network.
    pub granularity: Option<String>,
    /// How it was trained, in a few words.
    pub recipe: String,
    /// Seed.
    pub seed: Option<u64>,
    /// Epochs done.
    pub epochs_done: f64,
    /// Epochs of the configuration.
    pub epochs: Option<f64>,
    /// On the training images, augmented, while the weights changed.
    pub train: Option<PartSummary>,
    /// On the held-out images.
    pub validation: Option<PartSummary>,
    /// On the test images.
    pub test: Option<PartSummary>,
    /// Share of zeros among all quantized weights at the end, in [0, 1].
    pub zero_share: Option<f64>,
    /// Seconds that the epochs took, measuring included.
    pub seconds: f64,
    /// Training images a second: the median of the epochs.
    pub images_per_second: Option<f64>,
    /// The command that made the run.
    pub command: String,
}

impl Summary {
    /// The summary of a run.
    pub fn new(run: &RunReport) -> Self {
        let settings = &run.settings;
        let of = |key: &str| settings.get(key).map(str::to_owned);
        let granularity =
            if settings.get("network.weights") == Some("float") { None } else { of("network.granularity") };
        Self {
            name: run.name.clone(),
            folder: run.folder.display().to_string(),
            network: of("network.name"),
            bits: settings.bits(),
            granularity,
            recipe: settings.recipe(),
            seed: settings.get("train.seed").and_then(|seed| seed.parse().ok()),
            epochs_done: run.rows.iter().map(|row| row.epoch).fold(0.0, f64::max),
            epochs: settings.number("train.epochs"),
            train: part(&run.rows, Part::Train),
            validation: part(&run.rows, Part::Validation),
            test: part(&run.rows, Part::Test),
            zero_share: run.zero_shares().last().map(|(_, share)| *share),
            seconds: seconds(&run.rows),
            images_per_second: median(of_part(&run.rows, Part::Train).map(|row| row.images_per_second).collect()),
            command: run.command.clone(),
        }
    }

    /// The accuracy that a run is known by: on test images, else on held-out ones, else on those of training.
    pub fn headline(&self) -> Option<(Part, PartSummary)> {
        let parts = [(Part::Test, self.test), (Part::Validation, self.validation), (Part::Train, self.train)];
        parts.into_iter().find_map(|(part, summary)| Some((part, summary?)))
    }
}

impl RunReport {
    /// Epoch and share of zeros among all weights that have codes, in [0, 1].
    pub(super) fn zero_shares(&self) -> Vec<(f64, f64)> {
        let sizes = |layer: &str| {
            let snapshot = self.after.as_ref().or(self.before.as_ref())?;
            let found = snapshot.layers.iter().find(|found| found.layer == layer)?;
            Some(found.shape.iter().map(|side| *side as f64).product::<f64>())
        };
        let mut shares = Vec::new();
        for rows in self.layers.chunk_by(|a, b| a.step == b.step) {
            let (mut weights, mut zeros) = (0.0, 0.0);
            for layer in rows.chunk_by(|a, b| a.layer == b.layer) {
                let Some(size) = layer.first().and_then(|row| sizes(&row.layer)) else { continue };
                // Subgroups of a layer have as many weights each.
                for coded in layer.iter().filter_map(|row| row.coded) {
                    weights += size / layer.len() as f64;
                    zeros += coded.shares[1] * size / layer.len() as f64;
                }
            }
            if let (Some(first), true) = (rows.first(), weights > 0.0) {
                shares.push((first.epoch, zeros / weights));
            }
        }
        shares
    }
}

/// The rows of some images.
pub(super) fn of_part(rows: &[Row], part: Part) -> impl Iterator<Item = &Row> {
    rows.iter().filter(move |row| row.split == part)
}

fn part(rows: &[Row], part: Part) -> Option<PartSummary> {
    let accuracy = |row: &Row| Accuracy { top1: row.top1, top5: row.top5, loss: row.loss, epoch: row.epoch };
    let best = of_part(rows, part).reduce(|best, row| if row.top1 > best.top1 { row } else { best })?;
    // An earlier checkpoint may have been measured later.
    let last = of_part(rows, part).max_by_key(|row| row.step)?;
    Some(PartSummary { best: accuracy(best), last: accuracy(last) })
}

/// The clock of a run begins anew when it is resumed, so its pieces are added up. What a test took is no part of it.
fn seconds(rows: &[Row]) -> f64 {
    let (mut total, mut last) = (0.0, 0.0);
    for row in rows.iter().filter(|row| row.split != Part::Test) {
        if row.seconds < last {
            total += last;
        }
        last = row.seconds;
    }
    total + last
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Hours, minutes and seconds in words.
pub(super) fn duration(seconds: f64) -> String {
    let seconds = seconds.clamp(0.0, 1e9).round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

/// The columns of a table of runs, and their fields.
pub(super) fn columns(summary: &Summary) -> [(&'static str, String); 11] {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    let percent = |part: Option<PartSummary>, of: fn(PartSummary) -> Accuracy| {
        part.map_or("–".to_owned(), |part| format!("{:.2} %", of(part).top1))
    };
    let epochs = match summary.epochs {
        Some(epochs) if epochs > summary.epochs_done => format!("{} of {epochs}", summary.epochs_done),
        _ => summary.epochs_done.to_string(),
    };
    [
        ("run", summary.name.clone()),
        ("network", text(&summary.network)),
        ("bits", text(&summary.bits)),
        ("scales", text(&summary.granularity)),
        ("seed", summary.seed.map_or("–".to_owned(), |seed| seed.to_string())),
        ("epochs", epochs),
        ("train", percent(summary.train, |part| part.last)),
        ("held out, best", percent(summary.validation, |part| part.best)),
        ("held out, last", percent(summary.validation, |part| part.last)),
        ("test", percent(summary.test, |part| part.last)),
        ("time", duration(summary.seconds)),
    ]
}

/// The runs as a table for a terminal: top-1 accuracies, a line a run.
pub fn table(summaries: &[Summary]) -> String {
    let rows: Vec<_> = summaries.iter().map(columns).collect();
    let Some(first) = rows.first() else { return String::new() };
    let heads = first.each_ref().map(|(head, _)| (*head).to_owned());
    let lines: Vec<[String; 11]> =
        std::iter::once(heads).chain(rows.iter().map(|row| row.each_ref().map(|(_, text)| text.clone()))).collect();
    let widths: Vec<usize> =
        (0..11).map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0)).collect();
    let mut table = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (text, width))| {
            // Names to the left, numbers to the right.
            if column < 4 { format!("{text:<width$}") } else { format!("{text:>width$}") }
        });
        table += cells.collect::<Vec<_>>().join("  ").trim_end();
        table.push('\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(split: Part, epoch: f64, top1: f64, seconds: f64) -> Row {
        Row {
            step: epoch as u64,
            epoch,
            split,
            loss: 1.0,
            top1,
            top5: 99.0,
            lr: 0.1,
            images_per_second: epoch,
            seconds,
        }
    }

    #[test]
    fn the_best_epoch_and_the_time_of_all_pieces_are_found() {
        let rows = [
            row(Part::Train, 1.0, 50.0, 100.0),
            row(Part::Validation, 1.0, 70.0, 110.0),
            row(Part::Train, 2.0, 60.0, 210.0),
            row(Part::Validation, 2.0, 72.0, 220.0),
            // Resumed.
            row(Part::Train, 3.0, 65.0, 95.0),
            row(Part::Validation, 3.0, 71.0, 105.0),
            row(Part::Test, 3.0, 69.0, 5.0),
            row(Part::Test, 2.0, 70.0, 5.0),
        ];
        let validation = part(&rows, Part::Validation).unwrap();
        assert_eq!((validation.best.top1, validation.best.epoch, validation.last.top1), (72.0, 2.0, 71.0));
        let test = part(&rows, Part::Test).unwrap();
        assert_eq!((test.best.epoch, test.last.epoch), (2.0, 3.0), "the best epoch was measured after the last");
        assert_eq!(part(&rows[..1], Part::Test), None);
        assert_eq!(seconds(&rows), 325.0);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
    }

    #[test]
    fn times_are_told_in_words() {
        assert_eq!(duration(59.6), "1 min 00 s");
        assert_eq!(duration(7.0), "7 s");
        assert_eq!(duration(7384.0), "2 h 03 min");
    }
}
