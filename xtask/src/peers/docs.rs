//! `docs/performance.md`: the generated part between its two marks, and the chart beside it.
//!
//! Each kind of processor has a document of its own, so that measuring on one does not throw away what was measured
//! on another: that of AMD's AVX-512 is the one that has all the explanations. Intel's does 512 bits in one step and
//! runs the int8 peers twice as fast a cycle, so that neither's ratios say anything about the other's.

use crate::bench::{say, write as write_file};
use crate::document::replace;
use anyhow::Context;
use std::path::Path;
use syq_bench::peers::{Report, chart, markdown};
use syq_infer::Isa;

const BEGIN: &str = "<!-- begin: written by cargo xtask bench --peers --docs -->\n";

/// The files of a kind of processor, by its name and the instruction set that ran, without their endings, from the
/// folder of documents.
fn stem(cpu: &str, isa: &str) -> String {
    match (isa == Isa::Avx512.name(), cpu.contains("Intel")) {
        (true, false) => "performance".to_owned(),
        (true, true) => format!("performance-{isa}-intel"),
        (false, _) => format!("performance-{isa}"),
    }
}

/// Writes the report into the document of its kind of processor, the chart and the data beside it.
pub(super) fn write(repository: &Path, report: &Report) -> anyhow::Result<()> {
    let stem = stem(&report.machine.cpu, &report.isa);
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
        let (amd, intel) = ("AMD EPYC", "Intel(R) Xeon(R) Processor @ 2.80GHz");
        let stems =
            [(amd, Isa::Avx512), (intel, Isa::Avx512), (amd, Isa::Avx2)].map(|(cpu, isa)| stem(cpu, isa.name()));
        assert_eq!(stems, ["performance", "performance-avx512-intel", "performance-avx2"]);
        for stem in stems {
            let document = std::fs::read_to_string(repository().join(format!("docs/{stem}.md"))).unwrap();
            assert!(replace(&document, BEGIN, "").is_some(), "{stem}");
        }
    }
}
