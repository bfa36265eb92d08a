//! Weight gradients: turned inputs times turned output gradients, summed over the tiles, which in each position is the
//! weight gradient of a 1×1 convolution.

use super::super::weight_gradient::Gather;
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
        for first in (0..self.count()).step_by(self.at_hand()) {
            let tiles = first..(first + self.at_hand()).min(self.count());
            self.turn_inputs(lanes, bytemuck::cast_slice(operand), tiles.clone(), inputs);
            self.turn_gradients(lanes, dz, tiles.clone(), gradients);
            let [input_len, gradient_len] = [self.inputs, self.outputs].map(|channels| tiles.len() * channels);
            let gather = Gather::over_vectors(tiles.len(), self.inputs, self.outputs / 16);
            for position in 0..POSITIONS {
                let inputs = &inputs[position * stride(tiles.len(), self.inputs)..][..input_len];
                let gradients = &gradients[position * stride(tiles.len(), self.outputs)..][..gradient_len];
                let (inputs, gradients) = (bytemuck::cast_slice(inputs), bytemuck::cast_slice(gradients));
                for block in 0..self.outputs / 16 {
                    let sums = &mut sums[(block * POSITIONS + position) * self.inputs..][..self.inputs];
                    gather.block(lanes, inputs, gradients, block, sums);
                }
            }
        }
    }
}
