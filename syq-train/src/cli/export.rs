//! `syq-train export`.

use super::progress::{Reading, say, warn_skipped};
use super::values::checkpoint;
use anyhow::bail;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;
use syq_train::config::TensorBoardConfig;
use syq_train::metrics::{Metrics, Part, Row};
use syq_train::run::{DataPart, METRICS, RunMetadata, TENSORBOARD, accuracy, evaluate, export, load_part, threads};
use syq_train::tensorboard::TensorBoard;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The run's folder, or one of its checkpoints.
    run: PathBuf,
    /// The model file to write.
    #[arg(long)]
    out: PathBuf,
    /// Folder of test images, instead of the configuration's; without either the accuracy stays out.
    #[arg(long)]
    test: Option<PathBuf>,
    /// A name for the recipe, such as the configuration's, to be kept in the file.
    #[arg(long)]
    recipe: Option<String>,
    /// What to call the data set in the file, instead of the path of its folder.
    #[arg(long)]
    data_set: Option<String>,
    /// The command that reproduces the run, to be kept in the file.
    #[arg(long)]
    command: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let checkpoint = checkpoint(&arguments.run);
    let (mut model, metadata) = export(&checkpoint)?;
    let mut config = metadata.config.clone();
    config.data.test = arguments.test.clone().or(config.data.test);
    let threads = threads(&config);
    if arguments.recipe.is_some() {
        model.origin.recipe.clone_from(&arguments.recipe);
    }
    model.origin.command.clone_from(&arguments.command);
    if arguments.data_set.is_some() {
        model.origin.data_set.clone_from(&arguments.data_set);
    }
    let reading = Reading::new();
    let data = load_part(&config, DataPart::Test, threads, &|done, total| reading.at(done, total))?;
    drop(reading);
    match data {
        None => say("no test images: the accuracy is not measured"),
        Some(data) if data.is_empty() => bail!("no test images"),
        Some(data) => {
            warn_skipped(&data);
            let indices: Vec<u32> = (0..data.len() as u32).collect();
            let started = Instant::now();
            let loss = evaluate(&model, &data, &indices, threads)?;
            model.origin.top1 = Some(accuracy(&loss));
            writeln!(
                std::io::stdout(),
                "top-1 {:.2} % ({} of {}), top-5 {:.2} % ({})",
                loss.top1(),
                loss.correct,
                loss.images,
                loss.top5(),
                loss.correct_top5
            )?;
            if let Some(folder) = checkpoint.parent() {
                let epoch = match metadata.imported {
                    Some(_) => 0.0,
                    None => epoch(&folder.join(METRICS), &metadata),
                };
                let trained = Row::at(metadata.step, epoch);
                let row = Row::after(&trained, Part::Test, &loss, started.elapsed().as_secs_f64());
                Metrics::extend(&folder.join(METRICS))?.append(&row)?;
                if config.log.tensorboard != TensorBoardConfig::Off {
                    TensorBoard::extend(&folder.join(TENSORBOARD))?.metrics(&row)?;
                }
            }
        }
    }
    model.write(&arguments.out)?;
    say(&arguments.out.display().to_string());
    Ok(())
}

/// The epoch of a checkpoint: the best one's is not the last. Where the metrics do not know its step, the run's last.
fn epoch(metrics: &Path, metadata: &RunMetadata) -> f64 {
    let rows = Metrics::read(metrics).unwrap_or_default();
    let found = rows.iter().find(|row| row.step == metadata.step).map(|row| row.epoch);
    found.unwrap_or_else(|| f64::from(metadata.config.train.epochs))
}
