//! Recipes: named values for the keys that a configuration leaves out.
//!
//! A recipe is a TOML file in `syq-train/recipes`. The paper's determines its keys: a configuration that
//! gives one of them another value would not be the paper's any more, and is refused.

use super::ConfigErrorKind;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// A named recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recipe {
    /// That of the paper's released code.
    #[serde(rename = "syq-2018")]
    Syq2018,
    /// A float network from random weights.
    #[serde(rename = "float")]
    Float,
    /// With what later work knows better.
    #[serde(rename = "syq-extended")]
    SyqExtended,
}

/// Keys that the paper's recipe does not have: it is the paper's only without them.
const NOT_IN_THE_PAPER: [&str; 11] = [
    "data.augmentation.color_jitter",
    "network.threshold",
    "network.weight_normalization",
    "network.weight_gradient",
    "network.first_last",
    "train.learning_rate_multiplier",
    "train.label_smoothing",
    "train.distillation",
    "train.progressive_bits",
    "train.progressive_sizes",
    "train.batch_norm_batches",
];

impl Recipe {
    /// Its name in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syq2018 => "syq-2018",
            Self::Float => "float",
            Self::SyqExtended => "syq-extended",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Syq2018 => include_str!("../../recipes/syq-2018.toml"),
            Self::Float => include_str!("../../recipes/float.toml"),
            Self::SyqExtended => include_str!("../../recipes/syq-extended.toml"),
        }
    }

    /// Its batch and learning rate.
    pub(super) fn batch_and_rate(self) -> Result<(usize, f64), ConfigErrorKind> {
        #[derive(Deserialize)]
        struct Train {
            batch: usize,
            learning_rate: f64,
        }
        #[derive(Deserialize)]
        struct Text {
            train: Train,
        }
        let Text { train } = toml::from_str(self.text()).map_err(Box::new)?;
        Ok((train.batch, train.learning_rate))
    }

    /// Whether a configuration may give the recipe's keys other values.
    const fn is_open(self) -> bool {
        matches!(self, Self::Float | Self::SyqExtended)
    }
}

/// The configuration with its recipe's values; `None` if it names no recipe.
///
/// # Errors
/// Not TOML, no such recipe, or a key that the recipe determines.
pub(super) fn complete(text: &str) -> Result<Option<Table>, ConfigErrorKind> {
    let table: Table = toml::from_str(text).map_err(Box::new)?;
    let Some(recipe) = table.get("recipe") else { return Ok(None) };
    let recipe: Recipe = recipe.clone().try_into().map_err(Box::new)?;
    let mut completed: Table = toml::from_str(recipe.text()).map_err(Box::new)?;
    if !recipe.is_open() {
        for key in NOT_IN_THE_PAPER {
            if has(&table, key) {
                return Err(ConfigErrorKind::Recipe { key: key.to_owned(), recipe: recipe.name() });
            }
        }
    }
    merge(&mut completed, table, recipe, "")?;
    Ok(Some(completed))
}

/// Whether the table has the key, with its tables.
fn has(table: &Table, key: &str) -> bool {
    match key.split_once('.') {
        None => table.contains_key(key),
        Some((first, rest)) => table.get(first).and_then(Value::as_table).is_some_and(|table| has(table, rest)),
    }
}

/// Puts the configuration's values over the recipe's.
fn merge(into: &mut Table, from: Table, recipe: Recipe, path: &str) -> Result<(), ConfigErrorKind> {
    // Another optimizer or schedule takes the place of the recipe's: one cannot have two.
    let alternatives = matches!(path, "train.optimizer." | "train.schedule.");
    if alternatives && from.keys().any(|key| !into.contains_key(key)) {
        if !recipe.is_open() {
            return Err(ConfigErrorKind::Recipe { key: path.trim_end_matches('.').to_owned(), recipe: recipe.name() });
        }
        into.clear();
    }
    for (key, value) in from {
        let name = format!("{path}{key}");
        match (into.get_mut(&key), value) {
            (Some(Value::Table(into)), Value::Table(from)) => merge(into, from, recipe, &format!("{name}."))?,
            (Some(before), value) => {
                if !recipe.is_open() && *before != value {
                    return Err(ConfigErrorKind::Recipe { key: name, recipe: recipe.name() });
                }
                *before = value;
            }
            (None, value) => {
                into.insert(key, value);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, OptimizerConfig, ScheduleConfig};
    use syq_core::WeightGradient;

    const REST: &str = r#"
        [network]
        name = "resnet20"
        weights = "ternary"
        granularity = "pixel"
        activation_bits = 2
        [data]
        format = "folder"
        train = "train"
        [train]
        seed = 1
        epochs = 30
        "#;

    fn config(recipe: &str, more: &str) -> Result<Config, ConfigErrorKind> {
        Config::from_toml_str(&format!("recipe = \"{recipe}\"\n{REST}{more}"))
    }

    #[test]
    fn the_paper_is_the_paper() {
        let config = config("syq-2018", "schedule.step.milestones = [20.0, 26.0]").unwrap();
        assert_eq!(config.recipe, Some(Recipe::Syq2018));
        assert_eq!((config.train.batch, config.train.learning_rate, config.eta()), (32, 1e-4, 0.05));
        assert_eq!(config.train.optimizer, OptimizerConfig::Adam { betas: [0.9, 0.999], epsilon: 1e-5 });
        let milestones = vec![20.0, 26.0];
        assert_eq!(config.train.schedule, ScheduleConfig::Step { milestones, factor: 0.2, warmup_epochs: 0.0 });
        let decay = config.train.weight_decay.or(0.0);
        assert_eq!((decay.weight, decay.linear), (0.0, 5e-6));
    }

    #[test]
    fn the_paper_cannot_be_changed() {
        for (more, expected) in [
            ("batch = 64", "train.batch"),
            ("schedule.step = { milestones = [9.0], factor = 0.1 }", "train.schedule.step.factor"),
            ("schedule.cosine = {}", "train.schedule"),
            ("batch_norm_batches = 3", "train.batch_norm_batches"),
            ("learning_rate_multiplier = { scale = 0.03 }", "train.learning_rate_multiplier"),
            ("[data.augmentation]\ncolor_jitter.hue = 0.1", "data.augmentation.color_jitter"),
            ("distillation = { teacher = \"t\", weight = 0.5 }", "train.distillation"),
        ] {
            match config("syq-2018", more) {
                Err(ConfigErrorKind::Recipe { key, recipe: "syq-2018" }) => assert_eq!(key, expected),
                other => panic!("{more}: {other:?}"),
            }
        }
        assert!(matches!(config("syq-1999", ""), Err(ConfigErrorKind::Toml(_))));
    }

    #[test]
    fn ours_may_be_changed() {
        let more = "batch = 64\nschedule.step = { milestones = [9.0], factor = 0.1 }";
        let config = config("syq-extended", more).unwrap();
        assert_eq!((config.train.batch, config.train.learning_rate), (64, 1e-3));
        let gradients = (config.network.weight_gradient, config.train.learning_rate_multiplier.scale);
        assert_eq!(gradients, (Some(WeightGradient::Identity), Some(0.03)));
        let milestones = vec![9.0];
        assert_eq!(config.train.schedule, ScheduleConfig::Step { milestones, factor: 0.1, warmup_epochs: 0.0 });
    }
}
