//! The published numbers as rows: JSON for programs, a table for people.

use super::entry::Kind;
use super::registry::{Recorded, Registry};
use serde::Serialize;

use syq_train::config::{FirstLast, Weights};

/// A published number.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Row {
    /// Its name, for `cargo xtask reproduce NAME`.
    pub(super) name: String,
    /// A number of its own, or one of the ablation.
    #[serde(skip)]
    pub(super) kind: Kind,
    /// The network.
    pub(super) net: String,
    /// The data set.
    pub(super) data: String,
    /// "float", or such as "W2A2".
    pub(super) scheme: String,
    /// "float", "binary" or "ternary".
    pub(super) weights: &'static str,
    /// Bits of the activations; none if float.
    pub(super) acts: Option<u32>,
    /// "layer", "row" or "pixel"; none if float.
    pub(super) granularity: Option<&'static str>,
    /// Format of the first, the last and the shortcut layers: "float" or "8bit".
    pub(super) first_last: &'static str,
    /// The recipe's name.
    pub(super) recipe: String,
    /// The seed of the last stage.
    pub(super) seed: u64,
    /// Epochs of all stages and of the quantized runs before them, without the float network's.
    pub(super) epochs: u64,
    /// Right answers.
    pub(super) right: u64,
    /// Test images.
    pub(super) of: u64,
    /// Per cent.
    pub(super) top1: f64,
    /// Of the float network that it is compared with; of a float network its own.
    pub(super) float_top1: f64,
    /// Minutes of the same.
    pub(super) minutes: f64,
    /// What trains it again.
    pub(super) command: String,
}

impl Row {
    fn of(registry: &Registry, run: &Recorded) -> anyhow::Result<Option<Self>> {
        let (Recorded { entry, config, .. }, Some(top1)) = (run, run.entry.top1) else { return Ok(None) };
        let stages = registry.lineage(run)?;
        let network = &config.network;
        let acts = network.activation_bits.map(syq_core::BitWidth::bits);
        let granularity = network.granularity.map(syq_core::Granularity::name);
        let first_last = match network.first_last.unwrap_or_default() {
            FirstLast::Float => "float",
            FirstLast::EightBit => "8bit",
        };
        let weights = match config.network.weights {
            Weights::Float => "float",
            Weights::Binary => "binary",
            Weights::Ternary => "ternary",
        };
        let float = registry.float(run)?.entry.top1.unwrap_or(top1);
        Ok(Some(Self {
            name: entry.name.clone(),
            kind: entry.kind,
            net: config.network.name.name().to_owned(),
            data: entry.data_set.clone(),
            scheme: run.scheme(),
            weights,
            acts,
            granularity,
            first_last,
            recipe: entry.recipe.clone(),
            seed: config.train.seed,
            epochs: stages.iter().map(|run| run.metrics.epochs().round() as u64).sum(),
            right: top1.right,
            of: top1.of,
            top1: top1.percent(),
            float_top1: float.percent(),
            minutes: rounded(stages.iter().map(|run| run.entry.minutes).sum()),
            command: format!("cargo xtask reproduce {}", entry.name),
        }))
    }

    /// Points below the float network; none of a float network.
    pub(super) fn drop(&self) -> Option<f64> {
        self.acts.map(|_| self.float_top1 - self.top1)
    }
}

/// To a tenth: decimals that a sum of tenths brings mean nothing.
fn rounded(minutes: f64) -> f64 {
    (minutes * 10.0).round() / 10.0
}

/// The published numbers, float networks first, then by name.
pub(super) fn rows(registry: &Registry) -> anyhow::Result<Vec<Row>> {
    let rows = registry.numbers().map(|run| Row::of(registry, run));
    let mut rows: Vec<Row> = rows.collect::<anyhow::Result<Vec<_>>>()?.into_iter().flatten().collect();
    rows.sort_by(|a, b| {
        (&a.data, &a.net, a.acts.is_some(), &a.name).cmp(&(&b.data, &b.net, b.acts.is_some(), &b.name))
    });
    Ok(rows)
}

/// The rows as JSON.
pub(super) fn json(rows: &[Row]) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(rows)? + "\n")
}

/// The rows as a table with aligned columns.
pub(super) fn table(rows: &[Row]) -> String {
    let head =
        ["name", "net", "data", "scheme", "scales", "ends", "recipe", "seed", "epochs", "top-1", "drop", "minutes"];
    let mut lines: Vec<Vec<String>> = vec![head.map(str::to_owned).to_vec()];
    for row in rows {
        let drop = row.drop().map_or_else(|| "-".to_owned(), |drop| format!("{drop:.2}"));
        let scales = row.granularity.unwrap_or("-").to_owned();
        let text = [&row.name, &row.net, &row.data, &row.scheme, &scales, row.first_last, &row.recipe];
        let numbers = [
            row.seed.to_string(),
            row.epochs.to_string(),
            format!("{:.2}", row.top1),
            drop,
            format!("{:.0}", row.minutes),
        ];
        lines.push(text.into_iter().map(str::to_owned).chain(numbers).collect());
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let aligned = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column < 7 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    lines.iter().map(aligned).collect()
}

/// Names of what is recorded beside the numbers, for a hint.
pub(super) fn others(registry: &Registry) -> usize {
    registry.0.iter().filter(|run| matches!(run.entry.kind, Kind::Stage | Kind::Trial)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn the_published_numbers_are_listed() {
        let registry = Registry::read(repository()).unwrap();
        let rows = rows(&registry).unwrap();
        let named = |name: &str| rows.iter().find(|row| row.name == name).unwrap();
        let float = named("cifar10-resnet20-float");
        assert_eq!((float.scheme.as_str(), float.acts, float.drop()), ("float", None, None));
        assert_eq!((float.right, float.of, float.epochs), (9110, 10_000, 36));
        let quantized = named("cifar10-resnet20-w2a2-pixel-distilled");
        assert_eq!((quantized.scheme.as_str(), quantized.weights, quantized.acts), ("W2A2", "ternary", Some(2)));
        assert_eq!((quantized.granularity, quantized.first_last), (Some("pixel"), "float"));
        // 24, 19 of 44, 14, 4 and 18.
        assert_eq!(quantized.epochs, 79);
        assert!((quantized.drop().unwrap() - 1.38).abs() < 1e-9);
        // Neither trials nor the stages before a number.
        for name in ["cifar10-resnet20-w2a2-pixel-stage2", "cifar10-resnet20-held-out-labels"] {
            assert!(registry.get(name).is_ok() && rows.iter().all(|row| row.name != name), "{name}");
        }
        assert_eq!(rows.len() + others(&registry), registry.0.len());
        let value: serde_json::Value = serde_json::from_str(&json(&rows).unwrap()).unwrap();
        let first = value[0].as_object().unwrap();
        for key in ["name", "net", "data", "weights", "acts", "granularity", "first_last", "recipe", "seed", "epochs"] {
            assert!(first.contains_key(key), "{key}");
        }
        for key in ["top1", "float_top1", "minutes", "command"] {
            assert!(first.contains_key(key), "{key}");
        }
        let table = table(&rows);
        assert!(table.lines().nth(1).unwrap().starts_with("cifar10-resnet20-float  "), "{table}");
    }
}
