//! Crafted JPEG files.

use super::case::Case;
use super::case::Expected::{Either, Error, Large, Valid};
use super::case::Reader::{Picture, ServicePicture};
use super::pictures::row;

/// Good pictures of the library's tests.
const BASELINE: &[u8] = fixture!("baseline.jpg");
const RESTARTS: &[u8] = fixture!("subsampled_restarts.jpg");
const PROGRESSIVE: &[u8] = fixture!("progressive.jpg");
const CMYK: &[u8] = fixture!("cmyk.jpg");

/// Segments.
const FRAME: u8 = 0xC0;
const PROGRESSIVE_FRAME: u8 = 0xC2;
const HUFFMAN: u8 = 0xC4;
const QUANTIZATION: u8 = 0xDB;
const SCAN: u8 = 0xDA;

pub(super) fn cases() -> Vec<Case> {
    let damaged = Error(&["Damaged"]);
    let broken = Error(&["Damaged", "Truncated", "NotAPicture", "Empty"]);
    let too_large = Error(&["TooLarge"]);
    let one = |name, wrong, expected, files| row(Picture, name, wrong, expected, files);
    let sized = |width: u16, height: u16| {
        let [height, width] = [height, width].map(u16::to_be_bytes);
        changed(BASELINE, FRAME, |data| data[1..5].copy_from_slice(&[height, width].concat()))
    };
    let frame_as =
        |kind: u8| segments(BASELINE, |marker, data| (if marker == FRAME { kind } else { marker }, data.to_vec()));
    let scans = |side: u16, scans: usize| many_scans(side, scans, 0);
    vec![
        one("jpeg-good", "nothing", Valid, [BASELINE, RESTARTS, PROGRESSIVE, CMYK].map(<[u8]>::to_vec).to_vec()),
        one(
            "jpeg-cut",
            "cut at every boundary of a segment, and a byte beside it",
            broken,
            [BASELINE, RESTARTS, PROGRESSIVE, CMYK].iter().flat_map(|bytes| cuts(bytes)).collect(),
        ),
        one("jpeg-no-data", "65,535×65,535 pixels, and no data", too_large, vec![sized(u16::MAX, u16::MAX)]),
        one(
            "jpeg-few-data",
            "up to 8,000×8,000 pixels, of which the data of 25×37 are there",
            damaged,
            vec![sized(8_000, 8_000), sized(1_000, 1_000), sized(20_000, 100)],
        ),
        one("jpeg-sides-none", "sides of 0", damaged, vec![sized(0, 9), sized(9, 0), sized(0, 0)]),
        one(
            "jpeg-kinds",
            "arithmetic coding, lossless, hierarchical",
            damaged,
            [0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF].map(frame_as).to_vec(),
        ),
        one(
            "jpeg-precision",
            "0, 12 and 16 bits",
            damaged,
            [0, 12, 16, 255].map(|bits| changed(BASELINE, FRAME, |data| data[0] = bits)).to_vec(),
        ),
        one("jpeg-components", "0, 2, 5 and 255 components, and sampling of 0 and 15", damaged, components()),
        one(
            "jpeg-quantization",
            "quantization tables that are zero, missing or none",
            Either,
            [
                vec![
                    changed(BASELINE, QUANTIZATION, |data| data[1..].fill(0)),
                    changed(BASELINE, QUANTIZATION, |data| data[0] = 0x3F),
                ],
                vec![without(BASELINE, QUANTIZATION)],
            ]
            .concat(),
        ),
        one(
            "jpeg-huffman",
            "Huffman tables that promise more codes than there are, or are missing",
            damaged,
            huffman(),
        ),
        one(
            "jpeg-lengths",
            "segments whose length is 0, 1 or beyond the file",
            Error(&["Damaged", "Truncated"]),
            lengths(),
        ),
        one("jpeg-restarts", "restart markers where there are none, and an interval of 1", Either, restarts()),
        one("jpeg-twice", "a second frame, and a frame that comes after the scan", Either, twice()),
        one(
            "jpeg-scans",
            "thousands of scans over 64 million pixels",
            damaged,
            vec![scans(8_000, 5_000), scans(64, 20_000)],
        ),
        one(
            "jpeg-scans-allowed",
            "a hundred scans over 64 million pixels, as many as are allowed",
            Large,
            vec![scans(8_000, 99), many_scans(8_000, 99, 1)],
        ),
        row(
            ServicePicture,
            "jpeg-scans-service",
            "the same over 4 million pixels, with the limits of a service",
            Valid,
            vec![scans(2_000, 99), many_scans(2_000, 99, 1)],
        ),
    ]
}

