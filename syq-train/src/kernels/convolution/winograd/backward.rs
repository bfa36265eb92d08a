//! Weight gradients: turned inputs times turned output gradients, summed over the tiles.

use super::{Grid, POSITIONS, stride};
use crate::kernels::lanes::Lanes;

impl Grid {
    /// Elements of the turned gradients at hand, `[position][tile][filter]`.
    pub(in super::super) fn turned_gradients_len(&self) -> usize {
        POSITIONS * stride(self.at_hand(), self.outputs)
    }

    /// Elements of the sums, `[block][position][input][16]`.
    pub(in super::super) fn sums_len(&self) -> usize {
        POSITIONS * self.inputs * self.outputs
    }

    /// Adds one image's gradient to `sums`, which [`super::turn::weights_back`] turns back. `turned` is room for
    /// [`Self::turned_len`] inputs and [`Self::turned_gradients_len`] gradients.
    #[inline(always)]
    pub(in super::super) fn weight_gradient<L: Lanes>(
        &self,
        lanes: L,
        operand: &[u32],
        dz: &[f32],
        turned: [&mut [f32]; 2],
        sums: &mut [[f32; 16]],
    ) {
        let [inputs, gradients] = turned;
        let blocks = self.outputs / 16;
        for first in (0..self.count()).step_by(self.at_hand()) {
            let tiles = first..(first + self.at_hand()).min(self.count());
            self.turn_inputs(lanes, bytemuck::cast_slice(operand), tiles.clone(), inputs);
            self.turn_gradients(lanes, dz, tiles.clone(), gradients);
            for position in 0..POSITIONS {
                let count = tiles.len();
                let inputs = &inputs[position * stride(count, self.inputs)..][..count * self.inputs];
                let gradients = &gradients[position * stride(count, self.outputs)..][..count * self.outputs];
                let gradients: &[[u32; 16]] = bytemuck::cast_slice(gradients);
                for block in 0..blocks {
                    let sums = &mut sums[(block * POSITIONS + position) * self.inputs..][..self.inputs];
                    self.position(lanes, bytemuck::cast_slice(inputs), &gradients[block..], sums);
                }
            }
        }
    }

    /// Adds to the sums of one position and sixteen filters: the gather of a 1×1 convolution, whose indices made a step of
    /// ResNet-20 a twentieth slower here.
    #[inline(always)]
    fn position<L: Lanes>(&self, lanes: L, inputs: &[u32], gradients: &[[u32; 16]], mut sums: &mut [[f32; 16]]) {
        let mut done = 0;
        while done < self.inputs {
            let inputs = &inputs[done..];
            let count = match self.inputs - done {
                16.. if L::ACCUMULATORS >= 16 => self.tile::<L, 16>(lanes, inputs, gradients, sums),
                8.. if L::ACCUMULATORS >= 8 => self.tile::<L, 8>(lanes, inputs, gradients, sums),
                6.. if L::ACCUMULATORS >= 6 => self.tile::<L, 6>(lanes, inputs, gradients, sums),
                4.. if L::ACCUMULATORS >= 4 => self.tile::<L, 4>(lanes, inputs, gradients, sums),
                _ => self.tile::<L, 2>(lanes, inputs, gradients, sums),
            };
            sums = &mut sums[count..];
            done += count;
        }
    }

    #[inline(always)]
    fn tile<L: Lanes, const E: usize>(
        &self,
        lanes: L,
        inputs: &[u32],
        gradients: &[[u32; 16]],
        sums: &mut [[f32; 16]],
    ) -> usize {
        let mut accumulators = [lanes.zero(); E];
        // Both start at the first tile's element: the last tile's stretch is short.
        for (inputs, gradients) in inputs.chunks(self.inputs).zip(gradients.chunks(self.outputs / 16)) {
            let (Some(inputs), Some(gradient)) = (inputs.first_chunk::<E>(), gradients.first()) else { continue };
            let gradient = lanes.load(gradient);
            for e in 0..E {
                accumulators[e] = lanes.multiply_add(accumulators[e], gradient, inputs[e]);
            }
        }
        for (sum, accumulator) in sums.iter_mut().zip(accumulators) {
            *sum = lanes.values(lanes.add(lanes.floats(sum), accumulator));
        }
        E
    }
}
