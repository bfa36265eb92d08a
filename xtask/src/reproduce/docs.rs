//! The generated tables: the numbers in docs/reproduce.md, the ablation in docs/ablation.md.

use super::entry::Kind;
use super::groups;
use super::list::{self, Row};
use super::registry::Registry;
use crate::bench::{say, write as write_file};
use crate::document::replace;
use anyhow::Context;
use std::fmt::Write;
use std::path::Path;

pub(super) const NUMBERS: &str = "docs/reproduce.md";
pub(super) const ABLATION: &str = "docs/ablation.md";
const BEGIN: &str = "<!-- begin: written by cargo xtask reproduce --docs -->\n";

/// Writes both documents.
pub(super) fn write(repository: &Path, registry: &Registry) -> anyhow::Result<()> {
    for (document, text) in documents(repository, registry)? {
        write_file(&repository.join(document), &text)?;
        say(&format!("wrote {document}"))?;
    }
    Ok(())
}

/// Both documents as they should be.
fn documents(repository: &Path, registry: &Registry) -> anyhow::Result<[(&'static str, String); 2]> {
    let rows = list::rows(registry)?;
    let new = |document: &'static str, text: String| {
        let old =
            std::fs::read_to_string(repository.join(document)).with_context(|| format!("cannot read {document}"))?;
        let new = replace(&old, BEGIN, &text).with_context(|| format!("{document} has no place for the table"))?;
        anyhow::Ok((document, new))
    };
    Ok([new(NUMBERS, numbers(registry, &rows)?)?, new(ABLATION, ablation(&rows)?)?])
}

fn numbers(registry: &Registry, rows: &[Row]) -> anyhow::Result<String> {
    let mut text = String::from(
        "| name | network, data | scheme | scales | first, last | recipe | seed | epochs | top-1 | drop | minutes |\n\
         | --- | --- | --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: |\n",
    );
    let numbers: Vec<Row> = rows.iter().filter(|row| row.kind == Kind::Number).cloned().collect();
    for row in &numbers {
        let drop = row.drop().map_or_else(String::new, |drop| format!("{drop:.2}"));
        writeln!(
            text,
            "| [{name}](runs/{name}) | {}, {} | {} | {} | {} | {} | {} | {} | {:.2} % ({} of {}) | {drop} | {:.0} |",
            row.net,
            row.data,
            row.scheme,
            row.granularity.unwrap_or(""),
            row.first_last,
            row.recipe,
            row.seed,
            row.epochs,
            row.top1,
            row.right,
            row.of,
            row.minutes,
            name = row.name,
        )?;
    }
    let groups = groups::by_configuration(registry, &numbers)?;
    if groups.iter().any(|(_, group)| group.seeds.len() > 1) {
        text += "\nWhere several runs differ in nothing but the seed: mean ± standard deviation (number of runs).\n\n\
                 | first of them | seeds | top-1, % | drop, points |\n| --- | --- | ---: | ---: |\n";
    }
    for (name, group) in groups.iter().filter(|(_, group)| group.seeds.len() > 1) {
        let seeds: Vec<String> = group.seeds.iter().map(u64::to_string).collect();
        writeln!(text, "| {name} | {} | {} | {} |", seeds.join(", "), group.top1(), group.drop())?;
    }
    Ok(text)
}

/// The granularities, coarse to fine.
const GRANULARITIES: [&str; 3] = ["layer", "row", "pixel"];

fn ablation(rows: &[Row]) -> anyhow::Result<String> {
    let mut text = String::from(
        "Top-1 in per cent, mean ± standard deviation (number of seeds); below it the drop against the float network \
         in points.\n\n\
         | data, network | scheme | first, last | recipe | epochs | layer-wise | row-wise | pixel-wise |\n\
         | --- | --- | --- | --- | ---: | ---: | ---: | ---: |\n",
    );
    for (([data, net, scheme, ends, recipe], epochs), by_granularity) in groups::by_setting(rows) {
        write!(text, "| {data}, {net} | {scheme} | {ends} | {recipe} | {epochs} |")?;
        for granularity in GRANULARITIES {
            match by_granularity.get(granularity) {
                Some(group) => write!(text, " {}<br>drop {} |", group.top1(), group.drop())?,
                None => text += " |",
            }
        }
        text += "\n";
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn the_documents_are_those_of_the_registry() {
        let registry = Registry::read(repository()).unwrap();
        for (document, text) in documents(repository(), &registry).unwrap() {
            let found = std::fs::read_to_string(repository().join(document)).unwrap();
            assert!(found == text, "{document} is out of date: cargo xtask reproduce --docs");
        }
    }

    #[test]
    fn an_ablation_has_a_cell_a_granularity() {
        let registry = Registry::read(repository()).unwrap();
        let mut rows = list::rows(&registry).unwrap();
        rows.retain(|row| row.acts.is_some() && row.granularity == Some("pixel"));
        rows.truncate(1);
        let mut layer = rows[0].clone();
        layer.granularity = Some("layer");
        layer.top1 = 88.0;
        layer.float_top1 = 91.0;
        rows.push(layer);
        let text = ablation(&rows).unwrap();
        let line = text.lines().last().unwrap();
        assert!(line.contains("| 88.00 (1)<br>drop 3.00 (1) | | "), "{line}");
    }
}
