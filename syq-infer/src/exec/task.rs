//! Some consecutive pixels of one step: produce, finish, store.

use super::buffers::Buffers;
use super::few::Few;
use super::operand::Operand;
use super::sinks::{PixelSink, Target};
use crate::kernels::{Affine, Destination, Finish, Keep, KernelError, Kernels, PooledRow, Residual, Soon};
use crate::plan::{Producer, SinkKind, Step, pixels_at_once};
use std::ops::Range;
use syq_core::{Shape, Window};

/// Most values for which what they will meet is asked for while they are computed: of more, the first lines would have left the
/// second-level cache before the last are there.
const SOON_VALUES: usize = 64 << 10;

/// One task of a step.
#[derive(Debug)]
pub(super) struct Task<'a> {
    pub(super) kernels: Kernels,
    pub(super) step: &'a Step,
    pub(super) buffers: &'a Buffers,
    /// The caller's input.
    pub(super) picture: &'a [f32],
    /// The pixels, in row-major order; whole rows but of a convolution that is not pooled.
    pub(super) pixels: Range<usize>,
    pub(super) sinks: Few<PixelSink<'a>>,
    /// Working space for the task's pixels, floats ([`Step::work_len`] of them at least) and codes.
    pub(super) values: &'a mut [f32],
    pub(super) codes: &'a mut [u8],
    /// Room for as many threads to make tables in.
    pub(super) tables: &'a mut [u32],
}

impl<'a> Task<'a> {
    /// Divides the task before pixel `pixel`, for `share` of `of` threads and the others.
    pub(super) fn split(self, pixel: usize, share: usize, of: usize) -> [Self; 2] {
        let Self { kernels, step, buffers, picture, pixels, sinks, values, codes, tables } = self;
        let done = pixel - pixels.start;
        let (left_values, right_values) = values.split_at_mut(values.len() * done / pixels.len().max(1));
        let at = done * step.shape.channels;
        let (left_codes, right_codes) = codes.split_at_mut(at.min(codes.len()));
        let (left_tables, right_tables) = tables.split_at_mut(tables.len() / of.max(1) * share.min(of));
        let [mut left_sinks, mut right_sinks] = [Few::new(), Few::new()];
        for sink in sinks {
            let [left, right] = sink.split(pixel);
            left_sinks.push(left);
            right_sinks.push(right);
        }
        let task = |pixels, sinks, values, codes, tables| Self {
            kernels,
            step,
            buffers,
            picture,
            pixels,
            sinks,
            values,
            codes,
            tables,
        };
        [
            task(pixels.start..pixel, left_sinks, left_values, left_codes, left_tables),
            task(pixel..pixels.end, right_sinks, right_values, right_codes, right_tables),
        ]
    }

    /// The pixel before which to divide, so that `share` of `of` parts lie before it; `None` where
    /// nothing would be left on a side.
    pub(super) fn middle(&self, share: usize, of: usize) -> Option<usize> {
        match self.step.producer {
            Producer::Conv { .. } if self.step.pool.is_none() => self.middle_of(1, share, of),
            _ => self.middle_row(share, of),
        }
    }

    /// The same before a whole row.
    pub(super) fn middle_row(&self, share: usize, of: usize) -> Option<usize> {
        self.middle_of(self.step.shape.width, share, of)
    }

    /// The same before a multiple of `unit` pixels.
    fn middle_of(&self, unit: usize, share: usize, of: usize) -> Option<usize> {
        let units = self.pixels.len() / unit;
        let middle = self.pixels.start + units * share / of * unit;
        (self.pixels.start < middle && middle < self.pixels.end).then_some(middle)
    }

    pub(super) fn run(mut self) -> Result<(), KernelError> {
        match &self.step.producer {
            Producer::Conv { packed, input, stored } => {
                let tables = std::mem::take(&mut self.tables);
                let operand = Operand::new(self.kernels, packed, (*input, *stored), self.buffers, tables);
                match &self.step.pool {
                    Some(pool) => self.run_pooled(operand, pool),
                    None => self.run_convolution(operand),
                }
            }
            Producer::Picture => self.run_picture(),
            producer if producer.gives_codes() => self.run_codes(),
            _ => {
                let width = self.step.shape.width;
                for start in self.pixels.clone().step_by(width) {
                    self.produce(&(start..start + width))?;
                    self.store(&(start..start + width))?;
                }
                Ok(())
            }
        }
    }

