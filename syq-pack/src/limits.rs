//! How much a model may ask for: an application that reads models of strangers may want less than the defaults allow.

use crate::network::NetworkErrorKind;

/// Limits of what is read. They can be lowered: what runs a model never allows more than the defaults, which are larger than any real network: ResNet-50 at 1024×1024 is far inside them.
///
/// ```
/// use syq_pack::{Model, ModelLimits};
///
/// // What a service would compute for anybody: a tenth of a second, some megabytes.
/// let limits = ModelLimits { file: 16 << 20, macs: 5_000_000_000, ..ModelLimits::default() };
/// assert!(Model::from_bytes_within(b"no model", &limits).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelLimits {
    /// Bytes of a file.
    pub file: u64,
    /// Bytes of its header.
    pub header: u64,
    /// Layers of a network.
    pub layers: usize,
    /// Elements of the input, of a feature map and of a weight tensor.
    pub elements: usize,
    /// Multiply-accumulates of one picture.
    pub macs: u64,
}

impl ModelLimits {
    /// The defaults.
    pub const DEFAULT: Self = Self { file: 1 << 31, header: 8 << 20, layers: 4096, elements: 1 << 28, macs: u64::MAX };

    /// Whether a network may have that many layers.
    pub(crate) fn layers(&self, found: usize) -> Result<(), NetworkErrorKind> {
        within("the number of layers", found as u64, self.layers as u64)
    }

    /// Whether something may have that many elements.
    pub(crate) fn elements(&self, what: &'static str, found: usize) -> Result<(), NetworkErrorKind> {
        within(what, found as u64, self.elements as u64)
    }

    /// Whether a network may take that many multiply-accumulates.
    pub(crate) fn macs(&self, found: u64) -> Result<(), NetworkErrorKind> {
        within("the number of multiply-accumulates", found, self.macs)
    }
}

fn within(what: &'static str, found: u64, limit: u64) -> Result<(), NetworkErrorKind> {
    if found > limit { Err(NetworkErrorKind::Limit { what, found, limit }) } else { Ok(()) }
}

impl Default for ModelLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
