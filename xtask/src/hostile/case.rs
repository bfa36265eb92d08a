//! What a row of the table says: which files, what is wrong with them, who reads them and what has to come of it.

use anyhow::{Context, ensure};
use clap::ValueEnum;
use serde::Serialize;
use std::path::Path;
use std::process::Command;
use syq_infer::picture::PictureLimits;
use syq_pack::ModelLimits;

/// One row: one file, or a group of files with the same defect in many places.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) wrong: &'static str,
    pub(super) reader: Reader,
    pub(super) files: Vec<Source>,
    pub(super) expected: Expected,
}

/// How a worker reads a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reader {
    /// `Model::read`, then an engine, then a classification.
    Model,
    /// The same with the limits of a service.
    ServiceModel,
    /// `Model::read` again and again while another thread changes the file.
    Swap,
    /// `picture::decode` with the default limits.
    Picture,
    /// The same with the limits of a service.
    ServicePicture,
}

impl Reader {
    /// What a model may ask for.
    pub(super) fn model_limits(self) -> ModelLimits {
        match self {
            Self::ServiceModel => {
                ModelLimits { file: 16 << 20, elements: 1 << 20, macs: 1_000_000_000, ..ModelLimits::DEFAULT }
            }
            _ => ModelLimits::DEFAULT,
        }
    }

    /// What a picture may ask for.
    pub(super) fn picture_limits(self) -> PictureLimits {
        match self {
            Self::ServicePicture => PictureLimits { bytes: 16 << 20, side: 8_192, pixels: 4_000_000 },
            _ => PictureLimits::default(),
        }
    }

    /// Its name among a worker's arguments.
    pub(super) fn argument(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Model | Self::ServiceModel | Self::Swap => "syq",
            // A picture is what its bytes say, whatever its name.
            Self::Picture | Self::ServicePicture => "png",
        }
    }
}

/// What a path names.
#[derive(Debug)]
pub(super) enum Source {
    Bytes(Vec<u8>),
    /// These bytes at the head of a file of so many bytes, the rest of which takes no disk.
    Sparse(Vec<u8>, u64),
    Folder,
    Pipe,
    Link(&'static str),
}

/// What has to come of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected {
    /// A typed error whose variants or message hold one of these.
    Error(&'static [&'static str]),
    /// It is valid, and stays within the time and memory.
    Valid,
    /// It is valid and large: what it takes is reported, and not judged.
    Large,
    /// An error or a valid file, within the time and memory.
    Either,
}

impl Case {
    pub(super) fn new(
        name: &'static str,
        wrong: &'static str,
        reader: Reader,
        files: Vec<Source>,
        expected: Expected,
    ) -> Self {
        Self { name, wrong, reader, files, expected }
    }

    /// The name of one of its files.
    pub(super) fn file(&self, index: usize) -> String {
        let ending = self.reader.ending();
        if self.files.len() == 1 {
            format!("{}.{ending}", self.name)
        } else {
            format!("{}-{index}.{ending}", self.name)
        }
    }
}

impl Source {
    /// Makes what the path shall name.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let made = match self {
            Self::Bytes(bytes) => std::fs::write(path, bytes),
            Self::Sparse(head, len) => std::fs::write(path, head)
                .and_then(|()| std::fs::OpenOptions::new().write(true).open(path))
                .and_then(|file| file.set_len(*len)),
            Self::Folder => std::fs::create_dir(path),
            #[cfg(unix)]
            Self::Link(to) => std::os::unix::fs::symlink(to, path),
            #[cfg(not(unix))]
            Self::Link(_) => Err(std::io::ErrorKind::Unsupported.into()),
            Self::Pipe => {
                let status = Command::new("mkfifo").arg(path).status().context("cannot run mkfifo")?;
                ensure!(status.success(), "mkfifo failed");
                Ok(())
            }
        };
        made.with_context(|| format!("cannot make {}", path.display()))
    }

    /// Bytes of the file; 0 of what is none.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Sparse(_, len) => *len,
            Self::Folder | Self::Pipe | Self::Link(_) => 0,
        }
    }
}
