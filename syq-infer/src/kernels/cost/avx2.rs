//! The costs of AVX2's kernels.

use super::{Cost, TABLES_IN_CACHE, table_bytes};
use crate::kernels::choose::{QuantizedKernel, lookup_chunk};
use crate::kernels::layout::BLOCK;
use syq_core::{BitWidth, Codebook, ConvGeometry};

impl QuantizedKernel {
    /// What a layer costs, fitted on a Zen 3 (`kernel_speed avx2`).
    pub(super) fn avx2_cost(self, geometry: &ConvGeometry, codebook: Codebook, bits: BitWidth) -> Cost {
        let planes = self.format(codebook, bits).planes() as f64;
        // Bytes are folded into words after each chunk.
        let fold = planes / lookup_chunk(bits) as f64;
        // Sums of several planes go through memory; those of one stay in registers on their way to the scale.
        let stored_planes = if planes > 1.0 { planes } else { 0.0 };
        // A single pair of blocks does alone what two pairs of binary filters share.
        let single_pair = if geometry.group_filters() <= 2 * BLOCK { 2.2 } else { 0.0 };
        let (filters, subgroup, step) = match (self, codebook) {
            (Self::Popcount, Codebook::Binary) => (16, 2.5 + 2.1 * stored_planes, 0.175 * planes),
            (Self::Popcount, Codebook::Ternary) => (16, 2.6 + 2.3 * stored_planes, 0.204 * planes),
            (Self::Lookup, Codebook::Binary) => (32, 2.2 + single_pair + 2.1 * planes, 0.21 * planes + 0.78 * fold),
            (Self::Lookup, Codebook::Ternary) => (32, 1.7 + 2.0 * planes, 0.45 * planes + 1.19 * fold),
            (Self::Permute, _) => (16, f64::INFINITY, 0.0),
            (Self::Int8, _) => (16, 1.4, 0.43),
        };
        // Seen in whole networks (`syq bench --profile`): tables that the L2 cache does not hold cost more.
        let table = match self {
            Self::Lookup if table_bytes(geometry, planes) > TABLES_IN_CACHE => 4.5 * planes,
            Self::Lookup => 0.4 * planes,
            Self::Popcount | Self::Permute | Self::Int8 => 0.0,
        };
        Cost { filters, channels: 4, subgroup, step, table, memory: 0.0 }
    }
}
