//! How many bytes a step reads and writes when each is touched once.

use super::step::{Producer, SinkKind, Step};

/// Bytes of a float or of a word of codes.
const ELEMENT: usize = 4;

impl Step {
    /// Bytes of the weights, of what the step reads and of what it writes.
    pub(crate) fn traffic_bytes(&self) -> usize {
        let plain = ELEMENT * self.shape.len();
        let input = match &self.producer {
            Producer::Conv { stored, .. } => ELEMENT * stored.len(),
            Producer::Picture | Producer::Floats { .. } => plain,
            Producer::Codes { .. } | Producer::Dequantize { .. } => self.shape.len(),
            Producer::MaxPool { shape, .. } | Producer::AveragePool { shape, .. } => ELEMENT * shape.len(),
            Producer::MaxPoolCodes { shape, .. } => shape.len(),
        };
        let residual = self.residual.map_or(0, |_| plain);
        let vectors = usize::from(self.bias.is_some()) + 2 * usize::from(self.affine.is_some());
        let output = self.sinks.iter().map(|sink| match &sink.kind {
            SinkKind::Floats(layout) | SinkKind::Placed(layout, _) | SinkKind::Windows(layout, ..) => {
                ELEMENT * layout.len()
            }
            SinkKind::Codes(_) => self.shape.len(),
        });
        let parameters = self.weight_bytes() + vectors * ELEMENT * self.shape.channels;
        parameters + input + residual + output.sum::<usize>()
    }
}
