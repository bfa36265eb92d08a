//! Opens a run: loads the data, compiles the network, and starts or resumes.

use super::model::build;
use super::teacher::Teacher;
use super::{CHECKPOINT, CONFIG, OptimizerBox, Run, RunError, Seen};
use crate::atomic;
use crate::config::{Config, DataFormat, Weights};
use crate::data::cifar::{self, CifarPart};
use crate::data::folder::{self, FolderOptions};
use crate::data::split::split;
use crate::data::{DataError, Dataset};
use crate::kernels::{Isa, Precision};
use crate::parallel::Workers;
use std::path::Path;
use std::sync::Arc;

/// Which images of the configured data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Those to train on.
    Train,
    /// The test images, where the configuration names some.
    Test,
}

/// Loads a part of the configured data set; `None` where the configuration names no test images.
/// `progress` is called with the pictures read so far and their number.
///
/// # Errors
/// Images that cannot be read; names the file.
pub fn load_part(
    config: &Config,
    part: Part,
    threads: usize,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Option<Dataset>, DataError> {
    let size = config.image_size();
    let options = FolderOptions { size: Some([size, size]), threads, corrupt: config.data.corrupt.unwrap_or_default() };
    match (config.data.format, part) {
        (DataFormat::Folder, Part::Train) => folder::load(&config.data.train, options, progress).map(Some),
        (DataFormat::Folder, Part::Test) => {
            config.data.test.as_deref().map(|path| folder::load(path, options, progress)).transpose()
        }
        (DataFormat::Cifar10, Part::Train) => cifar::load(&config.data.train, CifarPart::Train).map(Some),
        (DataFormat::Cifar10, Part::Test) => {
            let path = config.data.test.as_deref().unwrap_or(&config.data.train);
            cifar::load(path, CifarPart::Test).map(Some)
        }
    }
}

/// How a run's folder is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// A new run; the folder must not hold one.
    New,
    /// Goes on where the folder's checkpoint stands; from the beginning, where the run was stopped before its first
    /// checkpoint.
    Resume,
}

/// The number of threads that a configuration asks for; 0 means one for each core.
pub fn threads(config: &Config) -> usize {
    match config.train.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    }
}

/// The precision that a configuration means on this machine, which need not have it.
pub fn precision(config: &Config) -> Precision {
    match config.train.precision {
        crate::config::Precision::F32 => Precision::F32,
        crate::config::Precision::Bf16 => Precision::Bf16,
        crate::config::Precision::Auto if Isa::detect().check(Precision::Bf16).is_ok() => Precision::Bf16,
        crate::config::Precision::Auto => Precision::F32,
    }
}

/// Every class name belongs to a class, and every class has a label of its own.
fn check_labels(config: &Config, data: &Dataset) -> Result<(), RunError> {
    let classes = data.classes();
    if let Some(name) = config.data.class_names.keys().find(|name| !classes.contains(name)) {
        return Err(RunError::ClassName { name: name.clone(), data: classes.to_vec() });
    }
    let mut labels = config.labels(classes);
    labels.sort_unstable();
    let same = labels.iter().zip(labels.iter().skip(1)).find(|(label, next)| label == next);
    same.map_or(Ok(()), |(label, _)| Err(RunError::SameLabel { label: label.clone() }))
}

impl Run {
    /// Opens a run on `data`, the training images.
    ///
    /// # Errors
    /// A configuration that does not fit the machine or the data, a folder that holds a run already
    /// (or that does not exist, to resume), or float weights or a teacher that do not fit.
    pub fn open(config: Config, folder: &Path, data: Dataset, start: Start) -> Result<Self, RunError> {
        let at = |source| RunError::File { path: folder.to_owned(), source };
        let begun = folder.join(CHECKPOINT).exists();
        match start {
            Start::New if begun => return Err(RunError::Exists { folder: folder.to_owned() }),
            Start::Resume if !folder.is_dir() => return Err(RunError::Absent { folder: folder.to_owned() }),
            Start::New | Start::Resume => {}
        }
        check_labels(&config, &data)?;
        let split = split(&data, config.held_out(), config.train.seed)?;
        let precision = precision(&config);
        Isa::detect().check(precision)?;
        let batches = split.train.len() / config.train.batch;
        let normalization = Arc::new(config.normalization(&data)?);
        let graph = build(&config.stage(0), &normalization, data.classes().len(), precision)?;
        let mut run = Self {
            graph,
            teacher: None,
            optimizer: OptimizerBox(config.optimizer()),
            schedule: config.schedule(batches),
            workers: Workers::new(threads(&config))?,
            data: Arc::new(data),
            split,
            normalization,
            step: 0,
            seen: Seen::default(),
            best: 0,
            folder: folder.to_owned(),
            config,
        };
        if let Some(distillation) = &run.config.train.distillation {
            run.teacher = Some(Teacher::open(distillation, &run)?);
        }
        run.check_sizes()?;
        std::fs::create_dir_all(folder).map_err(at)?;
        atomic::remove_partial(folder).map_err(at)?;
        match start {
            Start::Resume if begun => run.resume()?,
            Start::New | Start::Resume => {
                if let Some(init) = run.config.train.init.clone() {
                    run.start_from(&init)?;
                } else if run.config.network.weights != Weights::Float {
                    return Err(RunError::NoInit);
                }
            }
        }
        Ok(run)
    }

    /// Writes the configuration's own text into the run's folder.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep_config(&self, text: &str) -> Result<(), RunError> {
        let path = self.folder.join(CONFIG);
        std::fs::write(&path, text).map_err(|source| RunError::File { path, source })
    }
}
