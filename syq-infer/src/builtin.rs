//! The networks that are built into the library and the `syq` command.
//!
//! A program has the bytes of those alone that it names: [`builtin()`] does not bring the others along.

/// A network that is built in.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    name: &'static str,
    about: &'static str,
    bytes: &'static [u8],
}

impl Builtin {
    /// Its name, by which `syq --model` takes it: data set, network and bit widths.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it classifies, in a few words.
    pub const fn about(&self) -> &'static str {
        self.about
    }

    /// Its model file, for [`Session::from_bytes`](crate::Session::from_bytes).
    pub const fn bytes(&self) -> &'static [u8] {
        self.bytes
    }
}

/// All of them, with the default of `syq` as the first.
pub static BUILTIN: &[Builtin] = &[
    Builtin {
        name: "cifar10-resnet20-w2a2",
        about: "ten kinds of animals and vehicles, 32 x 32 pixels",
        bytes: CIFAR10,
    },
    Builtin {
        name: "imagenette-resnet18-w2a2",
        about: "ten of ImageNet's classes on photographs, 128 x 128 pixels",
        bytes: include_bytes!("../models/imagenette-resnet18-w2a2.safetensors"),
    },
];

const CIFAR10: &[u8] = include_bytes!("../models/cifar10-resnet20-w2a2.safetensors");

/// The model file of the small network, ResNet-20 for CIFAR-10 with ternary pixel-wise weights and 2-bit activations, for
/// [`Session::from_bytes`](crate::Session::from_bytes).
pub const fn builtin() -> &'static [u8] {
    CIFAR10
}

/// The built-in network of that name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    BUILTIN.iter().find(|network| network.name == name)
}
