//! The network that is built into the library and the `syq` command: ResNet-20 for CIFAR-10 with
//! ternary pixel-wise weights and 2-bit activations.

/// The bytes of the built-in model file, for [`Session::from_bytes`](crate::Session::from_bytes).
pub fn builtin() -> &'static [u8] {
    include_bytes!("../models/cifar10-resnet20-w2a2.safetensors")
}
