//! Checkpoints: named f32 tensors and one JSON value, in one safetensors file.
//!
//! The file is written beside its destination, synchronised and renamed, so a crash leaves the old
//! checkpoint or the new one, never half of one. The JSON is the only metadata key: with two, the
//! safetensors crate writes them in an order that changes from save to save.

use crate::atomic;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The one metadata key.
const KEY: &str = "syq-checkpoint";
/// A file may not be larger than this: it is read into memory whole.
const MAX_BYTES: u64 = 16 << 30;

/// A checkpoint that cannot be written or read; names the file.
#[derive(Debug, Error)]
#[error("{path}: {kind}", path = path.display())]
pub struct CheckpointError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub kind: CheckpointErrorKind,
}

/// What is wrong with a checkpoint.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckpointErrorKind {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The file cannot be written, as on a full disk. One that was there before is whole.
    #[error("cannot be written, and is left as it was: {0}")]
    Write(#[source] std::io::Error),
    /// More bytes than a checkpoint may have.
    #[error("{bytes} bytes are too many for a checkpoint")]
    TooLarge {
        /// Bytes of the file.
        bytes: u64,
    },
    /// Not a safetensors file.
    #[error("not a safetensors file: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// No metadata of ours.
    #[error("no checkpoint: it has no metadata key {KEY:?}")]
    NoMetadata,
    /// Metadata that is not what was asked for.
    #[error("the metadata: {0}")]
    Metadata(#[from] serde_json::Error),
    /// A tensor of another type.
    #[error("tensor {name:?} is {found}, expected F32")]
    Type {
        /// The tensor.
        name: String,
        /// Its type.
        found: String,
    },
    /// Values that do not fill the shape.
    #[error("tensor {name:?} has {found} values, its shape {shape:?} has another number")]
    Shape {
        /// The tensor.
        name: String,
        /// Values found.
        found: usize,
        /// The shape.
        shape: Vec<usize>,
    },
    /// A value that is NaN or infinite.
    #[error("tensor {name:?}: value {index} is {value}")]
    NotFinite {
        /// The tensor.
        name: String,
        /// Index of the first such value.
        index: usize,
        /// The value.
        value: f32,
    },
}

/// One tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major, as many as the shape says, all finite.
    pub values: Vec<f32>,
}

impl Tensor {
    /// A tensor of one dimension.
    pub fn flat(values: Vec<f32>) -> Self {
        Self { shape: vec![values.len()], values }
    }

    fn check(&self, name: &str) -> Result<(), CheckpointErrorKind> {
        let expected = self.shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side));
        if expected != Some(self.values.len()) {
            let (name, shape) = (name.to_owned(), self.shape.clone());
            return Err(CheckpointErrorKind::Shape { name, found: self.values.len(), shape });
        }
        match self.values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            Some((index, &value)) => Err(CheckpointErrorKind::NotFinite { name: name.to_owned(), index, value }),
            None => Ok(()),
        }
    }
}

/// What a checkpoint holds: `M` is the run's own metadata (epoch, step, configuration, best so far).
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint<M> {
    /// Anything that serializes to JSON.
    pub metadata: M,
    /// Tensors by name: parameters, batch norm statistics, the optimizer's state.
    pub tensors: BTreeMap<String, Tensor>,
}

impl<M: Serialize> Checkpoint<M> {
    /// Writes the checkpoint to `path`, replacing a file there in one step. The same content gives the
    /// same bytes.
    ///
    /// # Errors
    /// The file cannot be written; a shape that its values do not fill; a value that is not finite (a
    /// diverged run must not overwrite its last good checkpoint).
    pub fn write(&self, path: &Path) -> Result<(), CheckpointError> {
        self.try_write(path).map_err(|kind| CheckpointError { path: path.to_owned(), kind })
    }

    fn try_write(&self, path: &Path) -> Result<(), CheckpointErrorKind> {
        let mut views = Vec::with_capacity(self.tensors.len());
        let mut contents = Vec::with_capacity(self.tensors.len());
        for (name, tensor) in &self.tensors {
            tensor.check(name)?;
            contents.push((name, &tensor.shape, little_endian(&tensor.values)));
        }
        for (name, shape, content) in &contents {
            views.push((name.as_str(), TensorView::new(Dtype::F32, (*shape).clone(), content)?));
        }
        let metadata = HashMap::from([(KEY.to_owned(), serde_json::to_string(&self.metadata)?)]);
        let bytes = safetensors::serialize(views, Some(metadata))?;
        atomic::replace(path, |file| file.write_all(&bytes)).map_err(CheckpointErrorKind::Write)
    }
}

