//! Residual networks: ResNet-20 for CIFAR and ResNet-18, 34 and 50 for ImageNet.
//!
//! The residual stream is float; what enters a quantized convolution is quantized just before it,
//! with a step of its own.

use super::builder::{Builder, window};
use super::{Architecture, Scheme};
use crate::network::{Network, Op};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// Two 3×3 convolutions.
    Basic,
    /// 1×1, 3×3 (with the stride) and 1×1 with four times the channels.
    Bottleneck,
}

impl Block {
    const fn expansion(self) -> usize {
        match self {
            Self::Basic => 1,
            Self::Bottleneck => 4,
        }
    }
}

pub(super) fn resnet20(scheme: Scheme, image: usize, classes: usize) -> Network {
    let mut b = Builder::new(Architecture::ResNet20.name(), scheme, image);
    let x = b.first_conv("conv1", 16, window(3, 1, 1));
    let x = b.batch_norm("bn1", &x);
    let x = b.push("relu1", &[&x], Op::Relu);
    stages(b, x, Block::Basic, 16, &[(16, 3), (32, 3), (64, 3)], classes)
}

pub(super) fn resnet(
    architecture: Architecture,
    scheme: Scheme,
    image: usize,
    classes: usize,
    block: Block,
    depths: [usize; 4],
) -> Network {
    let mut b = Builder::new(architecture.name(), scheme, image);
    let x = b.first_conv("conv1", 64, window(7, 2, 3));
    let x = b.batch_norm("bn1", &x);
    let x = b.push("relu1", &[&x], Op::Relu);
    let x = b.push("maxpool", &[&x], Op::MaxPool(window(3, 2, 1)));
    let widths = [64, 128, 256, 512];
    let stage_list: Vec<_> = widths.into_iter().zip(depths).collect();
    stages(b, x, block, 64, &stage_list, classes)
}

/// Stages of `(width, blocks)`, the first with stride 1 and the others with stride 2; then the mean
/// over the feature map and the classifier.
fn stages(
    mut b: Builder,
    mut x: String,
    block: Block,
    mut channels: usize,
    stage_list: &[(usize, usize)],
    classes: usize,
) -> Network {
    for (stage, &(width, blocks)) in stage_list.iter().enumerate() {
        for index in 0..blocks {
            let stride = if stage > 0 && index == 0 { 2 } else { 1 };
            let name = |layer: &str| format!("layer{}.{index}.{layer}", stage + 1);
            let filters = width * block.expansion();
            let convs: &[(usize, usize, usize)] = match block {
                Block::Basic => &[(width, 3, stride), (width, 3, 1)],
                Block::Bottleneck => &[(width, 1, 1), (width, 3, stride), (filters, 1, 1)],
            };
            let mut y = b.quantize(&name("act1"), &x);
            for (i, &(outputs, kernel, stride)) in convs.iter().enumerate() {
                if i > 0 {
                    y = b.activation(&name(&format!("act{}", i + 1)), &y);
                }
                y = b.conv(&name(&format!("conv{}", i + 1)), &y, outputs, window(kernel, stride, kernel / 2), 1);
                y = b.batch_norm(&name(&format!("bn{}", i + 1)), &y);
            }
            let shortcut = if stride == 1 && channels == filters {
                x
            } else {
                let s = b.shortcut(&name("downsample.0"), &name("downsample.act"), &x, filters, stride);
                b.batch_norm(&name("downsample.1"), &s)
            };
            y = b.push(&name("add"), &[&y, &shortcut], Op::Add);
            x = b.push(&name("relu"), &[&y], Op::Relu);
            channels = filters;
        }
    }
    let x = b.push("avgpool", &[&x], Op::GlobalAveragePool);
    b.classifier("fc", &x, classes)
}