    fn run_convolution(mut self, mut operand: Operand<'_>) -> Result<(), KernelError> {
        let channels = self.step.shape.channels;
        let at_once = pixels_at_once(self.step.shape, self.step.weight_bytes());
        let mut start = self.pixels.start;
        while start < self.pixels.end {
            let pixels = start..(start + at_once).min(self.pixels.end);
            let soon = if pixels.len() * channels > SOON_VALUES { Soon::NOTHING } else { self.soon(&pixels) };
            let output = &mut self.values[..pixels.len() * channels];
            operand.run_before(soon, &operand.whole(pixels.clone()), output)?;
            self.store(&pixels)?;
            start = pixels.end;
        }
        Ok(())
    }

    /// The maps that storing `pixels` will read or write.
    fn soon(&self, pixels: &Range<usize>) -> Soon {
        let mut soon = Soon::NOTHING;
        for sink in self.sinks.iter() {
            if let Some(first) = sink.floats(pixels) {
                soon.push(first);
            }
        }
        if let Some(slot) = self.step.residual {
            let all = self.buffers.floats(slot, self.step.shape.len());
            // What a sink takes the place of is in that sink.
            if let Some(first) = all.get(pixels.start * self.step.shape.channels) {
                soon.push(first);
            }
        }
        soon
    }

    /// Finishes and stores `pixels`, whose values are in the working space.
    pub(super) fn store(&mut self, pixels: &Range<usize>) -> Result<(), KernelError> {
        let Shape { width, channels, .. } = self.step.shape;
        let rows_join = self.step.rows_join();
        let mut start = pixels.start;
        while start < pixels.end {
            let rows = (pixels.end - start) / width;
            let end = match start % width {
                0 if rows > 1 && rows_join => start + rows * width,
                column => (start - column + width).min(pixels.end),
            };
            let at = (start - pixels.start) * channels;
            let values = &mut self.values[at..][..(end - start) * channels];
            store_rows((self.kernels, self.step, self.buffers), &mut self.sinks, &(start..end), values)?;
            start = end;
        }
        Ok(())
    }

    fn produce(&mut self, pixels: &Range<usize>) -> Result<(), KernelError> {
        let (kernels, buffers, shape) = (self.kernels, self.buffers, self.step.shape);
        let output = &mut self.values[..pixels.len() * shape.channels];
        let y = pixels.start / shape.width;
        let pooled = |window: &Window, shape: &Shape| PooledRow { window: *window, shape: *shape, y };
        match &self.step.producer {
            Producer::Floats { input } => {
                let all = buffers.floats(*input, shape.len());
                output.copy_from_slice(&all[pixels.start * shape.channels..][..output.len()]);
                Ok(())
            }
            Producer::Dequantize { input, levels } => {
                let all = buffers.codes(*input, shape.len());
                for (value, code) in output.iter_mut().zip(&all[pixels.start * shape.channels..]) {
                    *value = levels.value(*code);
                }
                Ok(())
            }
            Producer::MaxPool { input, window, shape } => {
                let row = pooled(window, shape);
                let input = rows_of(buffers.floats(*input, shape.len()), shape, row.input_rows()?);
                kernels.max_pool(row, input, output)
            }
            Producer::AveragePool { input, window, shape } => {
                let row = pooled(window, shape);
                let input = rows_of(buffers.floats(*input, shape.len()), shape, row.input_rows()?);
                kernels.average_pool(row, input, output)
            }
            // These have loops of their own.
            Producer::Conv { .. } | Producer::Picture | Producer::Codes { .. } | Producer::MaxPoolCodes { .. } => {
                Ok(())
            }
        }
    }

