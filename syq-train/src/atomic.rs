//! Files that are replaced whole: whoever reads one finds the old content or the new one, whatever happens meanwhile.

use std::fs::File;
use std::io;
use std::path::Path;

/// What the name of a file begins with as long as it is being written.
pub(crate) const PARTIAL: &str = ".checkpoint-";

/// Replaces `path` by what `write` writes. The new file lies beside it under another name until it is whole and on the
/// disk; then it is renamed, and the folder is synchronised, so that the rename lasts through a power failure too.
///
/// # Errors
/// Whatever `write` or the system says; then `path` is as it was, and nothing is left beside it.
pub(crate) fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(PARTIAL).tempfile_in(folder)?;
    write(file.as_file_mut())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // On Windows a folder cannot be opened so.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Removes what processes that were killed while they wrote have left in `folder`.
///
/// # Errors
/// The folder cannot be read, or a file not removed.
pub(crate) fn remove_partial(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let partial = entry.file_name().to_str().is_some_and(|name| name.starts_with(PARTIAL));
        if partial && entry.file_type()?.is_file() {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_writer_that_fails_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        replace(&path, |file| file.write_all(b"old")).unwrap();
        let error = replace(&path, |file| {
            file.write_all(b"half of")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!((std::fs::read(&path).unwrap(), names(folder.path())), (b"old".to_vec(), vec!["a".to_owned()]));
        replace(&path, |file| file.write_all(b"new")).unwrap();
        assert_eq!((std::fs::read(&path).unwrap(), names(folder.path())), (b"new".to_vec(), vec!["a".to_owned()]));
        assert!(replace(&folder.path().join("absent/a"), |_| Ok(())).is_err());
    }

    #[test]
    fn only_partial_files_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".checkpoint-x1", "checkpoint.safetensors", ".other"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        std::fs::create_dir(folder.path().join(".checkpoint-folder")).unwrap();
        remove_partial(folder.path()).unwrap();
        assert_eq!(names(folder.path()), [".checkpoint-folder", ".other", "checkpoint.safetensors"]);
    }
}
