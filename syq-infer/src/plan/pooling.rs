//! Pooling before batch norm and ReLU instead of behind them: a quarter of the values to finish, where windows are 2 apart.

use super::step::{PoolOrder, Producer, Step};
use crate::kernels::Activation;

impl Step {
    /// Lets the step pool its sums, if that gives the same bits.
    ///
    /// A batch norm with a positive factor and a ReLU never turn a greater value into a smaller one, rounded or not; so
    /// the greatest of a window's results is the result of its greatest sum. (The ReLU makes −0 and +0 one.) Where the
    /// factor is negative, so is made what the convolution gives, which is exact.
    pub(super) fn pool_sums(&mut self) {
        let Self { pool: Some(pool), affine: Some([factors, _]), bias: None, residual: None, .. } = self else {
            return;
        };
        let Producer::Conv { packed, .. } = &mut self.producer else { return };
        let ordered = factors.iter().all(|factor| *factor != 0.0 && factor.is_finite());
        if self.activation != Activation::Relu || !ordered {
            return;
        }
        if factors.iter().any(|factor| *factor < 0.0) {
            if packed.negate(|filter| factors[filter] < 0.0).is_none() {
                return;
            }
            factors.iter_mut().for_each(|factor| *factor = factor.abs());
        }
        pool.order = PoolOrder::Sums;
    }
}
