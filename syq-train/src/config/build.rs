//! From a configuration to the values that a run works with.

use super::{AugmentationConfig, Config, FirstLast, OptimizerConfig, ScheduleConfig, Weights};
use crate::data::{Augmentation, DataError, Dataset, HeldOut, Normalization};
use crate::optim::{Adam, AdamOptions, Decay, Optimizer, Schedule, Sgd, SgdOptions};
use syq_core::{ActivationQuantizer, ActivationRange, Codebook, WeightQuantizer};
use syq_pack::Network;
use syq_pack::preprocess::Filter;
use syq_pack::zoo::{self, Scheme};

impl Config {
    /// The network for `classes` classes of pictures that `normalization` normalises.
    pub fn network(&self, normalization: &Normalization, classes: usize) -> Network {
        self.network.name.build(self.scheme(normalization), self.image_size(), classes)
    }

    /// How the network is quantized, for [`zoo::Architecture::build`]. The codes of the picture, where the
    /// first layer has 8 bits, reach exactly as far as `normalization` takes a byte.
    pub fn scheme(&self, normalization: &Normalization) -> Scheme {
        let network = &self.network;
        let codebook = match network.weights {
            Weights::Float => return Scheme::Float,
            Weights::Binary => Codebook::Binary,
            Weights::Ternary => Codebook::Ternary,
        };
        match (network.granularity, network.activation_bits) {
            (Some(granularity), Some(bits)) => {
                let range = network.activation_range.unwrap_or(ActivationRange::Unit);
                let first_last = match network.first_last.unwrap_or_default() {
                    FirstLast::Float => zoo::FirstLast::Float,
                    FirstLast::EightBit => zoo::FirstLast::EightBit { bound: normalization.bound() },
                };
                Scheme::Quantized { codebook, granularity, activation: ActivationQuantizer { bits, range }, first_last }
            }
            // A validated configuration has both.
            _ => Scheme::Float,
        }
    }

    /// The labels of the classes that are called so in the data set.
    pub fn labels(&self, classes: &[String]) -> Vec<String> {
        classes.iter().map(|class| self.data.class_names.get(class).unwrap_or(class).clone()).collect()
    }

    /// η: the threshold's fraction of max |W|; 0 for weights that are not ternary.
    pub fn eta(&self) -> f32 {
        match self.network.weights {
            Weights::Ternary => self.network.threshold.unwrap_or(WeightQuantizer::DEFAULT_ETA),
            Weights::Float | Weights::Binary => 0.0,
        }
    }

    /// Height and width of the pictures.
    pub fn image_size(&self) -> usize {
        self.data.image_size.unwrap_or(self.network.name.image())
    }

    /// Pixels of the short side to which evaluation resizes a picture before it crops the centre.
    pub fn evaluation_resize(&self) -> usize {
        self.data.evaluation.map_or(self.image_size(), |evaluation| evaluation.resize)
    }

    /// How pictures are resized, in training and by the exported model.
    pub fn filter(&self) -> Filter {
        self.data.filter.unwrap_or(Filter::PillowBilinear)
    }

    /// The part of the training images to hold out.
    pub fn held_out(&self) -> HeldOut {
        HeldOut::Fraction(self.data.validation)
    }

    /// Random changes of training images.
    pub fn augmentation(&self) -> Augmentation {
        let AugmentationConfig { crop_padding, flip, random_resized_crop, scale_jitter, color_jitter } =
            self.data.augmentation;
        Augmentation {
            padding: crop_padding,
            flip,
            resized_crop: random_resized_crop,
            scale_jitter,
            color_jitter,
            filter: self.filter(),
        }
    }

    /// The normalisation that is configured, or that of `train`.
    ///
    /// # Errors
    /// Training images whose channels are constant.
    pub fn normalization(&self, train: &Dataset) -> Result<Normalization, DataError> {
        match self.data.normalization {
            Some(given) => Normalization::new(given.mean, given.std),
            None => train.normalization(),
        }
    }

    /// The optimizer, without state.
    pub fn optimizer(&self) -> Box<dyn Optimizer> {
        let weight_decay = self.train.weight_decay.or(0.0);
        let multiplier = self.train.learning_rate_multiplier.or(1.0);
        match self.train.optimizer {
            OptimizerConfig::Sgd { momentum, kind } => {
                Box::new(Sgd::new(SgdOptions { momentum, kind, weight_decay, multiplier }))
            }
            OptimizerConfig::Adam { betas, epsilon } => {
                Box::new(Adam::new(AdamOptions { betas, epsilon, weight_decay, multiplier }))
            }
        }
    }

