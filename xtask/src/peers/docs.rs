//! `docs/performance.md`: the generated part between its two marks, and the chart beside it.

use crate::bench::{say, write as write_file};
use crate::document::replace;
use anyhow::Context;
use std::path::Path;
use syq_bench::peers::{Report, chart, markdown};

const DOCUMENT: &str = "docs/performance.md";
const CHART: &str = "docs/performance.svg";
const DATA: &str = "docs/performance.json";
const BEGIN: &str = "<!-- begin: written by cargo xtask bench --peers --docs -->\n";

/// Writes the report into the document, the chart and the data beside it.
pub(super) fn write(repository: &Path, report: &Report) -> anyhow::Result<()> {
    let path = repository.join(DOCUMENT);
    let old = std::fs::read_to_string(&path).with_context(|| format!("cannot read {DOCUMENT}"))?;
    let svg = chart::svg(report);
    let picture = if svg.is_some() { "![Milliseconds an image on one thread](performance.svg)\n\n" } else { "" };
    let new = replace(&old, BEGIN, &format!("{picture}{}", markdown::markdown(report)));
    let new = new.with_context(|| format!("{DOCUMENT} has no place for the report"))?;
    write_file(&path, &new)?;
    write_file(&repository.join(DATA), &report.json()?)?;
    if let Some(svg) = svg {
        write_file(&repository.join(CHART), &svg)?;
    }
    say(&format!("wrote {DOCUMENT}, {DATA} and {CHART}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn the_document_has_its_place() {
        let document = std::fs::read_to_string(repository().join(DOCUMENT)).unwrap();
        assert!(replace(&document, BEGIN, "").is_some());
    }
}
