//! What is trained: the networks with their pictures and batches, and our configurations of them.

use std::path::Path;
use syq_bench::train::Scheme;
use syq_pack::zoo::Architecture;

/// A network to be trained beside PyTorch.
#[derive(Debug)]
pub(super) struct Trial {
    /// The network.
    pub(super) network: Architecture,
    /// Height and width of its pictures.
    pub(super) side: usize,
    /// Pixels of padding before the random crop.
    pub(super) padding: usize,
    /// Pictures of a step.
    pub(super) batch: usize,
    /// Steps of a burst.
    pub(super) steps: usize,
    /// Pictures of a class.
    pub(super) images: usize,
}

/// The trials that have marks.
pub(super) const TRIALS: [Trial; 2] = [
    Trial { network: Architecture::ResNet20, side: 32, padding: 4, batch: 128, steps: 40, images: 640 },
    Trial { network: Architecture::ResNet18, side: 128, padding: 16, batch: 64, steps: 8, images: 64 },
];

/// Classes of the pictures.
pub(super) const CLASSES: usize = 10;

impl Trial {
    /// Our configuration. It says what `train_torch.py` does: crop and flip, SGD for the float and Adam for the
    /// quantized network.
    pub(super) fn configuration(&self, scheme: Scheme, threads: usize, pictures: &Path) -> String {
        let (network, optimizer) = match scheme {
            Scheme::Float => (
                "weights = \"float\"",
                "learning_rate = 0.05\n\n[train.optimizer]\nsgd = { momentum = 0.9, kind = \"nesterov\" }\n\n\
                 [train.weight_decay]\nweight = 5e-4",
            ),
            Scheme::W2A2 => (
                "weights = \"ternary\"\ngranularity = \"pixel\"\nactivation_bits = 2\nactivation_range = \"learned\"",
                "learning_rate = 1e-3\n\n[train.optimizer]\nadam = { betas = [0.9, 0.999], epsilon = 1e-5 }",
            ),
        };
        // TOML's basic strings and Rust's escape alike what a path may hold.
        format!(
            "[network]\nname = \"{}\"\n{network}\n\n[data]\nformat = \"folder\"\ntrain = {:?}\nimage_size = {}\n\n\
             [data.normalization]\nmean = [0.4914, 0.4822, 0.4465]\nstd = [0.2470, 0.2435, 0.2616]\n\n\
             [data.augmentation]\ncrop_padding = {}\nflip = \"horizontal\"\n\n\
             [train]\nseed = 1\nepochs = 1000\nbatch = {}\nthreads = {threads}\nprecision = \"auto\"\n{optimizer}\n\n\
             [train.schedule]\ncosine = {{ warmup_epochs = 0, final_fraction = 0.0 }}\n",
            self.network.name(),
            pictures.display().to_string(),
            self.side,
            self.padding,
            self.batch,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syq_train::config::Config;

    #[test]
    fn configurations_are_valid() {
        for trial in &TRIALS {
            for scheme in [Scheme::Float, Scheme::W2A2] {
                let text = trial.configuration(scheme, 2, Path::new("/a \"b\"/c"));
                let config = Config::from_toml_str(&text).unwrap();
                assert_eq!((config.network.name, config.image_size()), (trial.network, trial.side));
                assert_eq!(config.data.train, Path::new("/a \"b\"/c"));
            }
            assert!(trial.images * CLASSES >= 10 * trial.batch, "an epoch has ten steps");
        }
    }
}
