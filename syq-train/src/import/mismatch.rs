//! Everything in which a file and a network differ, in one error.

use std::fmt;
use thiserror::Error;

/// A file whose tensors are not the network's. It lists all of them, so that one look shows whether a
/// name is spelt differently, or the network is another one.
#[derive(Clone, Debug, Default, Error, PartialEq, Eq)]
pub struct Mismatch {
    /// The network, as in our zoo.
    pub network: String,
    /// Tensors that the network needs and the file lacks, in the network's order.
    pub missing: Vec<Expected>,
    /// Tensors of the file that the network has no place for, by name.
    pub unexpected: Vec<Found>,
    /// Tensors of another shape or type than the network's, in the network's order.
    pub different: Vec<(Expected, Found)>,
}

/// A tensor that the network needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its name, without prefixes.
    pub name: String,
    /// Its shape in PyTorch's order.
    pub shape: Vec<usize>,
}

/// A tensor of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name in the file.
    pub name: String,
    /// Its type, as safetensors names it.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<usize>,
}

impl Mismatch {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.different.is_empty()
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { network, missing, unexpected, different } = self;
        let counts = [missing.len(), different.len(), unexpected.len()];
        let [lacks, other, more] = counts;
        write!(f, "the tensors are not those of {network}: {lacks} missing, {other} different, {more} unexpected")?;
        for tensor in missing {
            write!(f, "\n  missing     {}: {:?}", tensor.name, tensor.shape)?;
        }
        for (expected, found) in different {
            write!(f, "\n  different   {}: expected {:?}, found {:?}", found.name, expected.shape, found.shape)?;
            if !super::file::is_float(&found.dtype) {
                write!(f, " of type {}", found.dtype)?;
            }
        }
        for tensor in unexpected {
            write!(f, "\n  unexpected  {}: {:?}", tensor.name, tensor.shape)?;
        }
        Ok(())
    }
}
