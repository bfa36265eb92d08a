//! Model files on disk: read piece by piece, written at one stroke.

use super::data::{Data, PIECE};
use super::error::{FileError, FileErrorKind};
use super::read::contents;
use super::{FormatError, header};
use crate::limits::ModelLimits;
use crate::model::Model;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

impl Model {
    /// Writes the model file: a temporary file beside it, synchronized, then renamed over it. A
    /// reader sees the old file or the new one.
    ///
    /// # Errors
    /// A model that does not fit together, or what the file system says; names the file.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        let fail = |kind| FileError { path: path.to_owned(), kind };
        let bytes = self.to_bytes().map_err(|error| fail(error.into()))?;
        atomically(path, &bytes).map_err(|error| fail(error.into()))
    }

    /// Reads a model file: a file, no pipe and no device, of which the end might never come. Whoever wants a model from
    /// there reads the bytes and gives them to [`Self::from_bytes`].
    ///
    /// # Errors
    /// A file that is too large, that cannot be read or that is no model; names the file.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        Self::read_within(path, &ModelLimits::DEFAULT)
    }

    /// [`Self::read`] with limits of one's own.
    ///
    /// # Errors
    /// As [`Self::read`], or the first limit that is exceeded.
    pub fn read_within(path: &Path, limits: &ModelLimits) -> Result<Self, FileError> {
        from_file(path, limits).map_err(|kind| FileError { path: path.to_owned(), kind })
    }
}

/// The model in the file at `path`, which is read piece by piece.
fn from_file(path: &Path, limits: &ModelLimits) -> Result<Model, FileErrorKind> {
    // Asked before the file is opened: to open a pipe that nobody writes to takes for ever.
    check_kind(&std::fs::metadata(path)?)?;
    let mut file = File::open(path)?;
    let about = file.metadata()?;
    check_kind(&about)?;
    let len = about.len();
    check_size(len, limits)?;
    let mut length = Vec::with_capacity(8);
    (&file).take(8).read_to_end(&mut length)?;
    let start = header::start(&length, len, limits.header)?;
    let mut header = vec![0; start as usize - 8];
    file.read_exact(&mut header)?;
    let parsed = header::parse(&header, len - start)?;
    drop(header);
    contents(&parsed, FileData::new(file, start), limits)
}

/// A folder is what the file system says of it when it is read; a pipe or a device is refused.
fn check_kind(about: &std::fs::Metadata) -> Result<(), FileErrorKind> {
    if about.is_file() {
        Ok(())
    } else if about.is_dir() {
        Err(io::Error::from(io::ErrorKind::IsADirectory).into())
    } else {
        Err(FileErrorKind::NotAFile)
    }
}

fn check_size(found: u64, limits: &ModelLimits) -> Result<(), FormatError> {
    let limit = limits.file;
    if found > limit { Err(FormatError::Length { found, limit }) } else { Ok(()) }
}

/// The part of a file behind its header.
struct FileData {
    file: File,
    /// Where the data starts, and where the file stands, both from the file's start.
    start: u64,
    position: u64,
    piece: Vec<u8>,
}

impl FileData {
    /// The data behind byte `start` of a file that stands there.
    fn new(file: File, start: u64) -> Self {
        Self { file, start, position: start, piece: vec![0; PIECE] }
    }
}

impl Data for FileData {
    type Error = FileErrorKind;

    fn pieces(&mut self, [start, end]: [u64; 2], mut sink: impl FnMut(&[u8])) -> Result<(), FileErrorKind> {
        let [start, end] = [start, end].map(|offset| self.start + offset);
        if self.position != start {
            self.position = self.file.seek(SeekFrom::Start(start))?;
        }
        while self.position < end {
            let len = PIECE.min((end - self.position) as usize);
            let piece = &mut self.piece[..len];
            // A file that has become shorter meanwhile ends too early.
            self.file.read_exact(piece)?;
            self.position += len as u64;
            sink(piece);
        }
        Ok(())
    }
}

fn atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".syq-");
    #[cfg(unix)]
    {
        // The user's umask decides, as for any new file, not the private default of temporary files.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The rename is on disk only when the folder is; where folders cannot be opened, the system decides.
    if let Ok(folder) = std::fs::File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}
