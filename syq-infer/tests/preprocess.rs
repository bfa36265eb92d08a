//! The resizers against the bytes of Pillow and OpenCV (`fixtures/resize/make.py`), and hostile
//! pictures.

use std::path::Path;
use syq_core::Shape;
use syq_infer::preprocess::{PreprocessError, Preprocessor};
use syq_infer::rgb::{RgbImage, RgbView};
use syq_pack::preprocess::{ChannelOrder, Crop, Filter, Preprocess, Resize};

#[test]
fn resized_pictures_equal_pillow_and_opencv() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/resize");
    let cases = std::fs::read_to_string(folder.join("cases.txt")).unwrap();
    for line in cases.lines() {
        let [source, height, width, file, recipe] = line.splitn(5, ' ').collect::<Vec<_>>().try_into().unwrap();
        let size = source.strip_prefix("noise_").unwrap().strip_suffix(".rgb").unwrap();
        let (rows, columns) = size.split_once('x').unwrap();
        let pixels = std::fs::read(folder.join(source)).unwrap();
        let picture = RgbImage::new(rows.parse().unwrap(), columns.parse().unwrap(), pixels).unwrap();
        let recipe: Preprocess = serde_json::from_str(recipe).unwrap();
        let input = Shape::new(height.parse().unwrap(), width.parse().unwrap(), 3);
        let bytes = Preprocessor::new(&recipe, input).unwrap().bytes(picture.view()).unwrap();
        assert_eq!(bytes, std::fs::read(folder.join(file)).unwrap(), "{line}");
    }
    assert_eq!(cases.lines().count(), 39);
}

#[test]
fn values_are_normalized_in_the_order_of_the_network() {
    let mut recipe = Preprocess::exact(1, 2, [0.1, 0.2, 0.3], [0.5, 0.6, 0.7]);
    let picture = RgbView::new(1, 2, &[10, 20, 30, 40, 50, 60]).unwrap();
    let (mean, std) = (recipe.mean, recipe.std);
    let value = |byte: u8, channel: usize| (f32::from(byte) / 255.0 - mean[channel]) / std[channel];
    let rgb = [value(10, 0), value(20, 1), value(30, 2), value(40, 0), value(50, 1), value(60, 2)];
    let bgr = [value(30, 0), value(20, 1), value(10, 2), value(60, 0), value(50, 1), value(40, 2)];
    let mut out = [0.0; 6];
    let input = Shape::new(1, 2, 3);
    Preprocessor::new(&recipe, input).unwrap().run(picture, &mut out).unwrap();
    assert_eq!(out, rgb);
    recipe.channel_order = ChannelOrder::Bgr;
    Preprocessor::new(&recipe, input).unwrap().run(picture, &mut out).unwrap();
    assert_eq!(out, bgr);
    let error = Preprocessor::new(&recipe, input).unwrap().run(picture, &mut out[1..]);
    assert_eq!(error, Err(PreprocessError::OutputLength { len: 5, expected: 6 }));
}

#[test]
fn a_picture_of_one_row_and_many_columns_is_cropped_before_it_grows() {
    // Resized as a whole it would have 256 × 5,120,000 pixels: 4 GB.
    let pixels = vec![77; 20_000 * 3];
    for filter in [Filter::PillowBilinear, Filter::PillowBicubic, Filter::OpenCvCubic] {
        let resize = Resize::ShortSide { pixels: 256, filter };
        let recipe = Preprocess { resize, ..Preprocess::imagenet(256) };
        let preprocessor = Preprocessor::new(&recipe, Shape::new(224, 224, 3)).unwrap();
        for (height, width) in [(1, 20_000), (20_000, 1)] {
            let bytes = preprocessor.bytes(RgbView::new(height, width, &pixels).unwrap()).unwrap();
            assert_eq!(bytes, vec![77; 224 * 224 * 3]);
        }
    }
}

#[test]
fn pictures_of_another_size_are_refused_without_a_resize() {
    let recipe = Preprocess { resize: Resize::Keep, crop: Crop::Whole, ..Preprocess::imagenet(256) };
    let preprocessor = Preprocessor::new(&recipe, Shape::new(2, 2, 3)).unwrap();
    let pixels: Vec<u8> = (0..18).collect();
    let error = preprocessor.bytes(RgbView::new(3, 2, &pixels).unwrap());
    assert_eq!(error, Err(PreprocessError::DoesNotFit { resized: [3, 2], input: [2, 2] }));
    let centre = Preprocess { crop: Crop::Centre, ..recipe };
    let preprocessor = Preprocessor::new(&centre, Shape::new(2, 2, 3)).unwrap();
    assert_eq!(preprocessor.bytes(RgbView::new(3, 2, &pixels).unwrap()).unwrap(), pixels[..12]);
    assert!(preprocessor.bytes(RgbView::new(1, 6, &pixels).unwrap()).is_err());
}
