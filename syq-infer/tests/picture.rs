//! Pictures against what Pillow decodes them to (`fixtures/pictures/make.py`), and hostile files.
#![cfg(feature = "picture")]

use std::path::Path;
use syq_infer::picture::{PictureError, PictureFormat, PictureLimits, decode};
use syq_infer::rgb::RgbImage;

const LIMITS: PictureLimits = PictureLimits { bytes: 1 << 20, side: 20_000, pixels: 64_000_000 };

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures").join(name)).unwrap()
}

/// A picture decoded here and by Pillow.
fn both(name: &str, size: [usize; 2]) -> (RgbImage, Vec<u8>) {
    let ours = decode(&fixture(name), &LIMITS).unwrap();
    assert_eq!([ours.height(), ours.width()], size, "{name}");
    (ours, fixture(&format!("{name}.{}x{}.rgb", size[0], size[1])))
}

#[test]
fn png_equals_pillow() {
    for name in ["rgb", "alpha", "grey", "grey_alpha", "palette", "palette_transparent", "bilevel", "grey16"] {
        let (ours, theirs) = both(&format!("{name}.png"), [25, 37]);
        assert_eq!(ours.into_pixels(), theirs, "{name}");
    }
    let (ours, theirs) = both("one_pixel.png", [1, 1]);
    assert_eq!(ours.into_pixels(), theirs);
}

#[test]
fn jpeg_is_close_to_pillow() {
    let mut cases: Vec<_> = ["baseline", "subsampled_restarts", "progressive", "grey", "cmyk", "turned"]
        .map(|name| (format!("{name}.jpg"), [25, 37]))
        .to_vec();
    cases.push(("one_pixel.jpg".to_string(), [1, 1]));
    for (name, size) in cases {
        let (ours, theirs) = both(&name, size);
        let largest = ours.view().pixels().iter().zip(&theirs).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(largest <= Some(3), "{name}: {largest:?}");
    }
}

#[test]
fn every_truncated_picture_is_an_error() {
    for name in ["baseline.jpg", "subsampled_restarts.jpg", "progressive.jpg", "cmyk.jpg", "turned.jpg"] {
        let bytes = fixture(name);
        let format = PictureFormat::Jpeg;
        for end in 3..bytes.len() {
            assert_eq!(decode(&bytes[..end], &LIMITS), Err(PictureError::Truncated { format }), "{name} at {end}");
        }
    }
    for name in ["rgb.png", "palette.png", "grey16.png"] {
        let bytes = fixture(name);
        // The last chunk, IEND of 12 bytes, says nothing of the pixels; nor do the checksums before it.
        for end in 8..bytes.len() - 16 {
            let error = decode(&bytes[..end], &LIMITS).unwrap_err();
            assert_eq!(error, PictureError::Truncated { format: PictureFormat::Png }, "{name} at {end}");
        }
    }
}

#[test]
fn what_is_no_picture_is_named() {
    let message = |bytes: &[u8]| decode(bytes, &LIMITS).unwrap_err().to_string();
    assert_eq!(message(b""), "the file is empty");
    assert_eq!(message(b"hello, world\n"), "neither a JPEG nor a PNG");
    assert_eq!(message(b"GIF89a......"), "neither a JPEG nor a PNG, but a GIF file");
    assert_eq!(message(b"RIFF....WEBPVP8 "), "neither a JPEG nor a PNG, but a WebP file");
    assert_eq!(message(&[0xFF, 0xD8]), "neither a JPEG nor a PNG");
    assert_eq!(message(&vec![0; (1 << 20) + 1]), "1048577 bytes are too many: at most 1048576");
}

/// A PNG whose header asks for `width` × `height` pixels and that has next to none.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    drop(encoder.write_header().unwrap());
    bytes
}

