//! Which pictures a command line names: files, folders, and `-` for one on standard input.

use crate::picture::PictureLimits;
use std::io::Read;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Endings of the files that are taken from a folder, in any case.
const ENDINGS: [&str; 3] = ["jpg", "jpeg", "png"];

/// Where one picture comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// A path that gives no picture.
#[derive(Debug, Error)]
#[error("{}: {reason}", path.display())]
pub struct InputError {
    /// The path.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub reason: InputErrorKind,
}

/// What is wrong with a path.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InputErrorKind {
    /// The operating system refuses.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A folder without pictures.
    #[error("no .jpg, .jpeg or .png file in this folder")]
    NoPictures,
    /// More bytes than a picture may have.
    #[error("larger than {limit} bytes")]
    TooManyBytes {
        /// Most bytes.
        limit: usize,
    },
}

impl std::fmt::Display for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stdin => f.write_str("-"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Input {
    /// The bytes of the file, or of standard input up to its end.
    ///
    /// # Errors
    /// A file that cannot be read, or one beyond the limit, of which no more is read, and nothing of a file that has a length.
    pub fn read(&self, limits: &PictureLimits) -> Result<Vec<u8>, InputError> {
        let read = || match self {
            Self::Stdin => read_limited(std::io::stdin().lock(), limits.bytes),
            Self::File(path) => {
                let file = std::fs::File::open(path)?;
                // What says that it is too long is not read at all; a pipe does not say.
                let len = file.metadata()?.len();
                if len > limits.bytes as u64 {
                    return Err(InputErrorKind::TooManyBytes { limit: limits.bytes });
                }
                read_limited(file, limits.bytes)
            }
        };
        read().map_err(|reason| InputError { path: self.path().to_path_buf(), reason })
    }

    /// The path as given; `-` for standard input.
    pub fn path(&self) -> &Path {
        match self {
            Self::Stdin => Path::new("-"),
            Self::File(path) => path,
        }
    }
}

fn read_limited(source: impl Read, limit: usize) -> Result<Vec<u8>, InputErrorKind> {
    let mut bytes = Vec::new();
    source.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit { Err(InputErrorKind::TooManyBytes { limit }) } else { Ok(bytes) }
}

/// The pictures that `paths` name, in the order of the paths.
///
/// A file is taken whatever its name. A folder gives its `.jpg`, `.jpeg` and `.png` files and those of
/// its subfolders, sorted by path; links to folders are not followed. `-` is standard input, once.
/// What cannot be read becomes an error in its place, and the others go on.
pub fn collect(paths: &[PathBuf]) -> Vec<Result<Input, InputError>> {
    let mut inputs = Vec::new();
    let mut stdin = false;
    for path in paths {
        if path.as_os_str() == "-" {
            if !std::mem::replace(&mut stdin, true) {
                inputs.push(Ok(Input::Stdin));
            }
            continue;
        }
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => collect_folder(path, &mut inputs),
            Ok(_) => inputs.push(Ok(Input::File(path.clone()))),
            Err(error) => inputs.push(Err(InputError { path: path.clone(), reason: error.into() })),
        }
    }
    inputs
}

fn collect_folder(root: &Path, inputs: &mut Vec<Result<Input, InputError>>) {
    let mut found = Vec::new();
    let mut errors = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        if let Err(error) = list(&folder, &mut found, &mut folders) {
            errors.push(InputError { path: folder, reason: error.into() });
        }
    }
    if found.is_empty() && errors.is_empty() {
        errors.push(InputError { path: root.to_path_buf(), reason: InputErrorKind::NoPictures });
    }
    found.sort();
    errors.sort_by(|a, b| a.path.cmp(&b.path));
    inputs.extend(found.into_iter().map(|path| Ok(Input::File(path))));
    inputs.extend(errors.into_iter().map(Err));
}

/// The pictures and the subfolders of one folder.
fn list(folder: &Path, pictures: &mut Vec<PathBuf>, folders: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            folders.push(path);
        } else if is_picture(&path) && path.metadata().is_ok_and(|metadata| metadata.is_file()) {
            pictures.push(path);
        }
    }
    Ok(())
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))
}
