//! Times the augmentations of one picture, in microseconds: `cargo run --release -p syq-train --example augment_speed
//! [HEIGHT [WIDTH [SIZE [PICTURES]]]]`: 375 × 500 pixels to 224 × 224, 200 times, unless told. The mean counts.
#![allow(clippy::print_stdout, reason = "an example prints its result")]

use std::sync::Arc;
use std::time::Instant;
use syq_pack::preprocess::Filter;
use syq_train::data::{Augmentation, Augmenter, ColorJitter, Flip, Normalization, RandomResizedCrop, ScaleJitter};
use syq_train::rng::{Purpose, Random};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = |index, default| std::env::args().nth(index).map_or(Ok(default), |n| n.parse::<usize>());
    let [height, width, size, pictures] = [argument(1, 375)?, argument(2, 500)?, argument(3, 224)?, argument(4, 200)?];
    let mut random = Random::new(1, Purpose::Test, 0, 0);
    let image: Vec<u8> = (0..height * width * 3).map(|_| random.below(256) as u8).collect();
    let normalization = Arc::new(Normalization::new([0.5; 3], [0.25; 3])?);
    let crop = Augmentation { flip: Flip::Horizontal, padding: size as u32 / 8, ..Augmentation::NONE };
    let resized_crop = Some(RandomResizedCrop::default());
    let part = Augmentation { padding: 0, resized_crop, ..crop };
    let scale_jitter = Some(ScaleJitter::default());
    let jitter = |brightness, contrast, saturation, hue| Augmentation {
        color_jitter: Some(ColorJitter { brightness, contrast, saturation, hue }),
        ..crop
    };
    let mut base = 0.0;
    for (name, augmentation) in [
        ("crop with padding", crop),
        ("the same and brightness", jitter(0.4, 0.0, 0.0, 0.0)),
        ("the same and contrast", jitter(0.0, 0.4, 0.0, 0.0)),
        ("the same and saturation", jitter(0.0, 0.0, 0.4, 0.0)),
        ("the same and hue", jitter(0.0, 0.0, 0.0, 0.1)),
        ("the same and all four", jitter(0.4, 0.4, 0.4, 0.1)),
        ("random resized crop", part),
        ("scale jitter, Pillow's bilinear", Augmentation { padding: 0, scale_jitter, ..crop }),
        (
            "scale jitter, OpenCV's cubic",
            Augmentation { padding: 0, scale_jitter, filter: Filter::OpenCvCubic, ..crop },
        ),
    ] {
        let mut augmenter = Augmenter::new(augmentation, Arc::clone(&normalization), [size; 2]);
        let mut target = vec![0.0; size * size * 3];
        let start = Instant::now();
        for index in 0..pictures as u64 {
            let mut random = Random::new(1, Purpose::Augmentation, 0, index);
            augmenter.apply(&image, [height, width], &mut random, &mut target)?;
        }
        let microseconds = start.elapsed().as_secs_f64() * 1e6 / pictures.max(1) as f64;
        base = if augmentation == crop { microseconds } else { base };
        println!("{name:32} {microseconds:9.1} us  {:+9.1} against the crop", microseconds - base);
    }
    Ok(())
}
