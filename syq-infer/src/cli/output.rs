//! Results on standard output, everything else on standard error.

use std::fmt::Display;
use std::io::{BufWriter, StdoutLock, Write};

/// Standard output, locked. A closed pipe is an error like any other, never a panic.
pub(super) fn stdout() -> BufWriter<StdoutLock<'static>> {
    BufWriter::new(std::io::stdout().lock())
}

/// `syq: message` on standard error, on one line.
pub(super) fn complain(message: &impl Display) {
    // Nobody can be told that standard error is closed.
    drop(writeln!(std::io::stderr(), "syq: {}", one_line(message)));
}

/// The text with its control characters escaped, so that a file name cannot break a line.
pub(super) fn one_line(text: &impl Display) -> String {
    let mut line = String::new();
    for c in text.to_string().chars() {
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

/// Bytes as a person reads them.
pub(super) fn bytes(count: usize) -> String {
    match count as f64 {
        small if small < 1024.0 => format!("{count} B"),
        kib if kib < 1024.0 * 1024.0 => format!("{:.1} KiB", kib / 1024.0),
        mib => format!("{:.1} MiB", mib / (1024.0 * 1024.0)),
    }
}

/// A share in percent; of nothing, 0.
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}
