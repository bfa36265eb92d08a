//! What a person sees of a run: a progress bar on a terminal, plain lines elsewhere, all on stderr.

use super::pace::{Left, Pace, Place};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use syq_train::data::Dataset;
use syq_train::metrics::Row;
use syq_train::metrics::layers::{LayerRow, turned};
use syq_train::run::{Observer, Progress};

/// Where there is no terminal, a line says how far the run is: first after so many seconds, then every minute.
const FIRST_LINE: f64 = 10.0;
const LINES: f64 = 60.0;

/// A line on stderr.
pub(super) fn say(line: &str) {
    // Nobody can be told that stderr is closed.
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// Shows how many pictures have been read.
#[derive(Debug)]
pub(super) struct Reading {
    bar: ProgressBar,
}

impl Reading {
    pub(super) fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden() };
        }
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("reading pictures {bar:24} {pos} of {len}, {eta} left") {
            bar.set_style(style);
        }
        Self { bar }
    }

    /// `done` of `total` pictures have been read.
    pub(super) fn at(&self, done: usize, total: usize) {
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Names every picture that was left out.
pub(super) fn warn_skipped(data: &Dataset) {
    for skipped in data.skipped() {
        say(&format!("warning: {} is left out: {}", skipped.path.display(), skipped.reason));
    }
}

/// Shows a run.
#[derive(Debug)]
pub(super) struct Watcher {
    bar: ProgressBar,
    started: Instant,
    pace: Pace,
    /// When the next line is due, in seconds since the start.
    next_line: f64,
    epochs: u64,
    /// Layers whose scales have been warned of.
    warned: BTreeSet<String>,
    stop: Arc<AtomicBool>,
}

impl Watcher {
    /// A run of so many steps, some of which are done; it stops where `stop` is set.
    pub(super) fn new(steps: u64, done: u64, epochs: u32, stop: Arc<AtomicBool>) -> Self {
        let bar = if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new(steps).with_position(done);
            if let Ok(style) = ProgressStyle::with_template("{bar:20} {percent:>3} % {wide_msg}") {
                bar.set_style(style);
            }
            bar
        } else {
            ProgressBar::hidden()
        };
        let (started, pace) = (Instant::now(), Pace::default());
        let warned = BTreeSet::new();
        Self { bar, started, pace, next_line: FIRST_LINE, epochs: epochs.into(), warned, stop }
    }

    fn line(&self, line: &str) {
        if self.bar.is_hidden() { say(line) } else { self.bar.println(line) }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Hours, minutes and seconds.
fn time(seconds: f64) -> String {
    let seconds = Duration::from_secs_f64(seconds.clamp(0.0, 1e9)).as_secs();
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Where the run is: the epoch so far, and the time left of epoch and run.
fn message(p: &Progress, epochs: u64, seconds_a_step: Option<f64>, left: Option<Left>) -> String {
    let images = p.seen.images as f64 / p.batch[0].max(1) as f64;
    let images_per_second = seconds_a_step.map_or(p.images_per_second, |seconds| images / seconds);
    let left = left.map_or(String::new(), |Left { epoch, run }| {
        format!(", left {} of the epoch, {} of the run", time(epoch), time(run))
    });
    format!(
        "epoch {} of {epochs}, step {} of {}: loss {:.3} top-1 {:.1} % {images_per_second:.0} images/s{left}",
        p.epoch + 1,
        p.batch[0],
        p.batch[1],
        p.seen.mean(),
        p.seen.top1(),
    )
}

impl Observer for Watcher {
    fn flow(&self) -> ControlFlow<()> {
        if self.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn step(&mut self, p: &Progress) {
        let now = self.started.elapsed().as_secs_f64();
        let place = Place {
            of_epoch: p.batch[1].saturating_sub(p.batch[0]) as u64,
            of_run: p.step[1].saturating_sub(p.step[0]),
            work: p.work_left,
            epoch: p.batch[1] as u64,
        };
        self.pace.step(now, place);
        let due = self.bar.is_hidden() && now >= self.next_line;
        if due || !self.bar.is_hidden() {
            let message = message(p, self.epochs, self.pace.seconds_a_step(), self.pace.left(place));
            if due {
                self.next_line = now + LINES;
                say(&format!("  {message}"));
            } else {
                self.bar.set_position(p.step[0]);
                self.bar.set_message(message);
            }
        }
    }

    fn epoch(&mut self, row: &Row) {
        self.line(&format!(
            "epoch {:.0} of {} {}: loss {:.4} top-1 {:.2} % top-5 {:.2} % learning rate {:.2e} {:.0} images/s {}",
            row.epoch,
            self.epochs,
            row.split.name(),
            row.loss,
            row.top1,
            row.top5,
            row.lr,
            row.images_per_second,
            time(row.seconds)
        ));
    }

    fn layers(&mut self, rows: &[LayerRow]) {
        for (layer, scale) in turned(rows) {
            if self.warned.insert(layer.to_owned()) {
                self.line(&format!(
                    "warning: {layer} has a scale of {scale:.1e}, which has turned signs around: a smaller \
                     train.learning_rate_multiplier.scale (0.03) keeps scales above zero"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syq_train::layers::Loss;

    #[test]
    fn a_line_says_how_far_and_how_long() {
        let seen = Loss { sum: 750.0, correct: 600, correct_top5: 900, images: 1000 };
        let (learning_rate, images_per_second, waited) = (0.1, 50.0, Duration::ZERO);
        let (batch, step, work_left) = ([10, 40], [90, 400], 310.0);
        let progress = Progress { epoch: 2, batch, step, work_left, seen, learning_rate, images_per_second, waited };
        assert_eq!(
            message(&progress, 10, Some(0.5), Some(Left { epoch: 15.0, run: 3700.0 })),
            "epoch 3 of 10, step 10 of 40: loss 0.750 top-1 60.0 % 200 images/s, left 0:00:15 of the epoch, \
             1:01:40 of the run"
        );
        assert!(message(&progress, 10, None, None).ends_with("50 images/s"));
    }
}
