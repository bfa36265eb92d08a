//! The HTML page: one file without scripts that needs nothing from anywhere else.

mod compare;
mod layers;
mod single;
mod style;

use super::svg::escape;
use super::{RunReport, Summary};
use std::fmt::Write as _;

/// The page of one run, or of several beside each other.
pub fn page(runs: &[RunReport]) -> String {
    let mut html = Html::default();
    let title = match runs {
        [run] => single::write(&mut html, run),
        runs => compare::write(&mut html, runs),
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>\n{}</style>\n</head>\n\
         <body>\n<main>\n{}<footer>syq-train {} report</footer>\n</main>\n</body>\n</html>\n",
        escape(&title),
        style::STYLE,
        html.text,
        env!("CARGO_PKG_VERSION")
    )
}

/// Classes of the colours that lines have, in order; all can be told apart without colour vision.
const COLOURS: [&str; 8] = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"];

/// A page's text under construction.
#[derive(Debug, Default)]
struct Html {
    text: String,
}

impl Html {
    /// Adds HTML as it is.
    fn raw(&mut self, html: std::fmt::Arguments<'_>) {
        // Writing to a `String` does not fail.
        let _ = writeln!(self.text, "{html}");
    }

    fn heading(&mut self, title: &str, text: &str) {
        self.raw(format_args!("<section>\n<h2>{}</h2>", escape(title)));
        if !text.is_empty() {
            self.raw(format_args!("<p class=\"lead\">{}</p>", escape(text)));
        }
    }

    fn end_section(&mut self) {
        self.raw(format_args!("</section>"));
    }

    /// Colours with what they stand for.
    fn legend(&mut self, keys: &[(&str, &str, &str)]) {
        self.raw(format_args!("<p class=\"legend\">"));
        for (colour, stroke, text) in keys {
            // An area, or a line.
            let shape = if *stroke == "before" { "M1 10L1 2L23 2L23 10" } else { "M1 5L23 5" };
            self.raw(format_args!(
                "<span class=\"{colour}\"><svg viewBox=\"0 0 24 10\" aria-hidden=\"true\">\
                 <path class=\"{stroke}\" d=\"{shape}\"/></svg>{}</span>",
                escape(text)
            ));
        }
        self.raw(format_args!("</p>"));
    }

    /// A large chart with its title.
    fn figure(&mut self, title: &str, unit: &str, svg: &str) {
        let (title, unit) = (escape(title), escape(unit));
        self.raw(format_args!("<figure><figcaption>{title} <span>{unit}</span></figcaption>\n{svg}</figure>"));
    }

    /// A table whose first row is its head; columns from `numbers` on are numbers.
    fn table(&mut self, rows: &[Vec<String>], numbers: usize) {
        self.raw(format_args!("<div class=\"scroll\"><table>"));
        for (index, row) in rows.iter().enumerate() {
            let cell = if index == 0 { "th" } else { "td" };
            let cells = row.iter().enumerate().map(|(column, text)| {
                let class = if column >= numbers { " class=\"number\"" } else { "" };
                format!("<{cell}{class}>{}</{cell}>", escape(text))
            });
            self.raw(format_args!("<tr>{}</tr>", cells.collect::<String>()));
        }
        self.raw(format_args!("</table></div>"));
    }

    /// Something that is shown when asked for.
    fn details(&mut self, title: &str, content: impl FnOnce(&mut Self)) {
        self.raw(format_args!("<details><summary>{}</summary>", escape(title)));
        content(self);
        self.raw(format_args!("</details>"));
    }
}

/// What a network is called in a heading: "ResNet-20, W2A2, pixel-wise scales".
fn describe(summary: &Summary) -> String {
    let network = summary.network.as_deref().map(|name| match name {
        "resnet20" => "ResNet-20",
        "resnet18" => "ResNet-18",
        "resnet34" => "ResNet-34",
        "resnet50" => "ResNet-50",
        "alexnet" => "AlexNet",
        "alexnet-torchvision" => "AlexNet (torchvision's)",
        "vgg-small" => "VGG-small",
        "vgg16" => "VGG-16",
        "vgg16-bn" => "VGG-16 with batch norm",
        other => other,
    });
    let granularity = summary.granularity.as_ref().map(|name| format!("{name}-wise scales"));
    let parts = [network.map(str::to_owned), summary.bits.clone(), granularity];
    let text = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    if text.is_empty() { summary.name.clone() } else { text }
}
