//! A data set from a folder of class folders with JPEG or PNG pictures.
//!
//! Classes are the sub-folders in byte order of their names, images the files in byte order of
//! theirs, so a label never depends on the file system. Hidden entries (a leading dot) are skipped,
//! as are files of other types; grey, 16-bit, palette and alpha pictures become 8-bit RGB.

use super::{DataError, Dataset, Picture, Skipped};
use rayon::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How to read a folder.
#[derive(Clone, Copy, Debug)]
pub struct FolderOptions {
    /// Height and width of the network's input; `None` takes the first picture's.
    pub size: Option<[usize; 2]>,
    /// Threads that decode; 0 means one for each core.
    pub threads: usize,
    /// What happens to pictures that do not decode.
    pub corrupt: Corrupt,
}

/// What happens to a picture that does not decode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Corrupt {
    /// The data set is refused.
    #[default]
    Error,
    /// The picture is left out, and listed by [`Dataset::skipped`].
    Skip,
}

/// The largest side that is decoded: a small file must not be able to ask for gigabytes.
const MAX_SIDE: u32 = 16_384;
/// The largest allocation of one decoder, bytes.
const MAX_ALLOCATION: u64 = 512 << 20;

/// Reads `folder`; `progress(done, all)` is called from the decoding threads, about 100 times.
///
/// # Errors
/// A folder or picture that cannot be read, a class without (readable) pictures, no
/// classes; the file or class is named. Of several faults the first in order of names is reported.
pub fn load(
    folder: &Path,
    options: FolderOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Dataset, DataError> {
    let Listing { classes, files, labels } = list(folder)?;
    let first = files.first().ok_or_else(|| DataError::NoImages { path: folder.to_owned() })?;
    let size = match options.size {
        Some(size) => size,
        None => {
            let decoded = decode(first)?;
            [decoded.height() as usize, decoded.width() as usize]
        }
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .build()
        .map_err(|error| DataError::Thread { reason: error.to_string() })?;
    let done = AtomicUsize::new(0);
    let every = (files.len() / 100).max(1);
    let read = |path: &PathBuf| {
        let picture = read(path);
        let finished = done.fetch_add(1, Ordering::Relaxed) + 1;
        if finished.is_multiple_of(every) || finished == files.len() {
            progress(finished, files.len());
        }
        match picture {
            Err(DataError::Picture { path, source }) if options.corrupt == Corrupt::Skip => {
                Ok(Err(Skipped { path, reason: source.to_string() }))
            }
            picture => picture.map(Ok),
        }
    };
    // Chunks, so that a fault ends the reading early and is the first in order of names.
    let (mut pictures, mut kept, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    for (files, labels) in files.chunks(1024).zip(labels.chunks(1024)) {
        let results: Vec<_> = pool.install(|| files.par_iter().map(read).collect());
        for (result, &label) in results.into_iter().zip(labels) {
            match result? {
                Ok(picture) => {
                    pictures.push(picture);
                    kept.push(label);
                }
                Err(left_out) => skipped.push(left_out),
            }
        }
    }
    if let Some((_, class)) = (0u32..).zip(&classes).find(|(label, _)| !kept.contains(label)) {
        return Err(DataError::EmptyClass { place: folder.display().to_string(), class: class.clone() });
    }
    Dataset::mixed(size, classes, pictures, kept, skipped)
}

/// Class names, and the pictures of all classes with their labels.
struct Listing {
    classes: Vec<String>,
    files: Vec<PathBuf>,
    labels: Vec<u32>,
}

fn list(folder: &Path) -> Result<Listing, DataError> {
    let mut classes = Vec::new();
    let mut files = Vec::new();
    let mut labels = Vec::new();
    for (name, path) in entries(folder)? {
        if !path.is_dir() {
            continue;
        }
        let before = files.len();
        files.extend(entries(&path)?.into_iter().map(|(_, file)| file).filter(|file| is_picture(file)));
        if files.len() == before {
            return Err(DataError::EmptyClass { place: folder.display().to_string(), class: name });
        }
        labels.resize(files.len(), classes.len() as u32);
        classes.push(name);
    }
    Ok(Listing { classes, files, labels })
}

/// Visible entries of a folder, sorted by name.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let wrap = |source| DataError::Read { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrap)? {
        let path = entry.map_err(wrap)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let Some(name) = name else { return Err(DataError::Name { path }) };
        if !name.starts_with('.') {
            found.push((name, path));
        }
    }
    found.sort();
    Ok(found)
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
    ["png", "jpg", "jpeg"].iter().any(|known| extension.eq_ignore_ascii_case(known)) && path.is_file()
}

/// Decodes one picture, within limits; the type is recognised by its content.
fn decode(path: &Path) -> Result<image::DynamicImage, DataError> {
    let wrap = |source| DataError::Read { path: path.to_owned(), source };
    // Read whole: small files decode faster from memory than through a buffered reader.
    let content = fs::read(path).map_err(wrap)?;
    let mut reader = image::ImageReader::new(std::io::Cursor::new(content)).with_guessed_format().map_err(wrap)?;
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_ALLOCATION);
    reader.limits(limits);
    reader.decode().map_err(|source| DataError::Picture { path: path.to_owned(), source })
}

