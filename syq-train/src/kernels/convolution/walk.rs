//! The forward loop: a tile of pixels × 16 filters walks a list of contiguous segments of the
//! zero-padded operand. Backward-data is the same loop with flipped, transposed weights.

use crate::kernels::lanes::Lanes;

/// One contiguous piece of a window in the padded operand, in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// From the window's first element.
    pub(super) offset: usize,
    /// Elements.
    pub(super) len: usize,
}

/// A convolution as a walk: what a window reads and how windows follow each other.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    /// Segments of one window, in the order of the weights.
    pub(super) segments: Vec<Segment>,
    /// Segments that one scale covers; all of them where there are no scales.
    pub(super) segments_a_scale: usize,
    /// Elements from one window to the next in a row, and from one row of windows to the next.
    pub(super) pixel_step: usize,
    pub(super) row_step: usize,
    /// Rows and columns of windows.
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// First element of the group's channels in a pixel.
    pub(super) first: usize,
    /// Distance of two pixels in the output, and the first of its values that the group writes.
    pub(super) output_step: usize,
    pub(super) output_first: usize,
    /// Filters of the group.
    pub(super) filters: usize,
}

impl Walk {
    /// Elements of a window: the weight vectors of one block of 16 filters.
    pub(super) fn window_len(&self) -> usize {
        self.segments.iter().map(|segment| segment.len).sum()
    }

    /// Computes every output of one image. `weights` holds, for each block of 16 filters,
    /// [`Self::window_len`] vectors. With `scales`, each output is Σ fma(scale, exact sum of its
    /// segments, ·) in ascending order.
    #[inline(always)]
    pub(super) fn run<L: Lanes>(
        &self,
        lanes: L,
        operand: &[u32],
        weights: &[[u32; 16]],
        scales: Option<&[f32]>,
        output: &mut [f32],
    ) {
        for (block, weights) in weights.chunks_exact(self.window_len().max(1)).enumerate() {
            let filters = (self.filters - block * 16).min(16);
            for row in 0..self.rows {
                let mut column = 0;
                while column < self.columns {
                    let first = self.first + row * self.row_step + column * self.pixel_step;
                    let to = (row * self.columns + column) * self.output_step + self.output_first + block * 16;
                    let rest = self.columns - column;
                    column += if rest >= 8 {
                        self.tile::<L, 8>(lanes, &operand[first..], weights, scales, &mut output[to..], filters)
                    } else if rest >= 4 {
                        self.tile::<L, 4>(lanes, &operand[first..], weights, scales, &mut output[to..], filters)
                    } else {
                        self.tile::<L, 1>(lanes, &operand[first..], weights, scales, &mut output[to..], filters)
                    };
                }
            }
        }
    }

    #[inline(always)]
    fn tile<L: Lanes, const P: usize>(
        &self,
        lanes: L,
        operand: &[u32],
        mut weights: &[[u32; 16]],
        scales: Option<&[f32]>,
        output: &mut [f32],
        filters: usize,
    ) -> usize {
        let mut sums = [lanes.zero(); P];
        let mut totals = [lanes.zero(); P];
        let mut segments = self.segments.as_slice();
        let mut scale_index = 0;
        while !segments.is_empty() {
            let (covered, rest) = segments.split_at(self.segments_a_scale.min(segments.len()));
            segments = rest;
            for segment in covered {
                let (now, later) = weights.split_at(segment.len);
                weights = later;
                let pixels: [&[u32]; P] =
                    std::array::from_fn(|p| &operand[p * self.pixel_step + segment.offset..][..segment.len]);
                for (e, w) in now.iter().enumerate() {
                    let w = lanes.load(w);
                    for p in 0..P {
                        sums[p] = lanes.multiply_add(sums[p], w, pixels[p][e]);
                    }
                }
            }
            if let Some(scales) = scales {
                for p in 0..P {
                    totals[p] = lanes.scale_add(scales[scale_index], sums[p], totals[p]);
                    sums[p] = lanes.zero();
                }
                scale_index += 1;
            }
        }
        let results = if scales.is_some() { totals } else { sums };
        for (p, result) in results.into_iter().enumerate() {
            let values = lanes.values(result);
            let to = &mut output[p * self.output_step..][..filters];
            match to.first_chunk_mut::<16>() {
                Some(all) => *all = values,
                None => to.copy_from_slice(&values[..filters]),
            }
        }
        P
    }
}
