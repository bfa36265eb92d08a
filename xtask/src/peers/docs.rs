//! `docs/performance.md`: the generated part between its two marks, and the chart beside it.
//!
//! Each instruction set has a document of its own, so that measuring on one processor does not throw away what
//! was measured on another: AVX-512's is the one that has all the explanations.

use crate::bench::{say, write as write_file};
use crate::document::replace;
use anyhow::Context;
use std::path::Path;
use syq_bench::peers::{Report, chart, markdown};
use syq_infer::Isa;

const BEGIN: &str = "<!-- begin: written by cargo xtask bench --peers --docs -->\n";

/// The files of an instruction set, without their endings, from the folder of documents.
fn stem(isa: &str) -> String {
    if isa == Isa::Avx512.name() { "performance".to_owned() } else { format!("performance-{isa}") }
}

/// Writes the report into the document of its instruction set, the chart and the data beside it.
pub(super) fn write(repository: &Path, report: &Report) -> anyhow::Result<()> {
    let stem = stem(&report.isa);
    let [document, data, chart] = ["md", "json", "svg"].map(|ending| format!("docs/{stem}.{ending}"));
    let path = repository.join(&document);
    let old = std::fs::read_to_string(&path).with_context(|| {
        format!("cannot read {document}, which must have the two marks that performance.md has around its figures")
    })?;
    let svg = chart::svg(report);
    let picture = svg.as_ref().map(|_| format!("![Milliseconds an image on one thread]({stem}.svg)\n\n"));
    let new = replace(&old, BEGIN, &(picture.unwrap_or_default() + &markdown::markdown(report)));
    let new = new.with_context(|| format!("{document} has no place for the report"))?;
    write_file(&path, &new)?;
    write_file(&repository.join(&data), &report.json()?)?;
    if let Some(svg) = svg {
        write_file(&repository.join(&chart), &svg)?;
    }
    say(&format!("wrote {document}, {data} and {chart}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn each_document_has_its_place() {
        for isa in [Isa::Avx512, Isa::Avx2] {
            let path = repository().join(format!("docs/{}.md", stem(isa.name())));
            let document = std::fs::read_to_string(path).unwrap();
            assert!(replace(&document, BEGIN, "").is_some(), "{}", isa.name());
        }
    }
}