fn read(path: &Path) -> Result<Picture, DataError> {
    let rgb = decode(path)?.into_rgb8();
    Ok(Picture { size: [rgb.height() as usize, rgb.width() as usize], pixels: rgb.into_raw() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage, Rgba, RgbaImage};

    const OPTIONS: FolderOptions = FolderOptions { size: Some([2, 3]), threads: 2, corrupt: Corrupt::Error };

    fn save(folder: &Path, name: &str, picture: impl Into<DynamicImage>) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        picture.into().save(path).unwrap();
    }

    fn quiet(folder: &Path, options: FolderOptions) -> Result<Dataset, DataError> {
        load(folder, options, &|_, _| ())
    }

    #[test]
    fn every_pixel_type_becomes_rgb_in_the_order_of_names() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        save(at, "dog/b.png", RgbImage::from_fn(3, 2, |x, y| Rgb([x as u8, y as u8, 7])));
        save(at, "dog/a.PNG", GrayImage::from_pixel(3, 2, Luma([9])));
        save(at, "cat/x.png", RgbaImage::from_pixel(3, 2, Rgba([1, 2, 3, 0])));
        save(at, "cat/y.png", ImageBuffer::<Luma<u16>, _>::from_pixel(3, 2, Luma([0x8080u16])));
        fs::write(at.join("cat/notes.txt"), "no picture").unwrap();
        fs::write(at.join("cat/.hidden.png"), "no picture").unwrap();
        fs::write(at.join("README"), "no class").unwrap();
        let calls = AtomicUsize::new(0);
        let data = load(at, OPTIONS, &|done, all| {
            assert!(done <= 4 && all == 4);
            calls.fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
        assert_eq!((data.classes(), data.labels()), (&["cat".to_owned(), "dog".to_owned()][..], &[0, 0, 1, 1][..]));
        assert_eq!(data.image(0).unwrap(), [1, 2, 3].repeat(6));
        assert_eq!(data.image(1).unwrap(), [0x80; 18]);
        assert_eq!(data.image(2).unwrap(), [9; 18]);
        assert_eq!(data.image(3).unwrap()[..12], [0, 0, 7, 1, 0, 7, 2, 0, 7, 0, 1, 7]);
        assert_eq!(calls.into_inner(), 4);
        assert_eq!(quiet(at, FolderOptions { size: None, threads: 1, corrupt: Corrupt::Error }).unwrap(), data);
    }

    #[test]
    fn jpeg_is_read() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), "a/a.jpg", RgbImage::from_pixel(3, 2, Rgb([200, 200, 200])));
        let data = quiet(folder.path(), OPTIONS).unwrap();
        assert!(data.pixels().iter().all(|value| value.abs_diff(200) < 4));
    }

    #[test]
    fn faults_name_the_file_or_class() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        assert!(matches!(quiet(at, OPTIONS), Err(DataError::NoImages { .. })));
        assert!(matches!(quiet(&at.join("absent"), OPTIONS), Err(DataError::Read { .. })));
        save(at, "a/ok.png", RgbImage::new(3, 2));
        save(at, "a/tall.png", RgbImage::new(2, 3));
        let data = quiet(at, OPTIONS).unwrap();
        assert_eq!((data.image_size(0), data.image_size(1), data.image_size(2)), (Some([2, 3]), Some([3, 2]), None));
        fs::write(at.join("a/broken.png"), b"\x89PNG\r\n\x1a\nrest").unwrap();
        let error = quiet(at, OPTIONS).unwrap_err();
        assert!(matches!(&error, DataError::Picture { path, .. } if path.ends_with("broken.png")), "{error}");
        let skip = FolderOptions { corrupt: Corrupt::Skip, ..OPTIONS };
        let data = quiet(at, skip).unwrap();
        assert_eq!((data.len(), data.skipped().len()), (2, 1));
        assert!(data.skipped()[0].path.ends_with("broken.png") && !data.skipped()[0].reason.is_empty());
        fs::create_dir(at.join("c")).unwrap();
        fs::write(at.join("c/bad.jpg"), b"no picture").unwrap();
        assert!(matches!(quiet(at, skip), Err(DataError::EmptyClass { class, .. }) if class == "c"));
        fs::create_dir(at.join("b")).unwrap();
        assert!(matches!(quiet(at, OPTIONS), Err(DataError::EmptyClass { class, .. }) if class == "b"));
    }
}
