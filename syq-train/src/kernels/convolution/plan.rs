//! What the three passes of one convolution read, derived from its geometry.

use super::operand::{Packing, Placement};
use super::walk::{Segment, Walk};
use super::weight_gradient::Gather;
use std::ops::Range;
use syq_core::{ConvGeometry, Granularity};

/// A walk and the kernel positions of its weights, in walking order.
#[derive(Clone, Debug)]
pub(super) struct Pass {
    /// The walk of the first group.
    pub(super) walk: Walk,
    /// Kernel positions.
    pub(super) taps: Vec<usize>,
    /// How far the next group is: operand elements, output elements.
    pub(super) group_step: [usize; 2],
}

/// The forward pass and where its operand's pixels stand.
pub(super) fn forward(g: &ConvGeometry, packing: Packing, granularity: Option<Granularity>) -> (Placement, Pass) {
    let placement = input_placement(g);
    let kernel = g.window.kernel;
    let elements = packing.elements(g.group_channels());
    let segments = segments(kernel, placement.padded[1], elements, g.groups, granularity);
    let segments_a_scale = match granularity {
        None => segments.len(),
        Some(granularity) => segments.len() / granularity.subgroups(kernel),
    };
    let pixel = elements * g.groups;
    let mut windows = Vec::with_capacity(g.output.height * g.output.width);
    for row in 0..g.output.height {
        for column in 0..g.output.width {
            let from = (row * g.window.stride[0] * placement.padded[1] + column * g.window.stride[1]) * pixel;
            windows.push([from, (row * g.output.width + column) * g.filters()]);
        }
    }
    let walk = Walk { segments, segments_a_scale, windows, filters: g.group_filters() };
    (placement, Pass { walk, taps: (0..g.positions()).collect(), group_step: [elements, g.group_filters()] })
}

/// One axis of backward-data for the input coordinates that leave one remainder by the stride.
struct Case {
    /// Kernel coordinates that reach them, in ascending order of the output coordinate.
    taps: Vec<usize>,
    /// Output coordinate, which may be negative, of the first tap for the first input coordinate.
    first: isize,
    /// The input coordinates.
    inputs: std::iter::StepBy<Range<usize>>,
}

/// The stride's cases of one axis: input i takes part in output o through tap i + padding − o·stride.
fn cases(input: usize, padding: usize, kernel: usize, stride: usize) -> Vec<Case> {
    let case = |remainder: usize| {
        let tap = (remainder + padding) % stride;
        let taps: Vec<usize> = (tap..kernel).step_by(stride).rev().collect();
        let first = ((remainder + padding) / stride) as isize - taps.len() as isize + 1;
        Case { taps, first, inputs: (remainder..input).step_by(stride) }
    };
    (0..stride.min(input)).map(case).collect()
}

/// Rows or columns of zero padding that the cases need before and after `outputs` coordinates.
fn margins(cases: &[Case], outputs: usize) -> [usize; 2] {
    let before = cases.iter().map(|case| -case.first).max().unwrap_or(0).max(0);
    let last = |case: &Case| case.first + (case.taps.len() + case.inputs.len()) as isize - 2;
    let after = cases.iter().map(last).max().unwrap_or(0) - (outputs as isize - 1);
    [before as usize, after.max(0) as usize]
}

/// Backward-data over the output gradient: one pass for each remainder of the input's coordinates by
/// the stride, so that no multiplication meets a zero that the stride put there.
pub(super) fn backward_data(g: &ConvGeometry, packing: Packing) -> (Placement, Vec<Pass>) {
    let (kernel, stride, padding) = (g.window.kernel, g.window.stride, g.window.padding);
    let rows = cases(g.input.height, padding.top, kernel[0], stride[0]);
    let columns = cases(g.input.width, padding.left, kernel[1], stride[1]);
    let [top, bottom] = margins(&rows, g.output.height);
    let [left, right] = margins(&columns, g.output.width);
    let placement = Placement {
        width: g.output.width,
        padded: [g.output.height + top + bottom, g.output.width + left + right],
        origin: [top, left],
        channels: g.group_filters(),
        groups: g.groups,
    };
    let elements = packing.elements(g.group_filters());
    let pixel = elements * g.groups;
    let pass = |row: &Case, column: &Case| {
        let taps = row.taps.iter().flat_map(|r| column.taps.iter().map(move |c| r * kernel[1] + c)).collect();
        let extent = [row.taps.len(), column.taps.len()];
        let mut segments = segments(extent, placement.padded[1], elements, g.groups, None);
        segments.retain(|segment| segment.len > 0);
        let origin = [row.first + top as isize, column.first + left as isize].map(|o| o.max(0) as usize);
        let mut windows = Vec::new();
        for (i, y) in row.inputs.clone().enumerate() {
            for (j, x) in column.inputs.clone().enumerate() {
                let from = ((origin[0] + i) * placement.padded[1] + origin[1] + j) * pixel;
                // A case without taps reads nothing, and may lie outside.
                let from = if extent.contains(&0) { 0 } else { from };
                windows.push([from, (y * g.input.width + x) * g.input.channels]);
            }
        }
        let walk = Walk { segments_a_scale: segments.len(), segments, windows, filters: g.group_channels() };
        Pass { walk, taps, group_step: [elements, g.group_channels()] }
    };
    let passes = rows.iter().flat_map(|row| columns.iter().map(move |column| (row, column)));
    (placement, passes.map(|(row, column)| pass(row, column)).collect())
}

/// The weight gradient. Its operand has one element a channel in either precision.
pub(super) fn weight_gradient(g: &ConvGeometry) -> (Placement, Gather) {
    let placement = input_placement(g);
    let channels = g.group_channels();
    let segments = segments(g.window.kernel, placement.padded[1], channels, g.groups, None);
    let gather = Gather {
        runs: segments,
        pixel_step: g.window.stride[1] * g.input.channels,
        row_step: g.window.stride[0] * placement.padded[1] * g.input.channels,
        image_len: placement.len(Packing::Single),
        rows: g.output.height,
        columns: g.output.width,
        groups: g.groups,
        group_step: channels,
        group_blocks: g.group_filters().div_ceil(16),
    };
    (placement, gather)
}

fn input_placement(g: &ConvGeometry) -> Placement {
    let p = g.window.padding;
    Placement {
        width: g.input.width,
        padded: [g.input.height + p.top + p.bottom, g.input.width + p.left + p.right],
        origin: [p.top, p.left],
        channels: g.group_channels(),
        groups: g.groups,
    }
}

/// The segments of a window in kernel order: whole kernel rows where they are contiguous and no
/// scale changes inside them, else one a kernel position.
fn segments(
    kernel: [usize; 2],
    padded_width: usize,
    elements: usize,
    groups: usize,
    granularity: Option<Granularity>,
) -> Vec<Segment> {
    let pixel = elements * groups;
    let whole_rows = groups == 1 && granularity != Some(Granularity::Pixel);
    let mut segments = Vec::new();
    for row in 0..kernel[0] {
        let offset = row * padded_width * pixel;
        if whole_rows {
            segments.push(Segment { offset, len: kernel[1] * elements });
        } else {
            segments.extend((0..kernel[1]).map(|column| Segment { offset: offset + column * pixel, len: elements }));
        }
    }
    segments
}
