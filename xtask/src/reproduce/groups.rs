//! Numbers that differ in their seed alone, with mean and spread.

use super::list::Row;
use super::registry::Registry;
use std::collections::BTreeMap;
use std::fmt;

/// Accuracies of one setting under several seeds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Group {
    /// The seeds.
    pub(super) seeds: Vec<u64>,
    /// Top-1 in per cent, one a seed.
    pub(super) top1: Vec<f64>,
    /// The float networks', one a seed.
    pub(super) float: Vec<f64>,
}

/// Mean, standard deviation (of the sample, by n − 1) and how many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    mean: f64,
    deviation: Option<f64>,
    count: usize,
}

impl Spread {
    pub(super) fn of(values: &[f64]) -> Self {
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { mean, deviation: (count > 1).then(|| (squares / (count - 1) as f64).sqrt()), count }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.deviation {
            Some(deviation) => write!(f, "{:.2} ± {deviation:.2} ({})", self.mean, self.count),
            None => write!(f, "{:.2} (1)", self.mean),
        }
    }
}

impl Group {
    fn add(&mut self, row: &Row) {
        self.seeds.push(row.seed);
        self.top1.push(row.top1);
        self.float.push(row.float_top1);
    }

    /// Top-1.
    pub(super) fn top1(&self) -> Spread {
        Spread::of(&self.top1)
    }

    /// Points below the float network.
    pub(super) fn drop(&self) -> Spread {
        let drops: Vec<f64> = self.float.iter().zip(&self.top1).map(|(float, top1)| float - top1).collect();
        Spread::of(&drops)
    }
}

/// The rows in groups of one configuration each: everything but the seed, the threads and where the files lie is the
/// same, in every stage. A group is named by its first row.
pub(super) fn by_configuration(registry: &Registry, rows: &[Row]) -> anyhow::Result<Vec<(String, Group)>> {
    let mut order = Vec::new();
    let mut groups: BTreeMap<String, (String, Group)> = BTreeMap::new();
    for row in rows {
        let mut key = format!("{} {}", row.data, row.recipe);
        for run in registry.stages(registry.get(&row.name)?)? {
            let mut config = run.config.clone();
            config.train.seed = 0;
            config.train.threads = 0;
            config.train.init = None;
            config.data.train.clone_from(&Default::default());
            config.data.test = None;
            if let Some(distillation) = &mut config.train.distillation {
                distillation.teacher.clone_from(&Default::default());
            }
            key += &serde_json::to_string(&(config, run.entry.stop_after))?;
        }
        if !groups.contains_key(&key) {
            order.push(key.clone());
        }
        groups.entry(key).or_insert_with(|| (row.name.clone(), Group::default())).1.add(row);
    }
    Ok(order.iter().filter_map(|key| groups.remove(key)).collect())
}

/// What an ablation compares: network, data set, scheme, first and last layers, recipe and epochs; in each by granularity.
pub(super) type Setting = ([String; 5], u64);

/// The quantized rows by setting and granularity.
pub(super) fn by_setting(rows: &[Row]) -> BTreeMap<Setting, BTreeMap<&'static str, Group>> {
    let mut settings: BTreeMap<Setting, BTreeMap<&'static str, Group>> = BTreeMap::new();
    for row in rows {
        let Some(granularity) = row.granularity else { continue };
        let ends = row.first_last.to_owned();
        let setting = ([row.data.clone(), row.net.clone(), row.scheme.clone(), ends, row.recipe.clone()], row.epochs);
        settings.entry(setting).or_default().entry(granularity).or_default().add(row);
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;
    use crate::reproduce::list;

    #[test]
    fn a_spread_by_hand() {
        assert_eq!(Spread::of(&[89.0, 90.0, 91.0]).to_string(), "90.00 ± 1.00 (3)");
        assert_eq!(Spread::of(&[89.726]).to_string(), "89.73 (1)");
    }

    #[test]
    fn seeds_are_together_and_other_settings_apart() {
        let mut registry = Registry::read(repository()).unwrap();
        let name = "cifar10-resnet20-w2a2-pixel-distilled";
        let mut second = registry.get(name).unwrap().clone();
        second.entry.name = "second".to_owned();
        second.config.train.seed = 2;
        second.config.train.threads = 1;
        second.entry.top1.as_mut().unwrap().right = 8992;
        let mut third = second.clone();
        third.entry.name = "third".to_owned();
        third.config.train.learning_rate *= 2.0;
        registry.0.extend([second, third]);
        let rows = list::rows(&registry).unwrap();
        let groups = by_configuration(&registry, &rows).unwrap();
        let group = &groups.iter().find(|(first, _)| first == name).unwrap().1;
        assert_eq!(group.seeds, [1, 2]);
        assert_eq!(group.top1().to_string(), "89.82 ± 0.14 (2)");
        assert_eq!(group.drop().to_string(), "1.28 ± 0.14 (2)");
        assert!(groups.iter().any(|(first, group)| first == "third" && group.seeds == [2]));
        let settings = by_setting(&rows);
        let key = (["cifar10", "resnet20", "W2A2", "float", "ours"].map(str::to_owned), 79);
        assert_eq!(settings[&key]["pixel"].seeds, [1, 2, 2]);
    }
}
