//! What our training loop is meant to reach: images a second over those of PyTorch's best float network. A mark that
//! is missed stays in the tables with the figure beside it.

use super::report::Scheme;
use syq_pack::zoo::Architecture;

/// Network, side of its pictures, marks of the float and of the W2A2 network.
const MARKS: [(Architecture, usize, [f64; 2]); 2] =
    [(Architecture::ResNet20, 32, [1.6, 1.5]), (Architecture::ResNet18, 128, [1.3, 1.5])];

/// The mark of a network, by its name.
pub fn mark(network: &str, side: usize, scheme: Scheme) -> Option<f64> {
    let marks = MARKS.iter().find(|(marked, of, _)| (marked.name(), *of) == (network, side));
    marks.map(|(_, _, [float, quantized])| match scheme {
        Scheme::Float => *float,
        Scheme::W2A2 => *quantized,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_by_name_and_size() {
        assert_eq!(mark("resnet20", 32, Scheme::Float), Some(1.6));
        assert_eq!(mark("resnet18", 128, Scheme::W2A2), Some(1.5));
        assert_eq!(mark("resnet18", 224, Scheme::Float), None);
    }
}
