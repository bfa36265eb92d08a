//! What can go wrong in a run.

use crate::checkpoint::CheckpointError;
use crate::config::ConfigError;
use crate::data::DataError;
use crate::error::TrainError;
use crate::kernels::PrecisionError;
use crate::metrics::MetricsError;
use crate::optim::OptimError;
use crate::parallel::WorkersError;
use crate::tensorboard::TensorBoardError;
use std::path::PathBuf;
use thiserror::Error;

/// An error of a run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// A checkpoint that cannot be read or written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A configuration that does not fit.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Data that cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A network that cannot be trained.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A precision that the machine does not have.
    #[error(transparent)]
    Precision(#[from] PrecisionError),
    /// Metrics that cannot be written.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// A TensorBoard event file that cannot be written.
    #[error(transparent)]
    TensorBoard(#[from] TensorBoardError),
    /// An optimizer that does not fit the checkpoint.
    #[error(transparent)]
    Optim(#[from] OptimError),
    /// Threads that cannot be started.
    #[error(transparent)]
    Workers(#[from] WorkersError),
    /// A folder or file that cannot be made.
    #[error("{}: {source}", path.display())]
    File {
        /// The path.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A new run in a folder that holds one.
    #[error("{} holds a run already: resume it, or choose another folder", folder.display())]
    Exists {
        /// The folder.
        folder: PathBuf,
    },
    /// A parameter or statistic that is no number any more. The loss need not show it: ReLU makes 0 of what is none.
    #[error(
        "after step {step} {name:?} has the value {value}: lower the learning rate, or start from a better network"
    )]
    Diverged {
        /// Steps done.
        step: u64,
        /// The tensor.
        name: String,
        /// Its first such value.
        value: f32,
    },
    /// A folder to resume in that does not exist.
    #[error("{} holds no run that could go on", folder.display())]
    Absent {
        /// The folder.
        folder: PathBuf,
    },
    /// A resumed run whose configuration is not the checkpoint's.
    #[error("{}: the checkpoint was made with another configuration", path.display())]
    Changed {
        /// The checkpoint.
        path: PathBuf,
    },
    /// A model that does not fit together.
    #[error(transparent)]
    Model(#[from] syq_pack::ModelError),
    /// A model that the engine cannot run.
    #[error(transparent)]
    Session(#[from] syq_infer::SessionError),
    /// An image without pixels.
    #[error(transparent)]
    Rgb(#[from] syq_infer::rgb::RgbSizeError),
    /// Images of other classes than the model's.
    #[error("the model knows the classes {}, the images have {}", model.join(", "), data.join(", "))]
    Classes {
        /// The model's class folders.
        model: Vec<String>,
        /// The data set's class names.
        data: Vec<String>,
    },
    /// A name for a class that the data set does not have.
    #[error("data.class_names names {name:?}, but the classes are {}", data.join(", "))]
    ClassName {
        /// The name that no class folder has.
        name: String,
        /// The data set's class names.
        data: Vec<String>,
    },
    /// Two classes with one label.
    #[error("by data.class_names two classes would be called {label:?}")]
    SameLabel {
        /// The label.
        label: String,
    },
    /// A teacher that sees other pictures than the student.
    #[error("{}: the teacher's {what}: {teacher}; the student's: {student}", path.display())]
    Teacher {
        /// The teacher's checkpoint.
        path: PathBuf,
        /// What differs.
        what: &'static str,
        /// The teacher's.
        teacher: String,
        /// The student's.
        student: String,
    },
    /// Quantized training without a float network to start from.
    #[error("the configuration names no `init` under [train]: quantized training starts from float weights")]
    NoInit,
}
