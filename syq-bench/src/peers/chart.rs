//! The report as a bar chart in SVG: for each network the fastest peers and our schemes, batch 1,
//! 1 thread, 8-bit first and last layers, in times of the fastest int8 peer.

use super::contestant::Kind;
use super::own::{FirstLast, SCHEMES};
use super::report::{Report, Setting};
use std::fmt::Write;

/// Width of the picture, of the names on the left and of the figures on the right, in pixels.
const WIDTH: f64 = 760.0;
const NAMES: f64 = 190.0;
const FIGURES: f64 = 90.0;
/// Height of a bar with its gap, of a network's title, and of the picture's.
const BAR: f64 = 18.0;
const TITLE: f64 = 26.0;
const TOP: f64 = 40.0;

struct Bar {
    name: String,
    ms: f64,
    kind: Kind,
}

/// The chart; `None` without a setting that it shows.
pub fn svg(report: &Report) -> Option<String> {
    let shown = report.settings.iter().filter(|setting| (setting.batch, setting.threads) == (1, 1));
    let groups: Vec<(&Setting, Vec<Bar>)> =
        shown.map(|setting| (setting, bars(setting))).filter(|(_, bars)| !bars.is_empty()).collect();
    if groups.is_empty() {
        return None;
    }
    let rows: usize = groups.iter().map(|(_, bars)| bars.len()).sum();
    let height = TOP + groups.len() as f64 * TITLE + rows as f64 * BAR + 16.0;
    let mut text = String::new();
    let mut line = |line: std::fmt::Arguments<'_>| {
        // Writing to a `String` does not fail.
        let _ = writeln!(text, "{line}");
    };
    line(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">"
    ));
    line(format_args!("<title>Time of one image on one thread, beside the fastest peers</title>"));
    line(format_args!("<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>"));
    line(format_args!(
        "<text x=\"12\" y=\"22\" font-size=\"15\" fill=\"#1a1a1a\">Milliseconds an image, 1 thread; {}</text>",
        escape(&report.machine.cpu)
    ));
    let mut y = TOP;
    for (setting, bars) in &groups {
        line(format_args!(
            "<text x=\"12\" y=\"{:.1}\" font-weight=\"bold\" fill=\"#1a1a1a\">{}</text>",
            y + 16.0,
            escape(&setting.network)
        ));
        y += TITLE;
        let longest = bars.iter().map(|bar| bar.ms).fold(0.0, f64::max);
        for bar in bars {
            let length = (WIDTH - NAMES - FIGURES) * bar.ms / longest;
            let middle = y + BAR - 5.0;
            line(format_args!(
                "<text x=\"{:.1}\" y=\"{middle:.1}\" text-anchor=\"end\" fill=\"#1a1a1a\">{}</text>",
                NAMES - 8.0,
                escape(&bar.name)
            ));
            line(format_args!(
                "<rect x=\"{NAMES}\" y=\"{:.1}\" width=\"{length:.1}\" height=\"{:.1}\" fill=\"{}\"/>",
                y + 1.0,
                BAR - 4.0,
                colour(bar.kind)
            ));
            line(format_args!(
                "<text x=\"{:.1}\" y=\"{middle:.1}\" fill=\"#1a1a1a\">{:.2}</text>",
                NAMES + length + 6.0,
                bar.ms
            ));
            y += BAR;
        }
    }
    line(format_args!("</svg>"));
    Some(text)
}

/// The fastest float and int8 peer and our schemes.
fn bars(setting: &Setting) -> Vec<Bar> {
    let peers = [Kind::Float, Kind::Int8].into_iter().filter_map(|kind| setting.best(kind));
    let schemes = SCHEMES.iter().filter_map(|scheme| setting.own(&scheme.name(), FirstLast::EightBit));
    let bar = |row: &super::report::Row| {
        Some(Bar {
            name: format!("{} {}", row.name.engine, row.name.precision),
            ms: row.median_ms()?,
            kind: row.name.kind,
        })
    };
    peers.chain(schemes).filter_map(bar).collect()
}

/// Grey for float, orange for int8, blue for ours: distinct without colour vision too.
const fn colour(kind: Kind) -> &'static str {
    match kind {
        Kind::Float => "#9aa0a6",
        Kind::Int8 => "#e08e2b",
        Kind::Own => "#2f6fb3",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::report::sample::report;
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_times() {
        let mut report = report();
        report.machine.cpu = "A & B <C>".to_owned();
        let svg = svg(&report).unwrap();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains("A &amp; B &lt;C&gt;"));
        // The slowest takes the whole width; 5 ms of 60 a twelfth of it.
        for (width, name) in [("480.0", "openvino f32"), ("160.0", "openvino int8"), ("40.0", "syq W1A1")] {
            assert!(svg.contains(&format!("width=\"{width}\"")) && svg.contains(name), "{name}: {svg}");
        }
        assert!(!svg.contains("onnxruntime"), "the fastest peer alone");
        assert_eq!(svg.matches("<rect").count(), 1 + 4);
    }

    #[test]
    fn there_is_no_chart_of_nothing() {
        let mut report = report();
        report.settings[0].threads = 2;
        assert_eq!(svg(&report), None);
    }
}