    /// The learning rate of every step, for epochs of `batches` steps.
    pub fn schedule(&self, batches: usize) -> Schedule {
        let steps = |epochs: f64| (epochs * batches as f64).round() as u64;
        let (warmup, decay) = match &self.train.schedule {
            ScheduleConfig::Cosine { warmup_epochs, final_fraction } => {
                (steps(*warmup_epochs), Decay::Cosine { final_fraction: *final_fraction })
            }
            ScheduleConfig::Step { milestones, factor, warmup_epochs } => {
                let milestones = milestones.iter().map(|&epochs| steps(epochs)).collect();
                (steps(*warmup_epochs), Decay::Step { milestones, factor: *factor })
            }
        };
        let learning_rate = self.train.learning_rate;
        Schedule { learning_rate, warmup, steps: steps(self.train.epochs.into()), decay }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigErrorKind;
    use crate::data::Flip;
    use syq_core::{BitWidth, Granularity};

    const FLOAT: &str = include_str!("../../configs/cifar10-resnet20-float.toml");
    const W2A2: &str = include_str!("../../configs/cifar10-resnet20-w2a2-pixel.toml");
    const STAGE2: &str = include_str!("../../configs/cifar10-resnet20-w2a2-pixel-stage2.toml");
    const STAGE3: &str = include_str!("../../configs/cifar10-resnet20-w2a2-pixel-stage3.toml");

    const DISTILLED: &str = include_str!("../../configs/cifar10-resnet20-w2a2-pixel-distilled.toml");

    fn identity() -> Normalization {
        Normalization::new([0.0; 3], [1.0; 3]).unwrap()
    }

    #[test]
    fn first_and_last_layers_are_float_or_have_8_bits() {
        let first_last = |line: &str, normalization: &Normalization| {
            let text = W2A2.replace("activation_bits = 2 ", &format!("{line}\nactivation_bits = 2 "));
            match Config::from_toml_str(&text).unwrap().scheme(normalization) {
                Scheme::Quantized { first_last, .. } => first_last,
                Scheme::Float => panic!("not quantized"),
            }
        };
        assert_eq!(first_last("", &identity()), zoo::FirstLast::Float);
        assert_eq!(first_last("first_last = \"float\"", &identity()), zoo::FirstLast::Float);
        // (0 − 0.75) / 0.25 is the furthest of six extremes.
        let normalization = Normalization::new([0.5, 0.75, 0.5], [0.5, 0.25, 0.25]).unwrap();
        assert_eq!(first_last("first_last = \"8bit\"", &normalization), zoo::FirstLast::EightBit { bound: 3.0 });
        let error = Config::from_toml_str(&W2A2.replace("\"ternary\"", "\"ternary\"\nfirst_last = \"4bit\""));
        assert!(error.unwrap_err().to_string().contains("unknown variant `4bit`"));
        let float = FLOAT.replace("\"float\"", "\"float\"\nfirst_last = \"8bit\"");
        let error = Config::from_toml_str(&float).unwrap_err().to_string();
        assert!(error.contains("network.first_last has no effect"), "{error}");
    }

    #[test]
    fn the_distilled_stage_says_what_it_should() {
        let config = Config::from_toml_str(DISTILLED).unwrap();
        let identity = identity();
        assert_eq!(config.scheme(&identity), Config::from_toml_str(STAGE3).unwrap().scheme(&identity));
        assert_eq!((config.eta(), config.train.epochs, config.train.learning_rate), (0.1, 18, 1e-3));
        let distillation = config.train.distillation.unwrap();
        assert_eq!((distillation.temperature, distillation.weight, config.train.batch_norm_batches), (4.0, 0.7, 128));
    }

    #[test]
    fn the_examples_say_what_they_should() {
        let float = Config::from_toml_str(FLOAT).unwrap();
        let identity = identity();
        assert_eq!((float.scheme(&identity), float.eta(), float.image_size()), (Scheme::Float, 0.0, 32));
        let expected = Augmentation { padding: 4, flip: Flip::Horizontal, ..Augmentation::NONE };
        assert_eq!(float.augmentation(), expected);
        let schedule = float.schedule(390);
        assert_eq!((schedule.warmup, schedule.steps, schedule.rate(780)), (780, 14_040, 0.2));
        assert!(schedule.rate(14_039) < 1e-6);
        let w2a2 = Config::from_toml_str(W2A2).unwrap();
        let activation = ActivationQuantizer { bits: BitWidth::Two, range: ActivationRange::Learned };
        let granularity = Granularity::Pixel;
        let (codebook, first_last) = (Codebook::Ternary, zoo::FirstLast::Float);
        assert_eq!(w2a2.scheme(&identity), Scheme::Quantized { codebook, granularity, activation, first_last });
        assert_eq!((w2a2.eta(), w2a2.train.epochs, w2a2.train.learning_rate), (0.05, 24, 1e-3));
        assert_eq!(w2a2.train.optimizer, OptimizerConfig::Adam { betas: [0.9, 0.999], epsilon: 1e-5 });
        for (text, epochs, rate) in [(STAGE2, 44, 1e-3), (STAGE3, 14, 6.6e-4)] {
            let stage = Config::from_toml_str(text).unwrap();
            assert_eq!((stage.eta(), stage.train.epochs, stage.train.learning_rate), (0.1, epochs, rate));
            assert_eq!((stage.scheme(&identity), stage.data), (w2a2.scheme(&identity), w2a2.data.clone()));
        }
        // A checkpoint echoes the configuration as JSON.
        let echo = serde_json::to_string(&w2a2).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&echo).unwrap(), w2a2);
    }

    #[test]
    fn every_fault_names_its_key() {
        for (from, to, names) in [
            ("seed = ", "sed = ", "unknown field `sed`"),
            ("batch = 128", "", "missing field `batch`"),
            ("batch = 128", "batch = 0", "train.batch = 0: must be"),
            ("\"resnet20\"", "\"resnet21\"", "unknown variant `resnet21`"),
            ("\"ternary\"", "\"float\"", "network.granularity has no effect"),
            ("\"ternary\"", "\"binary\"\nthreshold = 0.1", "network.threshold has no effect"),
            ("granularity = \"pixel\"", "", "network.granularity is missing"),
            ("activation_bits = 2", "", "network.activation_bits is missing"),
            ("activation_bits = 2", "activation_bits = 5", "5 activation bits"),
            ("\"ternary\"", "\"ternary\"\nthreshold = 1.0", "network.threshold = 1"),
            ("crop_padding = 4", "crop_padding = 32", "data.augmentation.crop_padding = 32"),
            ("validation = 0.0", "validation = 1.0", "data.validation = 1"),
            ("validation = 0.0", "filter = \"nearest\"", "unknown variant `nearest`"),
            ("crop_padding = 4", "scale_jitter = {}\ncrop_padding = 4", "data.augmentation.crop_padding has no effect"),
            (
                "crop_padding = 4",
                "scale_jitter = {}\nrandom_resized_crop = {}",
                "augmentation.scale_jitter has no effect",
            ),
            ("crop_padding = 4", "scale_jitter = { scale = [0.5, 1] }", "data.augmentation.scale_jitter.scale = 0.5"),
            ("crop_padding = 4", "scale_jitter = { stretch = 1.0 }", "data.augmentation.scale_jitter.stretch = 1"),
            ("crop_padding = 4", "color_jitter = { hue = 0.6 }", "data.augmentation.color_jitter.hue = 0.6"),
            ("crop_padding = 4", "color_jitter = { contrast = -1 }", "data.augmentation.color_jitter = -1"),
            ("crop_padding = 4", "color_jitter = {}", "data.augmentation.color_jitter has no effect"),
            ("epsilon = 1e-5", "epsilon = 0.0", "train.optimizer.adam.epsilon = 0"),
            ("epsilon = 1e-5", "epsilon = 1e-5, momentum = 0.9", "unexpected keys in table: momentum"),
            ("[train.schedule]", "[train.distillation]\nweight = 0.5\n[train.schedule]", "missing field `teacher`"),
            (
                "[train.schedule]",
                "[train.distillation]\nteacher = \"t\"\nweight = 1.5\n[train.schedule]",
                "train.distillation.weight = 1.5",
            ),
            (
                "[train.schedule]",
                "[train.distillation]\nteacher = \"t\"\nweight = 1.0\ntemperature = 0.0\n[train.schedule]",
                "train.distillation.temperature = 0",
            ),
            ("learning_rate = 1e-3", "learning_rate = nan", "train.learning_rate = NaN"),
            ("warmup_epochs = 1", "warmup_epochs = 32", "train.schedule.cosine.warmup_epochs = 32"),
        ] {
            assert!(W2A2.contains(from), "{from}");
            let error = Config::from_toml_str(&W2A2.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(names), "{names}: {error}");
        }
        let missing = Config::read(std::path::Path::new("absent.toml")).unwrap_err();
        assert!(matches!(missing.kind, ConfigErrorKind::Io(_)) && missing.to_string().starts_with("absent.toml"));
    }

    #[test]
    fn milestones_are_epochs() {
        let step = "step = { milestones = [10, 20.5], factor = 0.1 }";
        let text = FLOAT.replace("cosine = { warmup_epochs = 2, final_fraction = 0.0 }", step);
        let decay = Config::from_toml_str(&text).unwrap().schedule(100).decay;
        assert_eq!(decay, Decay::Step { milestones: vec![1000, 2050], factor: 0.1 });
        assert!(Config::from_toml_str(&text.replace("20.5", "40")).is_err());
        assert!(Config::from_toml_str(&text.replace("20.5", "9")).is_err());
    }

    #[test]
    fn fixed_point_range() {
        let text = W2A2.replace("\"learned\"", "{ fixed_point = 3 }");
        let config = Config::from_toml_str(&text).unwrap();
        assert_eq!(config.network.activation_range, Some(ActivationRange::FixedPoint(3)));
    }
}
