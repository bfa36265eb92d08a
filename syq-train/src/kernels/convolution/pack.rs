//! Weights as vectors of 16 outputs, in the order in which a walk reads its operand.

use super::operand::Packing;
use super::{ConvOp, Weights};
use crate::kernels::isa::Precision;
use crate::kernels::lanes::{Kernel, Lanes, dispatch};
use crate::parallel::{Scratch, Workers};
use syq_core::{ConvGeometry, Granularity};

/// Which way the weights are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From input channels to filters.
    Forward,
    /// From filters to input channels, the kernel turned by 180°.
    Backward,
}

/// Weights that are read by one thread at least: fewer are not worth waking another.
const STRETCH: usize = 1 << 15;

/// Room for [`floats`].
pub(super) fn room<'a>(workers: &'a Workers, g: &ConvGeometry, weights: Weights<'_>) -> Scratch<'a> {
    workers.room(if matches!(weights, Weights::Float(_)) { 0 } else { g.weights() })
}

/// The weights as floats: themselves, or their codes times the scales, which are written to `made`.
pub(super) fn floats<'a>(workers: &Workers, g: &ConvGeometry, weights: Weights<'a>, made: &'a mut [f32]) -> &'a [f32] {
    let (codes, scales, granularity) = match weights {
        Weights::Float(w) => return w,
        Weights::Codes { codes, scales, granularity } => (codes, scales, granularity),
        Weights::Integers(codes) => (codes, &[1.0][..], Granularity::Layer),
    };
    let chunk = STRETCH.div_ceil(g.filter_len().max(1)) * g.filter_len();
    let run = granularity.run(g.window.kernel) * g.group_channels();
    workers.chunks(made, chunk, |index, values| {
        let codes = &codes[index * chunk..][..values.len()];
        let subgroups = values.chunks_exact_mut(run).zip(codes.chunks_exact(run)).enumerate();
        for (subgroup, (values, codes)) in subgroups {
            let scale = scales[(index * chunk / run + subgroup) % scales.len()];
            values.iter_mut().zip(codes).for_each(|(value, code)| *value = f32::from(*code) * scale);
        }
    });
    made
}

/// Packs weight codes, in the order of the weights, as `[group][block of 16 filters][tap][element]` vectors of 16 lanes of
/// four codes.
pub(super) fn pack_codes<'a>(g: &ConvGeometry, workers: &'a Workers, codes: &[i8]) -> Scratch<'a> {
    let (channels, filters, positions) = (g.group_channels(), g.group_filters(), g.positions());
    let (blocks, elements) = (filters.div_ceil(16), Packing::CodeQuads.elements(channels));
    let block = positions * elements * 16;
    let mut packed = workers.scratch(g.groups * blocks * block);
    let together = STRETCH.div_ceil(block.max(1));
    workers.chunks(&mut packed, together * block, |chunk, vectors| {
        for (index, vectors) in (chunk * together..).zip(vectors.chunks_exact_mut(block.max(1))) {
            let (group, first) = (index / blocks, index % blocks * 16);
            let vectors: &mut [[u32; 16]] = bytemuck::cast_slice_mut(vectors);
            for (lane, filter) in (first..filters.min(first + 16)).enumerate() {
                let codes = &codes[(group * filters + filter) * g.filter_len()..][..g.filter_len()];
                for (codes, vectors) in codes.chunks_exact(channels).zip(vectors.chunks_exact_mut(elements)) {
                    for (four, vector) in codes.chunks(4).zip(vectors) {
                        let mut bytes = [0; 4];
                        bytes.iter_mut().zip(four).for_each(|(byte, code)| *byte = code.cast_unsigned());
                        vector[lane] = u32::from_ne_bytes(bytes);
                    }
                }
            }
        }
    });
    packed
}