impl<M: DeserializeOwned> Checkpoint<M> {
    /// Reads and checks a whole checkpoint.
    ///
    /// # Errors
    /// The file cannot be read, is no checkpoint, or holds tensors of another type or values that are
    /// not finite.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        Self::try_read(path).map_err(|kind| CheckpointError { path: path.to_owned(), kind })
    }

    fn try_read(path: &Path) -> Result<Self, CheckpointErrorKind> {
        let bytes = std::fs::metadata(path)?.len();
        if bytes > MAX_BYTES {
            return Err(CheckpointErrorKind::TooLarge { bytes });
        }
        let content = std::fs::read(path)?;
        let (_, header) = SafeTensors::read_metadata(&content)?;
        let text = header.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
        let metadata = serde_json::from_str(text.ok_or(CheckpointErrorKind::NoMetadata)?)?;
        let mut tensors = BTreeMap::new();
        for (name, view) in SafeTensors::deserialize(&content)?.iter() {
            if view.dtype() != Dtype::F32 {
                let found = format!("{:?}", view.dtype());
                return Err(CheckpointErrorKind::Type { name: name.to_owned(), found });
            }
            let values = view.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            let tensor = Tensor { shape: view.shape().to_vec(), values };
            tensor.check(name)?;
            tensors.insert(name.to_owned(), tensor);
        }
        Ok(Self { metadata, tensors })
    }
}

fn little_endian(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Metadata {
        epoch: u32,
        best: f64,
    }

    fn checkpoint() -> Checkpoint<Metadata> {
        let weights = Tensor { shape: vec![2, 3], values: vec![0.1, -2.0, f32::MIN_POSITIVE, 3.0, -0.0, 1e-40] };
        let tensors =
            [("conv.weight", weights), ("adam/steps", Tensor::flat(vec![0.0, 7.0])), ("empty", Tensor::flat(vec![]))];
        let tensors = tensors.map(|(name, tensor)| (name.to_owned(), tensor)).into();
        Checkpoint { metadata: Metadata { epoch: 3, best: 0.875 }, tensors }
    }

    #[test]
    fn what_is_written_is_read_and_bytes_are_stable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.safetensors");
        checkpoint().write(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(Checkpoint::read(&path).unwrap(), checkpoint());
        checkpoint().write(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_bad_value_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.safetensors");
        checkpoint().write(&path).unwrap();
        for (values, shape) in [(vec![f32::NAN], vec![1]), (vec![1.0], vec![2]), (vec![], vec![usize::MAX, 2])] {
            let mut bad = checkpoint();
            bad.tensors.insert("bad".into(), Tensor { shape, values });
            let error = bad.write(&path).unwrap_err().to_string();
            assert!(error.contains("last.safetensors") && error.contains("bad"), "{error}");
        }
        assert_eq!(Checkpoint::read(&path).unwrap(), checkpoint());
        assert!(checkpoint().write(&folder.path().join("absent/last.safetensors")).is_err());
    }

    #[test]
    fn every_truncation_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        checkpoint().write(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for length in 0..bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(Checkpoint::<Metadata>::read(&path).is_err(), "{length}");
        }
    }

    #[test]
    fn foreign_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        let view = || TensorView::new(Dtype::U8, vec![1], &[1]).unwrap();
        std::fs::write(&path, safetensors::serialize([("t", view())], None).unwrap()).unwrap();
        let read = || Checkpoint::<Metadata>::read(&path).unwrap_err().kind;
        assert!(matches!(read(), CheckpointErrorKind::NoMetadata));
        let metadata = |text: &str| Some(HashMap::from([(KEY.to_owned(), text.to_owned())]));
        let good = r#"{"epoch":1,"best":0.5}"#;
        std::fs::write(&path, safetensors::serialize([("t", view())], metadata(good)).unwrap()).unwrap();
        assert!(matches!(read(), CheckpointErrorKind::Type { .. }));
        std::fs::write(&path, safetensors::serialize([("t", view())], metadata("{}")).unwrap()).unwrap();
        assert!(matches!(read(), CheckpointErrorKind::Metadata(_)));
        let nan = f32::NAN.to_le_bytes();
        let view = TensorView::new(Dtype::F32, vec![1], &nan).unwrap();
        std::fs::write(&path, safetensors::serialize([("t", view)], metadata(good)).unwrap()).unwrap();
        assert!(matches!(read(), CheckpointErrorKind::NotFinite { .. }));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(read(), CheckpointErrorKind::Io(_)));
    }
}
