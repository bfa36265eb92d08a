//! What the three passes of one convolution read: derived once from its geometry.

use super::operand::{Packing, Placement};
use super::walk::{Segment, Walk};
use super::weight_gradient::Gather;
use syq_core::{ConvGeometry, Granularity};

/// The forward walk of each group and where its operand's pixels stand.
pub(super) fn forward(g: &ConvGeometry, packing: Packing, granularity: Option<Granularity>) -> (Placement, Vec<Walk>) {
    let placement = input_placement(g);
    let elements = packing.elements(g.group_channels());
    let segments = segments(g.window.kernel, placement.padded[1], elements, g.groups, granularity);
    let pixel = elements * g.groups;
    let segments_a_scale = match granularity {
        None => segments.len(),
        Some(granularity) => segments.len() / granularity.subgroups(g.window.kernel),
    };
    let walks = (0..g.groups).map(|group| Walk {
        segments: segments.clone(),
        segments_a_scale,
        pixel_step: g.window.stride[1] * pixel,
        row_step: g.window.stride[0] * placement.padded[1] * pixel,
        rows: g.output.height,
        columns: g.output.width,
        first: group * elements,
        output_step: g.filters(),
        output_first: group * g.group_filters(),
        filters: g.group_filters(),
    });
    (placement, walks.collect())
}

/// The backward-data walk of each group, over the output gradient spread by the stride.
pub(super) fn backward_data(g: &ConvGeometry, packing: Packing) -> (Placement, Vec<Walk>) {
    let kernel = g.window.kernel;
    let placement = Placement {
        size: [g.output.height, g.output.width],
        padded: [g.input.height + kernel[0] - 1, g.input.width + kernel[1] - 1],
        origin: [kernel[0] - 1 - g.window.padding.top, kernel[1] - 1 - g.window.padding.left],
        spacing: g.window.stride,
        channels: g.group_filters(),
        groups: g.groups,
    };
    let elements = packing.elements(g.group_filters());
    let segments = segments(kernel, placement.padded[1], elements, g.groups, None);
    let pixel = elements * g.groups;
    let walks = (0..g.groups).map(|group| Walk {
        segments_a_scale: segments.len(),
        segments: segments.clone(),
        pixel_step: pixel,
        row_step: placement.padded[1] * pixel,
        rows: g.input.height,
        columns: g.input.width,
        first: group * elements,
        output_step: g.input.channels,
        output_first: group * g.group_channels(),
        filters: g.group_channels(),
    });
    (placement, walks.collect())
}

/// The weight gradient of each group. Its operand has one element a channel in either precision.
pub(super) fn weight_gradient(g: &ConvGeometry) -> (Placement, Vec<Gather>) {
    let placement = input_placement(g);
    let (channels, pixel) = (g.group_channels(), g.input.channels);
    let segments = segments(g.window.kernel, placement.padded[1], channels, g.groups, None);
    let group_blocks = g.group_filters().div_ceil(16);
    let gathers = (0..g.groups).map(|group| Gather {
        runs: segments.iter().map(|s| (group * channels + s.offset, s.len)).collect(),
        pixel_step: g.window.stride[1] * pixel,
        row_step: g.window.stride[0] * placement.padded[1] * pixel,
        rows: g.output.height,
        columns: g.output.width,
        blocks: group_blocks * g.groups,
        first_block: group * group_blocks,
        group_blocks,
    });
    (placement, gathers.collect())
}

fn input_placement(g: &ConvGeometry) -> Placement {
    let p = g.window.padding;
    Placement {
        size: [g.input.height, g.input.width],
        padded: [g.input.height + p.top + p.bottom, g.input.width + p.left + p.right],
        origin: [p.top, p.left],
        spacing: [1, 1],
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
