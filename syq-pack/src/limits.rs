//! How much a model may ask for: an application that reads models of strangers may want less than the defaults allow.

use crate::network::{Network, NetworkError, NetworkErrorKind, Resolved};

/// Limits of what is read. The defaults are larger than any real network: ResNet-50 at 1024×1024 is far inside them.
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
    /// Layers of a network; more than [`ModelLimits::LAYERS`] are never read.
    pub layers: usize,
    /// Elements of the input, of a feature map and of a weight tensor; more than [`ModelLimits::ELEMENTS`] are never read.
    pub elements: usize,
    /// Multiply-accumulates of one picture.
    pub macs: usize,
}

impl ModelLimits {
    /// The most layers that any network may have.
    pub const LAYERS: usize = 4096;

    /// The most elements that any feature map or weight tensor may have.
    pub const ELEMENTS: usize = 1 << 28;

    /// The defaults.
    pub const DEFAULT: Self =
        Self { file: 1 << 31, header: 8 << 20, layers: Self::LAYERS, elements: Self::ELEMENTS, macs: usize::MAX };

    /// Checks a network that fits together.
    ///
    /// # Errors
    /// The first thing that is too large.
    pub fn check(&self, network: &Network, resolved: &Resolved) -> Result<(), NetworkError> {
        let fail = |layer: &str, what, found, limit| {
            Err(NetworkError { layer: layer.to_owned(), kind: NetworkErrorKind::Limit { what, found, limit } })
        };
        let whole = [
            ("the number of layers", network.layers.len(), self.layers),
            ("the input", network.input.len(), self.elements),
            ("the number of multiply-accumulates", resolved.macs(), self.macs),
        ];
        if let Some((what, found, limit)) = whole.into_iter().find(|(_, found, limit)| found > limit) {
            return fail(&network.name, what, found, limit);
        }
        for (layer, resolved) in network.layers.iter().zip(&resolved.layers) {
            let weights = resolved.geometry.map_or(0, |geometry| geometry.weights());
            for (what, found) in [("the output", resolved.output.len()), ("the weight tensor", weights)] {
                if found > self.elements {
                    return fail(&layer.name, what, found, self.elements);
                }
            }
        }
        Ok(())
    }
}

impl Default for ModelLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
