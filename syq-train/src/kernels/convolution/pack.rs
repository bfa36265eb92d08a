//! Weights as vectors of 16 outputs, in the order in which a walk reads its operand.

use super::operand::Packing;
use super::{ConvOp, Weights};
use crate::kernels::lanes::{Kernel, Lanes, dispatch};
use syq_core::ConvGeometry;

/// Which way the weights are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From input channels to filters.
    Forward,
    /// From filters to input channels, the kernel turned by 180°.
    Backward,
}

/// The weights as floats: themselves, or their codes, scaled or not.
pub(super) fn floats(g: &ConvGeometry, weights: Weights<'_>, scaled: bool) -> Vec<f32> {
    match weights {
        Weights::Float(w) => w.to_vec(),
        Weights::Codes { codes, .. } if !scaled => codes.iter().map(|code| f32::from(*code)).collect(),
        Weights::Codes { codes, scales, granularity } => {
            let mut values = Vec::with_capacity(codes.len());
            let run = granularity.run(g.window.kernel) * g.group_channels();
            for (index, codes) in codes.chunks_exact(run).enumerate() {
                let scale = scales[index % scales.len()];
                values.extend(codes.iter().map(|code| f32::from(*code) * scale));
            }
            values
        }
    }
}

/// Packs float weights `[filter][kernel row][kernel column][channel]` as `[group][block of 16
/// outputs][tap][element]` vectors of 16 lanes.
pub(super) fn pack(op: &ConvOp, direction: Direction, taps: &[usize], weights: &[f32]) -> Vec<[u32; 16]> {
    let pack = Pack { geometry: &op.geometry, packing: op.packing(), direction, taps, weights };
    dispatch(op.isa, op.precision, pack)
}

struct Pack<'a> {
    geometry: &'a ConvGeometry,
    packing: Packing,
    direction: Direction,
    taps: &'a [usize],
    weights: &'a [f32],
}

impl Pack<'_> {
    /// The weights of up to 16 outputs from `first` on for one input; zero where there is none.
    #[inline(always)]
    fn lanes(&self, group: usize, first: usize, tap: usize, input: usize) -> [f32; 16] {
        let g = self.geometry;
        let (channels, filters, positions) = (g.group_channels(), g.group_filters(), g.positions());
        let at = |filter: usize, channel: usize| ((group * filters + filter) * positions + tap) * channels + channel;
        let mut values = [0.0; 16];
        match self.direction {
            Direction::Forward if input < channels => {
                let present = (filters - first).min(16);
                let column = &self.weights[at(first, input)..];
                for (lane, value) in values[..present].iter_mut().enumerate() {
                    *value = column[lane * positions * channels];
                }
            }
            Direction::Backward if input < filters => {
                let present = (channels - first).min(16);
                let row = &self.weights[at(input, first)..][..present];
                match row.first_chunk::<16>() {
                    Some(row) => values = *row,
                    None => values[..present].copy_from_slice(row),
                }
            }
            Direction::Forward | Direction::Backward => {}
        }
        values
    }
}

impl Kernel for Pack<'_> {
    type Output = Vec<[u32; 16]>;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> Vec<[u32; 16]> {
        let g = self.geometry;
        let [inputs, outputs] = match self.direction {
            Direction::Forward => [g.group_channels(), g.group_filters()],
            Direction::Backward => [g.group_filters(), g.group_channels()],
        };
        let blocks = outputs.div_ceil(16);
        let mut vectors = Vec::with_capacity(g.groups * blocks * self.taps.len() * self.packing.elements(inputs));
        for index in 0..g.groups * blocks {
            let (group, first) = (index / blocks, index % blocks * 16);
            for tap in self.taps {
                for element in 0..self.packing.elements(inputs) {
                    vectors.push(match self.packing {
                        Packing::Single => bytemuck::cast(self.lanes(group, first, *tap, element)),
                        Packing::ChannelPairs => {
                            let low = self.lanes(group, first, *tap, 2 * element);
                            lanes.couple(&low, &self.lanes(group, first, *tap, 2 * element + 1))
                        }
                    });
                }
            }
        }
        vectors
    }
}
