//! Some consecutive rows of one step: produce, finish, store.

use super::buffers::Buffers;
use super::sinks::RowSink;
use crate::kernels::{Affine, Finish, Input, InputData, InputFormat, KernelError, Kernels, OutputRange, PooledRow};
use crate::plan::{Producer, Step};
use std::ops::Range;
use syq_core::{Shape, Window};

/// Pixels that a convolution computes before they are finished and stored: enough to use each weight
/// often, few enough to stay in the cache.
const PIXELS: usize = 64;

/// One task of a step.
#[derive(Debug)]
pub(super) struct Task<'a> {
    pub(super) kernels: Kernels,
    pub(super) step: &'a Step,
    pub(super) buffers: &'a Buffers,
    pub(super) rows: Range<usize>,
    pub(super) sinks: Vec<RowSink<'a>>,
    /// Working space for at least the task's rows.
    pub(super) values: &'a mut [f32],
    pub(super) codes: &'a mut [u8],
}

impl Task<'_> {
    pub(super) fn run(mut self) -> Result<(), KernelError> {
        if self.step.producer.gives_codes() {
            return self.run_codes();
        }
        let row_len = self.step.shape.width * self.step.shape.channels;
        let at_once = match &self.step.producer {
            Producer::Conv { .. } => PIXELS.div_ceil(self.step.shape.width.max(1)),
            _ => 1,
        };
        let mut start = self.rows.start;
        while start < self.rows.end {
            let rows = start..(start + at_once).min(self.rows.end);
            let len = rows.len() * row_len;
            self.produce(rows.clone(), len)?;
            self.store(rows.clone(), len)?;
            start = rows.end;
        }
        Ok(())
    }

    /// Finishes and stores `rows`, whose values are in the working space.
    pub(super) fn store(&mut self, rows: Range<usize>, len: usize) -> Result<(), KernelError> {
        let Step { shape, bias, affine, residual, activation, .. } = self.step;
        let row_len = shape.width * shape.channels;
        let residual = residual.map(|slot| &self.buffers.floats(slot, shape.len())[rows.start * row_len..][..len]);
        let finish = Finish {
            bias: bias.as_deref(),
            affine: affine.as_ref().map(|[scale, offset]| Affine { scale, offset }),
            residual,
            activation: *activation,
        };
        let values = &mut self.values[..len];
        self.kernels.finish(values, shape.channels, &finish)?;
        for (index, row) in values.chunks_exact(row_len).enumerate() {
            let y = rows.start + index - self.rows.start;
            for sink in &mut self.sinks {
                sink.store_values(self.kernels, y, row)?;
            }
        }
        Ok(())
    }

    fn produce(&mut self, rows: Range<usize>, len: usize) -> Result<(), KernelError> {
        let (kernels, buffers, shape) = (self.kernels, self.buffers, self.step.shape);
        let row_len = shape.width * shape.channels;
        let output = &mut self.values[..len];
        let pooled = |window: &Window, shape: &Shape| PooledRow { window: *window, shape: *shape, y: rows.start };
        match &self.step.producer {
            Producer::Conv { packed, input } => {
                let range = OutputRange { rows, blocks: 0..packed.blocks() };
                packed.run(
                    kernels,
                    Input { layout: *packed.layout(), data: data(packed, buffers, *input) },
                    &range,
                    output,
                )
            }
            Producer::Floats { input } => {
                let all = buffers.floats(*input, shape.len());
                output.copy_from_slice(&all[rows.start * row_len..][..len]);
                Ok(())
            }
            Producer::Dequantize { input, levels } => {
                let all = buffers.codes(*input, shape.len());
                for (value, code) in output.iter_mut().zip(&all[rows.start * row_len..]) {
                    *value = levels.value(*code);
                }
                Ok(())
            }
            Producer::MaxPool { input, window, shape } => {
                let row = pooled(window, shape);
                let input = floats_of(buffers.floats(*input, shape.len()), shape, row.input_rows()?);
                kernels.max_pool(row, input, output)
            }
            Producer::AveragePool { input, window, shape } => {
                let row = pooled(window, shape);
                let input = floats_of(buffers.floats(*input, shape.len()), shape, row.input_rows()?);
                kernels.average_pool(row, input, output)
            }
            // Steps that give codes run in `run_codes`.
            Producer::Codes { .. } | Producer::MaxPoolCodes { .. } => Ok(()),
        }
    }

    fn run_codes(mut self) -> Result<(), KernelError> {
        let shape = self.step.shape;
        let len = shape.width * shape.channels;
        for y in self.rows.clone() {
            let codes = &mut self.codes[..len];
            match &self.step.producer {
                Producer::MaxPoolCodes { input, window, shape } => {
                    let row = PooledRow { window: *window, shape: *shape, y };
                    let input = floats_of(self.buffers.codes(*input, shape.len()), shape, row.input_rows()?);
                    self.kernels.max_pool_codes(row, input, codes)?;
                }
                producer => {
                    let all = self.buffers.codes(producer.input(), shape.len());
                    codes.copy_from_slice(&all[y * len..][..len]);
                }
            }
            for sink in &mut self.sinks {
                sink.store_codes(self.kernels, y - self.rows.start, codes)?;
            }
        }
        Ok(())
    }
}

/// The input of a packed layer.
pub(super) fn data<'a>(
    packed: &crate::kernels::PackedConv,
    buffers: &'a Buffers,
    input: crate::plan::Slot,
) -> InputData<'a> {
    let layout = packed.layout();
    match layout.format() {
        InputFormat::Float => InputData::Floats(buffers.floats(input, layout.len())),
        InputFormat::Planes(_) | InputFormat::Digits(_) | InputFormat::Codes => InputData::Words(buffers.words(input, layout.len())),
    }
}

/// Some rows of an image.
fn floats_of<'a, T>(image: &'a [T], shape: &Shape, rows: Range<usize>) -> &'a [T] {
    let row = shape.width * shape.channels;
    &image[rows.start * row..rows.end * row]
}
