//! `docs/performance.md`: the generated part between its two marks, and the chart beside it.

use crate::bench::{say, write as write_file};
use anyhow::Context;
use std::path::Path;
use syq_bench::peers::{Report, chart, markdown};

const DOCUMENT: &str = "docs/performance.md";
const CHART: &str = "docs/performance.svg";
const DATA: &str = "docs/performance.json";
const BEGIN: &str = "<!-- begin: written by cargo xtask bench --peers --docs -->\n";
const END: &str = "<!-- end -->\n";

/// Writes the report into the document, the chart and the data beside it.
pub(super) fn write(repository: &Path, report: &Report) -> anyhow::Result<()> {
    let path = repository.join(DOCUMENT);
    let old = std::fs::read_to_string(&path).with_context(|| format!("cannot read {DOCUMENT}"))?;
    let svg = chart::svg(report);
    let picture = if svg.is_some() { "![Milliseconds an image on one thread](performance.svg)\n\n" } else { "" };
    let new = replace(&old, &format!("{picture}{}", markdown::markdown(report)));
    let new = new.with_context(|| format!("{DOCUMENT} has no place for the report"))?;
    write_file(&path, &new)?;
    write_file(&repository.join(DATA), &report.json()?)?;
    if let Some(svg) = svg {
        write_file(&repository.join(CHART), &svg)?;
    }
    say(&format!("wrote {DOCUMENT}, {DATA} and {CHART}"))
}

/// The document with another text between the marks.
fn replace(document: &str, text: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{}\n\n{END}{after}", text.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn the_text_between_the_marks_is_replaced() {
        let document = format!("# Title\n{BEGIN}old\n{END}\nrest\n");
        let new = replace(&document, "new\n").unwrap();
        assert_eq!(new, format!("# Title\n{BEGIN}\nnew\n\n{END}\nrest\n"));
        assert_eq!(replace(&new, "new\n").unwrap(), new);
        assert_eq!(replace("# Title\n", "new"), None);
    }

    #[test]
    fn the_document_has_its_place() {
        let document = std::fs::read_to_string(repository().join(DOCUMENT)).unwrap();
        assert!(replace(&document, "").is_some());
    }
}
