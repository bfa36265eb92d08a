//! How well a run's network does, counted by the engine.

use super::entry::Split;
use anyhow::{Context, ensure};
use syq_pack::Model;
use syq_train::config::Config;
use syq_train::data::split::split as hold_out;
use syq_train::layers::Loss;
use syq_train::run::{DataPart, evaluate, load_part, threads};

/// Classifies the images of `split` that `config` describes.
pub(super) fn judge(config: &Config, model: &Model, split: Split) -> anyhow::Result<Loss> {
    let threads = threads(config);
    let load = |part, what: &'static str| {
        load_part(config, part, threads, &|_, _| {})?
            .with_context(|| format!("the configuration names no {what} images"))
    };
    let (images, indices) = match split {
        Split::Test => {
            let images = load(DataPart::Test, "test")?;
            let all = (0..images.len() as u32).collect();
            (images, all)
        }
        Split::Validation => {
            let images = load(DataPart::Train, "training")?;
            let held_out = hold_out(&images, config.held_out(), config.train.seed)?.validation;
            ensure!(!held_out.is_empty(), "the configuration names no test images and holds none out");
            (images, held_out)
        }
    };
    Ok(evaluate(model, &images, &indices, threads)?)
}
