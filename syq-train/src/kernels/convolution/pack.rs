//! Weights as vectors of 16 filters, in the order in which a walk reads its operand.

use super::operand::{Packing, pair};
use syq_core::ConvGeometry;

/// Which way the weights are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From input channels to filters.
    Forward,
    /// From filters to input channels, the kernel turned by 180°.
    Backward,
}

/// `[group][block of 16 outputs][kernel position][element]` vectors of 16 lanes; `value` gives the
/// weight at an index of `[filter][kernel row][kernel column][channel]`.
pub(super) fn pack(
    g: &ConvGeometry,
    packing: Packing,
    direction: Direction,
    value: impl Fn(usize) -> f32,
) -> Vec<Vec<[u32; 16]>> {
    let (channels, filters, positions) = (g.group_channels(), g.group_filters(), g.positions());
    let [inputs, outputs] = match direction {
        Direction::Forward => [channels, filters],
        Direction::Backward => [filters, channels],
    };
    let weight = |group: usize, output: usize, position: usize, input: usize| {
        if output >= outputs || input >= inputs {
            return 0.0;
        }
        let (filter, position, channel) = match direction {
            Direction::Forward => (output, position, input),
            Direction::Backward => (input, positions - 1 - position, output),
        };
        value(((group * filters + filter) * positions + position) * channels + channel)
    };
    let elements = packing.elements(inputs);
    let group = |group: usize| {
        let mut vectors = Vec::with_capacity(outputs.div_ceil(16) * positions * elements);
        for block in 0..outputs.div_ceil(16) {
            for position in 0..positions {
                for e in 0..elements {
                    vectors.push(std::array::from_fn(|lane| {
                        let at = |input| weight(group, block * 16 + lane, position, input);
                        match packing {
                            Packing::Single => at(e).to_bits(),
                            Packing::ChannelPairs => pair(at(2 * e), at(2 * e + 1)),
                        }
                    }));
                }
            }
        }
        vectors
    };
    (0..g.groups).map(group).collect()
}
