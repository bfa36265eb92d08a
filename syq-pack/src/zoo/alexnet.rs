//! AlexNet as the SYQ authors released it: a 12×12 first convolution, grouped convolutions, batch
//! norm, and TensorFlow's SAME padding, whose odd pixel lies at the bottom and the right.

use super::builder::{Builder, window};
use super::{Architecture, Scheme};
use crate::network::{Network, Op};
use syq_core::{Padding, Window};

pub(super) fn alexnet(scheme: Scheme, image: usize, classes: usize) -> Network {
    let mut b = Builder::new(Architecture::AlexNet.name(), scheme, image);
    let first = window(12, 4, 0);
    // Where the picture is too small for the first window, shape inference says so.
    let [mut height, mut width] = first.output(image, image).unwrap_or([1, 1]);
    let x = b.first_conv("conv0", 96, first);
    let mut x = b.activation("act0", &x);
    let layers: [(usize, usize, usize, Option<Pool>); 4] = [
        (256, 5, 2, Some(Pool::Same)),
        (384, 3, 1, Some(Pool::Same)),
        (384, 3, 2, None),
        (256, 3, 2, Some(Pool::Valid)),
    ];
    for (index, (filters, kernel, groups, pool)) in layers.into_iter().enumerate() {
        let name = |layer: &str| format!("{layer}{}", index + 1);
        x = b.conv(&name("conv"), &x, filters, window(kernel, 1, kernel / 2), groups);
        x = b.batch_norm(&name("bn"), &x);
        if let Some(pool) = pool {
            let pool = pool.window(height, width);
            [height, width] = pool.output(height, width).unwrap_or([1, 1]);
            x = b.push(&name("pool"), &[&x], Op::MaxPool(pool));
        }
        x = b.activation(&name("act"), &x);
    }
    x = b.push("flatten", &[&x], Op::Flatten);
    for index in 0..2 {
        x = b.linear(&format!("fc{index}"), &x, 4096);
        x = b.batch_norm(&format!("bn_fc{index}"), &x);
        x = b.activation(&format!("act_fc{index}"), &x);
    }
    b.classifier("fct", &x, classes)
}

/// A 3×3 max pool of stride 2.
#[derive(Clone, Copy)]
enum Pool {
    Same,
    Valid,
}

impl Pool {
    fn window(self, height: usize, width: usize) -> Window {
        let padding = match self {
            Self::Same => Padding::same(height, width, [3, 3], [2, 2]),
            Self::Valid => Padding::NONE,
        };
        Window::square(3, 2, padding)
    }
}
