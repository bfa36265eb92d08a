//! Charts as inline SVG. Colours and fonts are classes of the page's style sheet ([`super::page()`]).

mod axis;
mod histogram;
mod lines;

pub(super) use axis::number;
pub(super) use histogram::{Distribution, histogram};
pub(super) use lines::{Chart, Floor, Series, Size, chart};

use std::fmt::Write as _;

/// Text as HTML and SVG take it, in elements and in attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // What XML has no place for; a folder's name may hold it.
            c if c.is_control() && !"\n\t".contains(c) => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A picture under construction.
struct Svg {
    text: String,
}

impl Svg {
    /// A picture of this size in pixels; `label` says what it shows to those who cannot see it.
    fn new([width, height]: [f64; 2], label: &str) -> Self {
        let label = escape(label);
        Self { text: format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{label}\">\n") }
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a `String` does not fail.
        let _ = writeln!(self.text, "{element}");
    }

    fn line(&mut self, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2], class: &str) {
        self.push(format_args!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        ));
    }

    fn label(&mut self, [x, y]: [f64; 2], class: &str, text: &str) {
        self.push(format_args!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escape(text)));
    }

    fn dot(&mut self, [x, y]: [f64; 2], radius: f64, class: &str, title: &str) {
        let title = if title.is_empty() { String::new() } else { format!("<title>{}</title>", escape(title)) };
        self.push(format_args!(
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\">{title}</circle>"
        ));
    }

    fn path(&mut self, points: &[[f64; 2]], class: &str, title: &str) {
        let mut d = String::new();
        for (index, [x, y]) in points.iter().enumerate() {
            let _ = write!(d, "{}{x:.1} {y:.1}", if index == 0 { "M" } else { "L" });
        }
        let title = if title.is_empty() { String::new() } else { format!("<title>{}</title>", escape(title)) };
        self.push(format_args!("<path class=\"{class}\" d=\"{d}\">{title}</path>"));
    }

    /// The heading of a small chart; the note is left out where there is no room for it.
    fn heading(&mut self, title: &str, note: &str) {
        let fits = title.chars().count() + note.chars().count() < 37;
        let (title, note) = (escape(title), escape(if fits { note } else { "" }));
        self.push(format_args!(
            "<text class=\"head\" x=\"2\" y=\"13\">{title} <tspan class=\"quiet\">{note}</tspan></text>"
        ));
    }

    fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn no_name_can_end_an_element() {
        assert_eq!(
            escape("</text><script>\"a\" & 'b'\u{1}"),
            "&lt;/text&gt;&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;\u{fffd}"
        );
    }
}
