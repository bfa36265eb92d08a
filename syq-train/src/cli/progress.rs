//! What a person sees of a run: a progress bar on a terminal, plain lines elsewhere, all on stderr.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use syq_train::data::Dataset;
use syq_train::metrics::Row;
use syq_train::run::{Observer, Progress};

/// A line on stderr.
pub(super) fn say(line: &str) {
    // Nobody can be told that stderr is closed.
    drop(writeln!(std::io::stderr(), "{line}"));
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
    stop: Arc<AtomicBool>,
}

impl Watcher {
    /// A run of so many steps, some of which are done; it stops where `stop` is set.
    pub(super) fn new(steps: u64, done: u64, stop: Arc<AtomicBool>) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden(), stop };
        }
        let bar = ProgressBar::new(steps).with_position(done);
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg}") {
            bar.set_style(style);
        }
        Self { bar, stop }
    }

    fn line(&self, line: &str) {
        if self.bar.is_hidden() { say(line) } else { self.bar.println(line) }
    }
}

/// Hours, minutes and seconds.
fn time(seconds: f64) -> String {
    let seconds = Duration::from_secs_f64(seconds.clamp(0.0, 1e9)).as_secs();
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

impl Observer for Watcher {
    fn flow(&self) -> ControlFlow<()> {
        if self.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn step(&mut self, p: &Progress) {
        let images = p.seen.images as f64 / p.batch[0].max(1) as f64;
        let left = (p.step[1] - p.step[0]) as f64 * images / p.images_per_second;
        self.bar.set_position(p.step[0]);
        self.bar.set_message(format!(
            "epoch {} loss {:.3} top-1 {:.1} % {:.0} images/s {} left",
            p.epoch + 1,
            p.seen.mean(),
            p.seen.top1(),
            p.images_per_second,
            time(left)
        ));
        if self.bar.is_hidden() && p.batch[0] == 100 {
            say(&format!(
                "  step {} of {}: {:.0} images/s, {} left",
                p.step[0],
                p.step[1],
                p.images_per_second,
                time(left)
            ));
        }
    }

    fn epoch(&mut self, row: &Row) {
        self.line(&format!(
            "epoch {:.0} {}: loss {:.4} top-1 {:.2} % top-5 {:.2} % learning rate {:.2e} {:.0} images/s {}",
            row.epoch,
            row.split.name(),
            row.loss,
            row.top1,
            row.top5,
            row.lr,
            row.images_per_second,
            time(row.seconds)
        ));
    }
}