/// A JPEG's segments before its first scan: marker and data.
fn parse(bytes: &[u8]) -> (Vec<(u8, &[u8])>, &[u8]) {
    let mut rest = &bytes[2..];
    let mut segments = Vec::new();
    while let [0xFF, marker, high, low, ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        segments.push((*marker, &rest[4..2 + length]));
        rest = &rest[2 + length..];
        if *marker == SCAN {
            break;
        }
    }
    (segments, rest)
}

fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    [&[0xFF, marker], &(data.len() as u16 + 2).to_be_bytes()[..], data].concat()
}

/// The picture with each segment before the first scan replaced.
fn segments(bytes: &[u8], mut replace: impl FnMut(u8, &[u8]) -> (u8, Vec<u8>)) -> Vec<u8> {
    let (segments, rest) = parse(bytes);
    let replaced = segments.iter().flat_map(|(marker, data)| {
        let (marker, data) = replace(*marker, data);
        segment(marker, &data)
    });
    [0xFF, 0xD8].into_iter().chain(replaced).chain(rest.iter().copied()).collect()
}

/// The picture with the data of one kind of segment changed.
fn changed(bytes: &[u8], kind: u8, change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    segments(bytes, |marker, data| {
        let mut data = data.to_vec();
        if marker == kind {
            change(&mut data);
        }
        (marker, data)
    })
}

/// The picture with a comment in the place of each segment of a kind.
fn without(bytes: &[u8], kind: u8) -> Vec<u8> {
    segments(bytes, |marker, data| (if marker == kind { 0xFE } else { marker }, data.to_vec()))
}

/// A picture cut at the ends of its segments, and within its data.
fn cuts(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (segments, data) = parse(bytes);
    let mut at = 2;
    let mut ends = vec![0, 1, 2];
    for (_, data) in segments {
        ends.extend([at, at + 1, at + 2, at + 3, at + 4]);
        at += 4 + data.len();
    }
    ends.extend((0..data.len()).step_by(1 + data.len() / 16).map(|within| at + within));
    ends.extend([bytes.len() - 2, bytes.len() - 1]);
    ends.into_iter().map(|end| bytes[..end].to_vec()).collect()
}

fn components() -> Vec<Vec<u8>> {
    let numbers = [0, 2, 5, 255].map(|count| changed(BASELINE, FRAME, |data| data[5] = count));
    let sampling = [0x00, 0x0F, 0xF0, 0xFF].map(|sampling| changed(BASELINE, FRAME, |data| data[7] = sampling));
    let tables = [4, 255].map(|table| changed(BASELINE, FRAME, |data| data[8] = table));
    [numbers.to_vec(), sampling.to_vec(), tables.to_vec()].concat()
}

fn huffman() -> Vec<Vec<u8>> {
    let many = |data: &mut Vec<u8>| data[1..17].fill(255);
    let crowded = |data: &mut Vec<u8>| data[1] = 3;
    let kind = |data: &mut Vec<u8>| data[0] = 0x7F;
    let empty = |data: &mut Vec<u8>| data.clear();
    let none = |data: &mut Vec<u8>| data[1..17].fill(0);
    vec![
        changed(BASELINE, HUFFMAN, many),
        changed(BASELINE, HUFFMAN, crowded),
        changed(BASELINE, HUFFMAN, kind),
        changed(BASELINE, HUFFMAN, empty),
        changed(BASELINE, HUFFMAN, none),
        without(BASELINE, HUFFMAN),
    ]
}

