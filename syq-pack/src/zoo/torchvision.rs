//! torchvision's AlexNet and VGG-16, with and without batch norm, so that its weights fit.
//!
//! Layers are called as there: `features.0`, `classifier.6` and so on by their places in its two lists; a
//! quantizer stands where its ReLU does. Three things differ without changing what is computed:
//! - max pools come before the quantizers, as everywhere in this zoo;
//! - a convolution before a batch norm has no bias, as it can be a part of the batch norm's offset;
//! - dropout, which inference does not have, is left out.
//!
//! The adaptive average pooling before the classifier, to 6×6 or 7×7 pixels, changes nothing where the
//! feature map has that size, as it has for pictures of 224 pixels. For other pictures torchvision's network
//! pools; here the classifier reads the feature map as it is, and has as many inputs as that has values.

use super::builder::{Builder, window};
use super::{Architecture, Scheme};
use crate::network::{Bias, Network, Op};

/// Krizhevsky, "One weird trick for parallelizing convolutional neural networks" (2014): no groups, no
/// normalisation, and fewer filters than AlexNet's first form.
pub(super) fn alexnet(scheme: Scheme, image: usize, classes: usize) -> Network {
    let mut b = Builder::new(Architecture::AlexNetTorchvision.name(), scheme, image).with_biases(Bias::PerFilter);
    let layers = [
        (0, 64, window(11, 4, 2), true),
        (3, 192, window(5, 1, 2), true),
        (6, 384, window(3, 1, 1), false),
        (8, 256, window(3, 1, 1), false),
        (10, 256, window(3, 1, 1), true),
    ];
    let mut x = String::new();
    for (place, filters, window_of_filters, pooled) in layers {
        x = if place == 0 {
            b.first_conv(&feature(place), filters, window_of_filters)
        } else {
            b.conv(&feature(place), &x, filters, window_of_filters, 1)
        };
        if pooled {
            x = b.push(&feature(place + 2), &[&x], Op::MaxPool(window(3, 2, 0)));
        }
        x = b.activation(&feature(place + 1), &x);
    }
    classifier(b, x, [1, 4, 6], classes)
}

/// Whether a VGG has batch norms behind its convolutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Norm {
    /// As in the paper.
    None,
    /// Behind each.
    Batch,
}

/// Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition" (ICLR
/// 2015), configuration D.
pub(super) fn vgg16(scheme: Scheme, image: usize, classes: usize, norm: Norm) -> Network {
    let (architecture, biases) = match norm {
        Norm::None => (Architecture::Vgg16, Bias::PerFilter),
        Norm::Batch => (Architecture::Vgg16Bn, Bias::None),
    };
    let mut b = Builder::new(architecture.name(), scheme, image).with_biases(biases);
    let mut x = String::new();
    let mut place = 0;
    for (filters, convolutions) in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)] {
        for convolution in 1..=convolutions {
            x = if place == 0 {
                b.first_conv(&feature(place), filters, window(3, 1, 1))
            } else {
                b.conv(&feature(place), &x, filters, window(3, 1, 1), 1)
            };
            place += 1;
            if norm == Norm::Batch {
                x = b.batch_norm(&feature(place), &x);
                place += 1;
            }
            if convolution == convolutions {
                x = b.push(&feature(place + 1), &[&x], Op::MaxPool(window(2, 2, 0)));
            }
            x = b.activation(&feature(place), &x);
            place += 1;
        }
        // The pool's.
        place += 1;
    }
    classifier(b.with_biases(Bias::PerFilter), x, [0, 3, 6], classes)
}

/// Three fully connected layers at `places` of their list; each activation stands behind its layer.
fn classifier(mut b: Builder, features: String, places: [usize; 3], classes: usize) -> Network {
    let name = |place: usize| format!("classifier.{place}");
    let mut x = b.push("flatten", &[&features], Op::Flatten);
    for place in &places[..2] {
        x = b.linear(&name(*place), &x, 4096);
        x = b.activation(&name(place + 1), &x);
    }
    b.classifier(&name(places[2]), &x, classes)
}

fn feature(place: usize) -> String {
    format!("features.{place}")
}
