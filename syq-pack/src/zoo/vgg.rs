//! VGG-small, the CIFAR-10 network of the low-bit literature: six 3×3 convolutions and one fully
//! connected layer.

use super::builder::{Builder, window};
use super::{Architecture, Scheme};
use crate::network::{Network, Op};

pub(super) fn vgg_small(scheme: Scheme, image: usize, classes: usize) -> Network {
    let mut b = Builder::new(Architecture::VggSmall.name(), scheme, image);
    let mut x = String::new();
    for (index, width) in [128, 128, 256, 256, 512, 512].into_iter().enumerate() {
        let name = |layer: &str| format!("{layer}{index}");
        x = match index {
            0 => b.first_conv(&name("conv"), width, window(3, 1, 1)),
            _ => b.conv(&name("conv"), &x, width, window(3, 1, 1), 1),
        };
        x = b.batch_norm(&name("bn"), &x);
        if index % 2 == 1 {
            x = b.push(&name("pool"), &[&x], Op::MaxPool(window(2, 2, 0)));
        }
        x = b.activation(&name("act"), &x);
    }
    let x = b.push("flatten", &[&x], Op::Flatten);
    b.classifier("fc", &x, classes)
}
