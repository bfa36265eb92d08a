//! How much a model may ask for.

use syq_pack::ModelLimits;

/// How much a model may ask for. A program that reads models of strangers may lower the defaults; raising them has no
/// effect where it comes to running the model.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SyqLimits {
    /// Bytes of the file.
    pub file: u64,
    /// Bytes of its header.
    pub header: u64,
    /// Layers of the network.
    pub layers: usize,
    /// Elements of the input, of a feature map and of a weight tensor.
    pub elements: usize,
    /// Multiply-accumulates of one picture.
    pub macs: u64,
}

/// The default limits, which are larger than any real network: a place to start from.
#[unsafe(no_mangle)]
pub extern "C" fn syq_limits_default() -> SyqLimits {
    let ModelLimits { file, header, layers, elements, macs } = ModelLimits::DEFAULT;
    SyqLimits { file, header, layers, elements, macs }
}

impl SyqLimits {
    /// The library's own; without any the defaults.
    pub(crate) fn or_default(limits: Option<&Self>) -> ModelLimits {
        limits.map_or(ModelLimits::DEFAULT, |&Self { file, header, layers, elements, macs }| ModelLimits {
            file,
            header,
            layers,
            elements,
            macs,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_keeps_its_place() {
        assert_eq!(SyqLimits::or_default(None), ModelLimits::DEFAULT);
        assert_eq!(SyqLimits::or_default(Some(&syq_limits_default())), ModelLimits::DEFAULT);
        let limits = SyqLimits { file: 1, header: 2, layers: 3, elements: 4, macs: 5 };
        let expected = ModelLimits { file: 1, header: 2, layers: 3, elements: 4, macs: 5 };
        assert_eq!(SyqLimits::or_default(Some(&limits)), expected);
    }
}