fn lengths() -> Vec<Vec<u8>> {
    let (segments, _) = parse(BASELINE);
    let mut files = Vec::new();
    let mut at = 2;
    for (_, data) in segments {
        for length in [0u16, 1, 2, 3, u16::MAX] {
            let mut bytes = BASELINE.to_vec();
            bytes[at + 2..at + 4].copy_from_slice(&length.to_be_bytes());
            // Some readers ask of a comment or an application's data only that it lies inside.
            if usize::from(length) != data.len() + 2 && bytes[at + 1] < 0xE0 {
                files.push(bytes);
            }
        }
        at += 4 + data.len();
    }
    files
}

fn restarts() -> Vec<Vec<u8>> {
    let (_, data) = parse(BASELINE);
    let head = &BASELINE[..BASELINE.len() - data.len()];
    let every = |interval: u16| [&[0xFF, 0xD8][..], &segment(0xDD, &interval.to_be_bytes()), &BASELINE[2..]].concat();
    let spread: Vec<u8> = data[..data.len() - 2].chunks(7).flat_map(|piece| [piece, &[0xFF, 0xD3]].concat()).collect();
    vec![
        [head, &spread, &[0xFF, 0xD9]].concat(),
        every(1),
        every(u16::MAX),
        [head, &[0xFF, 0xD0].repeat(500_000), &[0xFF, 0xD9]].concat(),
    ]
}

fn twice() -> Vec<Vec<u8>> {
    let (segments, data) = parse(BASELINE);
    let frame =
        segments.iter().find(|(marker, _)| *marker == FRAME).map(|(_, data)| segment(FRAME, data)).unwrap_or_default();
    let mut larger = frame.clone();
    larger.get_mut(5..9).into_iter().for_each(|size| size.copy_from_slice(&[0xFF; 4]));
    let before = |extra: &[u8]| [&[0xFF, 0xD8][..], extra, &BASELINE[2..]].concat();
    let behind = [&BASELINE[..BASELINE.len() - 2], &larger, &[0xFF, 0xD9]].concat();
    let late = [&[0xFF, 0xD8][..], &segment(SCAN, &[1, 1, 0, 0, 63, 0]), data].concat();
    vec![before(&frame), before(&larger), behind, late]
}

/// A grey progressive picture: one scan of DC coefficients, then so many of AC coefficients that are all zero. A code
/// of one bit tells of blocks by the ten thousands, so a scan is a few bytes.
/// With `refining` 1 all but the first of these scans refine it by a bit.
fn many_scans(side: u16, scans: usize, refining: u8) -> Vec<u8> {
    let blocks = usize::from(side).div_ceil(8).pow(2);
    let one_code = |class: u8, symbol: u8| segment(HUFFMAN, &[&[class, 1], &[0; 15][..], &[symbol]].concat());
    let size = side.to_be_bytes();
    let mut bytes = vec![0xFF, 0xD8];
    bytes.extend(segment(QUANTIZATION, &[&[0][..], &[1; 64]].concat()));
    bytes.extend(segment(PROGRESSIVE_FRAME, &[&[8][..], &size, &size, &[1, 1, 0x11, 0]].concat()));
    // The DC difference 0, and the run of 2¹⁴ blocks and up to as many more.
    bytes.extend([one_code(0x00, 0), one_code(0x10, 0xE0)].concat());
    bytes.extend(segment(SCAN, &[1, 1, 0, 0, 0, 0]));
    bytes.extend(vec![0; blocks.div_ceil(8)]);
    let runs = vec![0; (15 * blocks.div_ceil(1 << 14)).div_ceil(8)];
    for index in 0..scans {
        let bits = if index == 0 { refining } else { refining << 4 };
        bytes.extend(segment(SCAN, &[1, 1, 0, 1, 63, bits]));
        bytes.extend(&runs);
    }
    bytes.extend([0xFF, 0xD9]);
    bytes
}