/// Packs float weights `[filter][kernel row][kernel column][channel]` as `[group][block of 16
/// outputs][tap][element]` vectors of 16 lanes.
pub(super) fn pack<'a>(
    op: &ConvOp,
    workers: &'a Workers,
    direction: Direction,
    taps: &[usize],
    weights: &[f32],
) -> Scratch<'a> {
    let g = &op.geometry;
    let [inputs, outputs] = match direction {
        Direction::Forward => [g.group_channels(), g.group_filters()],
        Direction::Backward => [g.group_filters(), g.group_channels()],
    };
    let blocks = outputs.div_ceil(16);
    let block = taps.len() * op.packing().elements(inputs) * 16;
    let mut packed = workers.scratch(g.groups * blocks * block);
    let together = STRETCH.div_ceil(block.max(1));
    workers.chunks(&mut packed, together * block, |chunk, vectors| {
        for (index, vectors) in (chunk * together..).zip(vectors.chunks_exact_mut(block)) {
            let (group, first) = (index / blocks, index % blocks * 16);
            let to = bytemuck::cast_slice_mut::<_, u32>(vectors).as_chunks_mut().0;
            pack_block(op, direction, taps, weights, [group, first], to);
        }
    });
    packed
}

/// Packs the block of 16 outputs of a group that begins with output `first`, `[tap][element]`.
pub(super) fn pack_block(
    op: &ConvOp,
    direction: Direction,
    taps: &[usize],
    weights: &[f32],
    [group, first]: [usize; 2],
    to: &mut [[u32; 16]],
) {
    let (geometry, precision) = (&op.geometry, op.precision);
    let inputs = match direction {
        Direction::Forward => geometry.group_channels(),
        Direction::Backward => geometry.group_filters(),
    };
    let elements = op.packing().elements(inputs).max(1);
    let pack = Pack { geometry, precision, elements, direction, taps, weights, group, first, to };
    dispatch(op.isa, op.precision, pack);
}

/// One block of 16 outputs.
struct Pack<'a> {
    geometry: &'a ConvGeometry,
    precision: Precision,
    /// Elements of a tap.
    elements: usize,
    direction: Direction,
    taps: &'a [usize],
    weights: &'a [f32],
    group: usize,
    /// The first output.
    first: usize,
    to: &'a mut [[u32; 16]],
}

impl Pack<'_> {
    /// The weights of the outputs for one input; zero where there is none.
    #[inline(always)]
    fn lanes(&self, tap: usize, input: usize) -> [f32; 16] {
        let (g, group, first) = (self.geometry, self.group, self.first);
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

impl Pack<'_> {
    /// The vectors of one element at one tap.
    #[inline(always)]
    fn element<L: Lanes>(&self, lanes: L, tap: usize, element: usize) -> [u32; 16] {
        match self.precision {
            Precision::F32 => bytemuck::cast(self.lanes(tap, element)),
            Precision::Bf16 => lanes.couple(&self.lanes(tap, 2 * element), &self.lanes(tap, 2 * element + 1)),
        }
    }

    /// Those of sixteen elements from `element` on, if the filters have so many channels there: the channels of a filter
    /// follow each other, so they are read together and turned.
    #[inline(always)]
    fn turned<L: Lanes>(&self, lanes: L, tap: usize, element: usize) -> Option<[[u32; 16]; 16]> {
        let g = self.geometry;
        let (channels, filters) = (g.group_channels(), g.group_filters());
        let each = self.precision.products();
        if self.direction != Direction::Forward || (element + 16) * each > channels {
            return None;
        }
        let mut rows = [[0u32; 16]; 16];
        for (filter, row) in (self.first..filters).zip(&mut rows) {
            let filter = (self.group * filters + filter) * g.positions() + tap;
            let from = &self.weights[filter * channels + element * each..];
            *row = match self.precision {
                Precision::F32 => bytemuck::cast(*from.first_chunk::<16>()?),
                Precision::Bf16 => lanes.pairs(from.first_chunk::<32>()?),
            };
        }
        let mut turned = [[0; 16]; 16];
        for (element, turned) in turned.iter_mut().enumerate() {
            for (lane, row) in rows.iter().enumerate() {
                turned[lane] = row[element];
            }
        }
        Some(turned)
    }
}

impl Kernel for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        let to = std::mem::take(&mut self.to);
        for (tap, to) in self.taps.iter().zip(to.chunks_exact_mut(self.elements)) {
            for (index, to) in to.chunks_mut(16).enumerate() {
                match self.turned(lanes, *tap, index * 16) {
                    Some(turned) if to.len() == 16 => to.copy_from_slice(&turned),
                    _ => {
                        for (element, to) in (index * 16..).zip(to) {
                            *to = self.element(lanes, *tap, element);
                        }
                    }
                }
            }
        }
    }
}
