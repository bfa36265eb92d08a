//! CIFAR-10's binary version (Krizhevsky, 2009): 10,000 records a file, each a label byte and 3,072
//! pixel bytes, channel planes R, G, B of 32 × 32.

use super::{DataError, Dataset};
use std::fs;
use std::path::Path;

/// Which of the files to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CifarPart {
    /// `data_batch_1.bin` to `data_batch_5.bin`.
    Train,
    /// `test_batch.bin`.
    Test,
}

/// Height and width.
const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
const RECORD: usize = 1 + 3 * PLANE;
/// The classes, in the order of their labels, if `batches.meta.txt` is absent.
const CLASSES: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Reads the files of `part` in `folder`, and the class names of `batches.meta.txt` if it is there.
///
/// # Errors
/// A file that is absent, empty or not a whole number of records, a label that no class has; the
/// file is named.
pub fn load(folder: &Path, part: CifarPart) -> Result<Dataset, DataError> {
    let files: &[&str] = match part {
        CifarPart::Train => {
            &["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"]
        }
        CifarPart::Test => &["test_batch.bin"],
    };
    let classes = class_names(&folder.join("batches.meta.txt"))?;
    let mut pixels = Vec::new();
    let mut labels = Vec::new();
    for file in files {
        read(&folder.join(file), classes.len(), &mut pixels, &mut labels)?;
    }
    Dataset::new([SIDE, SIDE], classes, pixels, labels)
}

fn class_names(path: &Path) -> Result<Vec<String>, DataError> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let names: Vec<String> =
                text.lines().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
            if names.is_empty() { Err(DataError::NoImages { path: path.to_owned() }) } else { Ok(names) }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(CLASSES.map(str::to_owned).to_vec()),
        Err(source) => Err(DataError::Read { path: path.to_owned(), source }),
    }
}

/// Appends one file's images, planes turned into interleaved RGB.
fn read(path: &Path, classes: usize, pixels: &mut Vec<u8>, labels: &mut Vec<u32>) -> Result<(), DataError> {
    let content = fs::read(path).map_err(|source| DataError::Read { path: path.to_owned(), source })?;
    let (records, rest) = content.as_chunks::<RECORD>();
    if !rest.is_empty() {
        let [bytes, record] = [content.len() as u64, RECORD as u64];
        return Err(DataError::Length { path: path.to_owned(), bytes, record });
    }
    if records.is_empty() {
        return Err(DataError::NoImages { path: path.to_owned() });
    }
    pixels.reserve(records.len() * 3 * PLANE);
    for (index, record) in records.iter().enumerate() {
        let (label, planes) = (record[0], &record[1..]);
        if usize::from(label) >= classes {
            let place = path.display().to_string();
            return Err(DataError::Label { place, index, label: label.into(), classes });
        }
        labels.push(label.into());
        let (red, rest) = planes.split_at(PLANE);
        let (green, blue) = rest.split_at(PLANE);
        pixels.extend(red.iter().zip(green).zip(blue).flat_map(|((&r, &g), &b)| [r, g, b]));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(label: u8, first: u8) -> Vec<u8> {
        let mut record = vec![label];
        record.extend((0..3 * PLANE).map(|i| if i < PLANE { first } else { (i / PLANE) as u8 }));
        record
    }

    #[test]
    fn planes_are_interleaved_and_files_joined() {
        let folder = tempfile::tempdir().unwrap();
        for file in 1..=5u8 {
            let content = [record(file, 10 * file), record(9, 0)].concat();
            fs::write(folder.path().join(format!("data_batch_{file}.bin")), content).unwrap();
        }
        let data = load(folder.path(), CifarPart::Train).unwrap();
        assert_eq!(data.labels(), [1, 9, 2, 9, 3, 9, 4, 9, 5, 9]);
        assert_eq!(data.image(2).unwrap(), [20, 1, 2].repeat(PLANE));
        assert_eq!((data.size(), data.classes()[9].as_str()), ([32, 32], "truck"));
        fs::write(folder.path().join("batches.meta.txt"), "a\nb\n\n").unwrap();
        assert!(matches!(
            load(folder.path(), CifarPart::Train),
            Err(DataError::Label { index: 1, label: 9, classes: 2, .. })
        ));
    }

    #[test]
    fn lengths_are_checked() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("test_batch.bin");
        assert!(matches!(load(folder.path(), CifarPart::Test), Err(DataError::Read { .. })));
        fs::write(&file, []).unwrap();
        assert!(matches!(load(folder.path(), CifarPart::Test), Err(DataError::NoImages { .. })));
        fs::write(&file, &record(1, 1)[1..]).unwrap();
        let error = load(folder.path(), CifarPart::Test).unwrap_err().to_string();
        assert!(error.contains("test_batch.bin") && error.contains("3072"), "{error}");
    }
}
