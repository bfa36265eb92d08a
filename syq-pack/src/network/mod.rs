//! The network as data: a list of named, typed layers that every executor reads.
//!
//! A [`Network`] is walked by the trainer, walked by the reference executor and compiled by the
//! engine. It holds no parameters: those are in a [`Model`](crate::Model). Layers stand in an order
//! in which every input precedes its use; the last layer gives the logits.

mod error;
mod layer;
mod resolve;

pub use error::{NetworkError, NetworkErrorKind};
pub use layer::{Bias, Conv, Layer, Linear, Op, WeightFormat};
pub use resolve::{Domain, Resolved, ResolvedLayer, Source};

use serde::{Deserialize, Serialize};
use syq_core::Shape;

/// The name under which a layer's `inputs` refer to the picture.
pub const INPUT: &str = "input";

/// A network: its input and its layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// A name for people, such as `resnet20`.
    pub name: String,
    /// The picture: height, width and channels.
    pub input: Shape,
    /// The layers, inputs before uses.
    pub layers: Vec<Layer>,
}
