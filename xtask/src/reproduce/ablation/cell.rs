//! One run of the ablation: its name and its configuration.

use anyhow::{Context, ensure};
use syq_bench::problem::Quantization;
use syq_core::{BitWidth, Codebook};
use syq_train::config::Config;
use toml::{Table, Value};

/// How a cell is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Recipe {
    /// `syq-extended`.
    Ours,
    /// `syq-2018`.
    Paper,
    /// `syq-extended` with scales that stay what they are at the start, mean |W|.
    FixedScales,
    /// `syq-2018` with scales that stay so; only where it is asked for, as a control.
    PaperFixedScales,
}

impl Recipe {
    /// Those of the ablation.
    pub(super) const ALL: [Self; 3] = [Self::Ours, Self::Paper, Self::FixedScales];

    /// Its word in tables and names.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Paper => "paper",
            Self::FixedScales => "fixed-scales",
            Self::PaperFixedScales => "paper-fixed-scales",
        }
    }

    /// The configuration of its cells, from the top of the repository.
    pub(super) const fn template(self) -> &'static str {
        match self {
            Self::Ours | Self::FixedScales => "syq-train/configs/ablation-ours.toml",
            Self::Paper | Self::PaperFixedScales => "syq-train/configs/ablation-paper.toml",
        }
    }

    /// Whether the scales are learned.
    const fn learns_scales(self) -> bool {
        matches!(self, Self::Ours | Self::Paper)
    }
}

/// The schemes of the table.
pub(super) const SCHEMES: [(Codebook, BitWidth); 4] = [
    (Codebook::Binary, BitWidth::Two),
    (Codebook::Ternary, BitWidth::Two),
    (Codebook::Binary, BitWidth::Eight),
    (Codebook::Ternary, BitWidth::Eight),
];

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) recipe: Recipe,
    pub(super) scheme: Quantization,
    pub(super) seed: u64,
}

impl Cell {
    /// Its name in docs/runs.
    pub(super) fn name(self) -> String {
        let scheme = self.scheme.name().to_lowercase();
        format!("ablation-{}-{scheme}-{}-seed{}", self.recipe.name(), self.scheme.granularity.name(), self.seed)
    }

    /// Its configuration: the template with this cell's values and those of its recipe.
    pub(super) fn config(self, template: &str) -> anyhow::Result<String> {
        let mut config: Table = toml::from_str(template)?;
        let network = table(&mut config, "network")?;
        put(network, "weights", self.scheme.codebook.name())?;
        put(network, "granularity", self.scheme.granularity.name())?;
        put(network, "activation_bits", i64::from(self.scheme.bits.bits()))?;
        let train = table(&mut config, "train")?;
        put(train, "seed", i64::try_from(self.seed)?)?;
        let text = toml::to_string(&config)?;
        if self.recipe == Recipe::Paper {
            // It does not change, and takes no key but its own.
            return Ok(text);
        }
        // Ours may change, and the control is not the paper's any more: what the recipe says today is written down in its
        // place.
        let mut config = Config { recipe: None, ..Config::from_toml_str(&text)? };
        if !self.recipe.learns_scales() {
            config.train.learning_rate_multiplier.scale = Some(0.0);
        }
        Ok(toml::to_string(&config)?)
    }
}

fn table<'a>(config: &'a mut Table, key: &str) -> anyhow::Result<&'a mut Table> {
    config.get_mut(key).and_then(Value::as_table_mut).with_context(|| format!("the template has no table `{key}`"))
}

/// Replaces a value that the template must have.
fn put(table: &mut Table, key: &str, value: impl Into<Value>) -> anyhow::Result<()> {
    ensure!(table.insert(key.to_owned(), value.into()).is_some(), "the template has no key `{key}`");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;
    use syq_core::{Granularity, WeightGradient};
    use syq_train::config::Weights;

    fn quantization((codebook, bits): (Codebook, BitWidth), granularity: Granularity) -> Quantization {
        Quantization { codebook, granularity, bits }
    }

    #[test]
    fn every_cell_has_a_configuration_of_its_own() {
        for recipe in Recipe::ALL.into_iter().chain([Recipe::PaperFixedScales]) {
            let template = std::fs::read_to_string(repository().join(recipe.template())).unwrap();
            for scheme in SCHEMES.map(|scheme| quantization(scheme, Granularity::Row)) {
                let cell = Cell { recipe, scheme, seed: 3 };
                let config = Config::from_toml_str(&cell.config(&template).unwrap()).unwrap();
                let network = &config.network;
                let weights = [Weights::Binary, Weights::Ternary][usize::from(scheme.codebook == Codebook::Ternary)];
                assert_eq!((network.weights, network.granularity), (weights, Some(Granularity::Row)));
                assert_eq!(network.activation_bits, Some(scheme.bits));
                assert_eq!(config.train.seed, 3);
                let still = config.train.learning_rate_multiplier.scale == Some(0.0);
                assert_eq!(still, matches!(recipe, Recipe::FixedScales | Recipe::PaperFixedScales));
                assert_eq!(config.recipe.map(|recipe| recipe.name()), (recipe == Recipe::Paper).then_some("syq-2018"));
                let gradient = config.network.weight_gradient.unwrap_or_default();
                let papers = matches!(recipe, Recipe::Paper | Recipe::PaperFixedScales);
                assert_eq!(gradient == WeightGradient::Syq, papers);
            }
        }
    }

    #[test]
    fn a_name_says_everything() {
        let scheme = quantization(SCHEMES[0], Granularity::Pixel);
        let cell = Cell { recipe: Recipe::FixedScales, scheme, seed: 2 };
        assert_eq!(cell.name(), "ablation-fixed-scales-w1a2-pixel-seed2");
        assert!(cell.config("[train]\nseed = 1\n").unwrap_err().to_string().contains("`network`"));
        assert!(cell.config("[network]\n").unwrap_err().to_string().contains("`weights`"));
    }
}
