//! The resizers against the bytes of Pillow and OpenCV (`fixtures/resize/make.py`), and hostile
//! pictures.

use std::path::Path;
use syq_core::Shape;
use syq_infer::preprocess::{PreprocessError, Preprocessor, Region, Resampling, Resizer};
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
    for filter in FILTERS {
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

const FILTERS: [Filter; 3] = [Filter::PillowBilinear, Filter::PillowBicubic, Filter::OpenCvCubic];

/// A picture without any order in it.
fn noise(height: usize, width: usize) -> RgbImage {
    let mut state = 1u32;
    let byte = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    RgbImage::new(height, width, (0..height * width * 3).map(byte).collect()).unwrap()
}

#[test]
fn a_part_is_resized_as_if_it_had_been_cut_out_by_a_resizer_of_any_past() {
    let picture = noise(40, 50);
    let mut resizer = Resizer::default();
    for filter in FILTERS {
        for (part, target, kept) in [
            (Region { top: 3, left: 7, height: 20, width: 31 }, [16, 16], Region::whole([16, 16])),
            (
                Region { top: 39, left: 0, height: 1, width: 50 },
                [5, 90],
                Region { top: 2, left: 60, height: 3, width: 30 },
            ),
            (Region::whole([40, 50]), [40, 50], Region { top: 1, left: 2, height: 30, width: 40 }),
            (
                Region { top: 0, left: 9, height: 40, width: 8 },
                [40, 4],
                Region { top: 5, left: 1, height: 2, width: 2 },
            ),
            (
                Region { top: 10, left: 10, height: 9, width: 9 },
                [33, 9],
                Region { top: 30, left: 0, height: 3, width: 9 },
            ),
        ] {
            let rows = (part.top..part.top + part.height).flat_map(|y| {
                &picture.view().pixels()[(y * 50 + part.left) * 3..(y * 50 + part.left + part.width) * 3]
            });
            let cut = RgbImage::new(part.height, part.width, rows.copied().collect()).unwrap();
            let (whole, all) = (Region::whole([part.height, part.width]), Region::whole(target));
            let how = Resampling { part: whole, target, kept: all, filter };
            let expected = Resizer::default().resize(cut.view(), how).unwrap().to_vec();
            let kept_rows = (kept.top..kept.top + kept.height)
                .flat_map(|y| &expected[(y * target[1] + kept.left) * 3..(y * target[1] + kept.left + kept.width) * 3]);
            let found = resizer.resize(picture.view(), Resampling { part, target, kept, filter }).unwrap();
            assert!(found.iter().eq(kept_rows), "{filter:?} {part:?} {target:?} {kept:?}");
        }
    }
}

#[test]
fn regions_that_do_not_lie_in_their_pictures_are_refused() {
    let picture = noise(4, 6);
    let whole = Region::whole([4, 6]);
    let good = Resampling { part: whole, target: [4, 6], kept: whole, filter: Filter::PillowBilinear };
    for region in [
        Region { height: 0, ..whole },
        Region { width: 7, ..whole },
        Region { top: 1, ..whole },
        Region { left: usize::MAX, ..whole },
    ] {
        for how in [Resampling { part: region, ..good }, Resampling { kept: region, ..good }] {
            let error = Resizer::default().resize(picture.view(), how).unwrap_err();
            assert_eq!(error, PreprocessError::Outside { region, extent: [4, 6] });
        }
    }
    let error = Resizer::default().resize(picture.view(), Resampling { target: [0, 6], ..good }).unwrap_err();
    assert_eq!(error, PreprocessError::Outside { region: whole, extent: [0, 6] });
}
