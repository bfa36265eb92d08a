//! A run's configuration as a list of keys and values.
//!
//! The report reads it as such and not as a [`crate::config::Config`], so that a run of an older version, whose keys
//! were others, can still be shown.

use serde_json::Value;
use std::collections::BTreeMap;

/// Every key of a configuration with its tables (`train.optimizer.adam.epsilon`), and its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    values: BTreeMap<String, String>,
}

impl Settings {
    /// The settings that a JSON object holds; nulls and empty tables are left out.
    pub fn new(config: &Value) -> Self {
        let mut settings = Self::default();
        settings.add("", config);
        settings
    }

    fn add(&mut self, key: &str, value: &Value) {
        let text = match value {
            Value::Null => return,
            Value::Object(table) => {
                for (name, value) in table {
                    let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                    self.add(&key, value);
                }
                return;
            }
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        self.values.insert(key.to_owned(), text);
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// The value of a key as a number.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.get(key)?.parse().ok()
    }

    /// Every key with its value, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether a table has keys.
    fn has(&self, table: &str) -> bool {
        self.values.keys().any(|key| key.strip_prefix(table).is_some_and(|rest| rest.starts_with('.')))
    }

    /// The bits of weights and activations, such as "W2A2"; "float".
    pub fn bits(&self) -> Option<String> {
        let weights = match self.get("network.weights")? {
            "binary" => "W1",
            "ternary" => "W2",
            other => return Some(other.to_owned()),
        };
        Some(self.get("network.activation_bits").map_or(weights.to_owned(), |bits| format!("{weights}A{bits}")))
    }

    /// How the network was trained, in a few words.
    pub fn recipe(&self) -> String {
        let mut words = Vec::new();
        for key in ["recipe", "network.recipe", "train.recipe"] {
            words.extend(self.get(key).map(|name| format!("recipe {name}")));
        }
        for (table, name) in [("train.optimizer.adam", "Adam"), ("train.optimizer.sgd", "SGD")] {
            if self.has(table) {
                let rate = self.get("train.learning_rate").map_or(String::new(), |rate| format!(" at {rate}"));
                words.push(format!("{name}{rate}"));
            }
        }
        for (table, name) in [("train.schedule.cosine", "cosine"), ("train.schedule.step", "steps")] {
            if self.has(table) {
                words.push(name.to_owned());
            }
        }
        match (self.get("network.activation_range"), self.get("network.activation_range.fixed_point")) {
            (_, Some(bits)) => words.push(format!("fixed-point range of {bits} bits")),
            (Some("learned"), _) => words.push("learned activation step".to_owned()),
            (Some("unit"), _) => words.push("activations clipped to [0, 1]".to_owned()),
            (other, _) => words.extend(other.map(|range| format!("activation range {range}"))),
        }
        if self.get("network.first_last") == Some("8bit") {
            words.push("8-bit first and last layers".to_owned());
        }
        words.extend(self.get("network.threshold").map(|eta| format!("threshold {eta}")));
        if let Some(over) = self.get("network.weight_normalization").filter(|over| *over != "none") {
            words.push(format!("weights normalised over each {over}"));
        }
        if self.get("network.weight_gradient") == Some("identity") {
            words.push("plain straight-through gradients".to_owned());
        }
        if self.get("train.progressive_bits").is_some() {
            words.push("progressive bits".to_owned());
        }
        if self.get("train.progressive_sizes").is_some() {
            words.push("progressive sizes".to_owned());
        }
        if let Some(weight) = self.get("train.distillation.weight") {
            words.push(format!("distillation with weight {weight}"));
        }
        if let Some(share) = self.get("train.label_smoothing").filter(|share| share.parse() != Ok(0.0)) {
            words.push(format!("label smoothing {share}"));
        }
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_configuration_is_told_in_a_few_words() {
        let settings = Settings::new(&json!({
            "network": {"weights": "ternary", "activation_bits": 2, "activation_range": "learned", "threshold": 0.1},
            "train": {
                "learning_rate": 0.001, "label_smoothing": 0.0, "init": null,
                "optimizer": {"adam": {"epsilon": 1e-5}}, "schedule": {"cosine": {"warmup_epochs": 1}},
                "distillation": {"weight": 0.7},
            },
        }));
        assert_eq!(settings.bits().unwrap(), "W2A2");
        assert_eq!(
            settings.recipe(),
            "Adam at 0.001, cosine, learned activation step, threshold 0.1, distillation with weight 0.7"
        );
        assert_eq!((settings.get("train.init"), settings.number("train.learning_rate")), (None, Some(0.001)));
        // As a checkpoint echoes a real configuration.
        let text = include_str!("../../configs/cifar10-resnet20-w2a2-pixel.toml");
        let more = "activation_bits = 2\nfirst_last = \"8bit\"\nweight_normalization = \"filter\"\nweight_gradient = \"identity\"";
        let stages = "epochs = 24\nprogressive_bits = [{ activation_bits = 4, epochs = 2 }]\n\
                      progressive_sizes = [{ image_size = 24, epochs = 2 }]";
        let text = text.replace("activation_bits = 2", more).replace("epochs = 24", stages);
        let config = crate::config::Config::from_toml_str(&text).unwrap();
        let integer = Settings::new(&serde_json::from_str(&serde_json::to_string(&config).unwrap()).unwrap());
        assert_eq!(
            integer.recipe(),
            "Adam at 0.001, cosine, learned activation step, 8-bit first and last layers, \
             weights normalised over each filter, plain straight-through gradients, progressive bits, progressive sizes"
        );
        let float = Settings::new(&json!({"network": {"weights": "float"}}));
        assert_eq!((float.bits().unwrap(), float.recipe()), ("float".to_owned(), String::new()));
        assert_eq!(Settings::new(&Value::Null), Settings::default());
    }
}
