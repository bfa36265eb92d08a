//! What our engine is meant to reach: the best int8 peer's time over ours, batch 1, with 8-bit first
//! and last layers. A mark that is missed stays in the tables with the figure beside it.

use syq_pack::zoo::Architecture;

/// The marks of one network and number of threads, one a scheme of [`super::own::SCHEMES`].
const MARKS: [(Architecture, usize, [f64; 7]); 7] = [
    (Architecture::ResNet18, 1, [3.2, 2.1, 1.85, 2.1, 1.3, 1.2, 1.03]),
    (Architecture::ResNet18, 2, [3.0, 2.0, 1.75, 2.0, 1.25, 1.15, 1.0]),
    (Architecture::ResNet34, 1, [3.2, 2.1, 1.85, 2.1, 1.3, 1.2, 1.03]),
    (Architecture::ResNet50, 1, [2.4, 1.8, 1.6, 1.8, 1.2, 1.1, 1.0]),
    (Architecture::VggSmall, 1, [3.3, 2.2, 1.9, 2.2, 1.3, 1.2, 1.0]),
    (Architecture::AlexNet, 1, [3.5, 2.5, 2.1, 2.3, 1.5, 1.3, 1.1]),
    (Architecture::ResNet20, 1, [1.5, 1.3, 1.2, 1.2, 1.0, 1.0, 1.0]),
];

/// The mark against the fastest float engine: ResNet-18, W2A2.
pub const FLOAT_MARK: f64 = 6.0;

/// The mark of a network, by its name, in the scheme at that place of [`super::own::SCHEMES`]; batch 1.
pub fn mark(network: &str, threads: usize, scheme: usize) -> Option<f64> {
    let marks = MARKS.iter().find(|(marked, of, _)| (marked.name(), *of) == (network, threads));
    marks.and_then(|(_, _, marks)| marks.get(scheme).copied())
}

/// The mark against the fastest float engine.
pub fn float_mark(network: &str, scheme: &str) -> Option<f64> {
    ((network, scheme) == (Architecture::ResNet18.name(), "W2A2")).then_some(FLOAT_MARK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_by_name() {
        assert_eq!(mark("resnet18", 2, 0), Some(3.0));
        assert_eq!(mark("alexnet", 1, 6), Some(1.1));
        assert_eq!((mark("alexnet", 2, 6), mark("resnet18", 1, 7)), (None, None));
        assert_eq!((float_mark("resnet18", "W2A2"), float_mark("resnet34", "W2A2")), (Some(6.0), None));
    }
}
