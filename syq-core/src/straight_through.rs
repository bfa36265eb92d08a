//! Straight-through estimators: what the gradient of a quantized weight becomes for its master weight.

use serde::{Deserialize, Serialize};

/// How ∂L/∂W follows from g = ∂L/∂Wq, although the quantizer between them is a staircase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightGradient {
    /// The paper's, which is also TTQ's (Zhu et al., ICLR 2017): α·g above the threshold, g below it. An
    /// optimizer that divides by the size of past gradients (Adam) slows a weight down when it leaves zero.
    #[default]
    Syq,
    /// g, wherever the weight stands: the plain estimator (Bengio et al., 2013), as in Ternary Weight Networks
    /// (Li and Liu, 2016).
    Identity,
}