#[test]
fn sizes_are_checked_before_anything_is_allocated() {
    let too_large = |bytes: &[u8], height, width| {
        assert_eq!(decode(bytes, &LIMITS), Err(PictureError::TooLarge { height, width, limits: LIMITS }));
    };
    too_large(&png_header(50_000, 50_000), 50_000, 50_000);
    too_large(&png_header(20_001, 1), 1, 20_001);
    too_large(&png_header(8_001, 8_000), 8_000, 8_001);
    too_large(&png_header(i32::MAX as u32, i32::MAX as u32), i32::MAX as usize, i32::MAX as usize);
    // A JPEG that is whole but for its size: the frame header's height and width are set to 50,000.
    let mut bytes = fixture("baseline.jpg");
    let frame = bytes.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
    bytes[frame + 5..frame + 9].copy_from_slice(&[0xC3, 0x50, 0xC3, 0x50]);
    too_large(&bytes, 50_000, 50_000);
    let error = decode(&bytes, &LIMITS).unwrap_err();
    assert_eq!(error.to_string(), "50000×50000 pixels are too many: at most 20000 a side and 64000000 in all");
}

/// The `png` crate panics where a palette has no whole colors, too many of them, or fewer than alphas.
#[test]
fn palettes_of_wrong_lengths_are_refused() {
    let with = |colors: usize, alphas: usize| {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 2, 2);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_palette(vec![7; colors]);
        if alphas > 0 {
            encoder.set_trns(vec![9; alphas]);
        }
        encoder.write_header().unwrap().write_image_data(&[0; 4]).unwrap();
        decode(&bytes, &LIMITS)
    };
    assert_eq!(with(3, 1).unwrap().into_pixels(), [7; 12]);
    for (colors, alphas) in [(1, 0), (2, 0), (4, 0), (767, 0), (771, 0), (3, 2), (6, 256)] {
        let error = with(colors, alphas).unwrap_err();
        assert!(
            matches!(error, PictureError::Damaged { format: PictureFormat::Png, .. }),
            "{colors} {alphas}: {error}"
        );
    }
}

/// A JPEG that ends properly, but has the data of another size or more scans than any encoder makes.
#[test]
fn jpegs_that_promise_more_than_they_have_are_refused() {
    let message = |bytes: &[u8]| decode(bytes, &LIMITS).unwrap_err().to_string();
    for name in ["baseline.jpg", "progressive.jpg", "cmyk.jpg"] {
        let mut bytes = fixture(name);
        let frame = bytes.windows(2).position(|marker| matches!(marker, [0xFF, 0xC0 | 0xC2])).unwrap();
        bytes[frame + 5..frame + 9].copy_from_slice(&[4, 0, 4, 0]);
        assert_eq!(message(&bytes), "the JPEG is damaged: it has too few data for its size", "{name}");
    }
    let bytes = fixture("progressive.jpg");
    let scan = (0..bytes.len() - 1).rev().find(|at| bytes[*at..*at + 2] == [0xFF, 0xDA]).unwrap();
    let again = bytes[scan..bytes.len() - 2].repeat(100);
    let bytes = [&bytes[..bytes.len() - 2], &again, &[0xFF, 0xD9]].concat();
    assert_eq!(message(&bytes), "the JPEG is damaged: it has more than 100 scans");
}

#[test]
fn damaged_pictures_never_panic_and_keep_to_one_line() {
    // A fixed sequence: the same bytes are damaged in every run.
    let mut state = 0x9E37_79B9_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize
    };
    let small = PictureLimits { pixels: 1_000_000, ..LIMITS };
    let mut errors = 0;
    for name in ["subsampled_restarts.jpg", "progressive.jpg", "cmyk.jpg", "grey.jpg", "palette.png", "alpha.png"] {
        let bytes = fixture(name);
        for _ in 0..300 {
            let mut damaged = bytes.clone();
            for _ in 0..1 + next() % 4 {
                let at = next() % damaged.len();
                damaged[at] = next() as u8;
            }
            if let Err(error) = decode(&damaged, &small) {
                let message = error.to_string();
                assert!(!message.contains('\n') && message.chars().count() < 300, "{message:?}");
                errors += 1;
            }
        }
    }
    assert!(errors > 300, "{errors}");
}