    /// The picture needs no working space.
    fn run_picture(mut self) -> Result<(), KernelError> {
        let Shape { width, channels, .. } = self.step.shape;
        for start in self.pixels.clone().step_by(width) {
            let values = &self.picture[start * channels..][..width * channels];
            for sink in self.sinks.iter_mut() {
                sink.store_values(self.kernels, &(start..start + width), values)?;
            }
        }
        Ok(())
    }

    fn run_codes(mut self) -> Result<(), KernelError> {
        let Shape { width, channels, .. } = self.step.shape;
        for start in self.pixels.clone().step_by(width) {
            let codes = &mut self.codes[..width * channels];
            match &self.step.producer {
                Producer::MaxPoolCodes { input, window, shape } => {
                    let row = PooledRow { window: *window, shape: *shape, y: start / width };
                    let input = rows_of(self.buffers.codes(*input, shape.len()), shape, row.input_rows()?);
                    self.kernels.max_pool_codes(row, input, codes)?;
                }
                Producer::Codes { input } => {
                    let all = self.buffers.codes(*input, self.step.shape.len());
                    codes.copy_from_slice(&all[start * channels..][..width * channels]);
                }
                // No other producer gives codes.
                _ => {}
            }
            for sink in self.sinks.iter_mut() {
                sink.store_codes(self.kernels, &(start..start + width), codes)?;
            }
        }
        Ok(())
    }
}

/// Finishes and stores the values of `pixels`, part of one row or, where [`Step::rows_join`], several whole ones: to the first
/// float sink and the first one of codes on the way, to the others afterwards.
pub(super) fn store_rows<'a>(
    (kernels, step, buffers): (Kernels, &Step, &Buffers),
    sinks: &mut Few<PixelSink<'a>>,
    pixels: &Range<usize>,
    values: &mut [f32],
) -> Result<(), KernelError> {
    let channels = step.shape.channels;
    let kinds = || step.sinks.iter().map(|sink| &sink.kind);
    let mut floats = kinds().position(|kind| matches!(kind, SinkKind::Floats(_)));
    let placed = kinds().position(|kind| matches!(kind, SinkKind::Placed(_, Some(_))));
    let mut residual = Residual::Nothing;
    if let Some(slot) = step.residual {
        // A sink that takes the residual's place still holds it.
        let in_place = step.sinks.iter().position(|sink| sink.slot == slot);
        residual = match in_place {
            Some(_) => Residual::InPlace,
            None => {
                let all = buffers.floats(slot, step.shape.len());
                Residual::Values(&all[pixels.start * channels..][..values.len()])
            }
        };
        floats = in_place.or(floats);
    }
    let others = |index| Some(index) != floats && Some(index) != placed;
    let keep = if (0..step.sinks.len()).any(others) { Keep::Finished } else { Keep::Anything };
    let mut to = Destination { keep, floats: None, placed: None };
    for (index, sink) in sinks.iter_mut().enumerate().filter(|(index, _)| !others(*index)) {
        match sink.target(pixels) {
            Target::Floats(memory) if Some(index) == floats => to.floats = Some(memory),
            Target::Placed(memory) if Some(index) == placed => to.placed = Some(memory),
            // The kinds are those of the step.
            _ => {}
        }
    }
    kernels.finish_into(values, channels, &finish_of(step), residual, to)?;
    let width = step.shape.width;
    for (_, sink) in sinks.iter_mut().enumerate().filter(|(index, _)| others(*index)) {
        for (row, values) in values.chunks(width * channels).enumerate() {
            let start = pixels.start + row * width;
            sink.store_values(kernels, &(start..start + values.len() / channels), values)?;
        }
    }
    Ok(())
}

/// What becomes of a step's values, but for the residual.
pub(super) fn finish_of(step: &Step) -> Finish<'_> {
    Finish {
        bias: step.bias.as_deref(),
        affine: step.affine.as_ref().map(|[scale, offset]| Affine { scale, offset }),
        residual: None,
        activation: step.activation,
    }
}

/// Some rows of an image.
fn rows_of<'a, T>(image: &'a [T], shape: &Shape, rows: Range<usize>) -> &'a [T] {
    let row = shape.width * shape.channels;
    &image[rows.start * row..rows.end * row]
}
