//! Paths on the command line to pictures.
#![cfg(feature = "cli")]

use std::path::{Path, PathBuf};
use syq_infer::inputs::{Input, InputErrorKind, collect};
use syq_infer::picture::PictureLimits;

fn names(root: &Path, paths: &[&str]) -> Vec<String> {
    let paths: Vec<PathBuf> =
        paths.iter().map(|path| if *path == "-" { "-".into() } else { root.join(path) }).collect();
    let relative = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
    collect(&paths)
        .iter()
        .map(|item| match item {
            Ok(input) => relative(input.path()),
            Err(error) => format!("error: {}", relative(&error.path)),
        })
        .collect()
}

#[test]
fn folders_give_their_pictures_sorted() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    std::fs::create_dir_all(root.join("a/deep/er")).unwrap();
    std::fs::create_dir(root.join("empty")).unwrap();
    for file in ["b.jpg", "a/z.PNG", "a/deep/er/x.JpEg", "a/notes.txt", "a/jpg", "plain"] {
        std::fs::write(root.join(file), file).unwrap();
    }
    assert_eq!(names(root, &["."]), ["a/deep/er/x.JpEg", "a/z.PNG", "b.jpg"]);
    assert_eq!(names(root, &["plain", "a", "b.jpg"]), ["plain", "a/deep/er/x.JpEg", "a/z.PNG", "b.jpg"]);
    assert_eq!(
        names(root, &["b.jpg", "missing.jpg", "empty", "-", "-"]),
        ["b.jpg", "error: missing.jpg", "error: empty", "-"]
    );
    assert!(matches!(collect(&[root.join("empty")])[0].as_ref().unwrap_err().reason, InputErrorKind::NoPictures));
    let limits = PictureLimits { bytes: 5, ..PictureLimits::default() };
    assert_eq!(Input::File(root.join("b.jpg")).read(&limits).unwrap(), b"b.jpg");
    let limits = PictureLimits { bytes: 4, ..limits };
    let error = Input::File(root.join("b.jpg")).read(&limits).unwrap_err();
    assert!(error.to_string().ends_with("b.jpg: larger than 4 bytes"), "{error}");
    assert!(Input::File(root.join("a")).read(&limits).is_err());
    // Of a file that is too long nothing is read: this one would not fit into memory.
    std::fs::File::create(root.join("b.jpg")).unwrap().set_len(1 << 40).unwrap();
    let error = Input::File(root.join("b.jpg")).read(&PictureLimits::default()).unwrap_err();
    assert!(matches!(error.reason, InputErrorKind::TooManyBytes { limit: 268_435_456 }), "{error}");
}

#[cfg(unix)]
#[test]
fn a_link_to_its_own_folder_ends() {
    let root = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root.path(), root.path().join("loop")).unwrap();
    std::fs::write(root.path().join("a.png"), "").unwrap();
    assert_eq!(names(root.path(), &["."]), ["a.png"]);
}
