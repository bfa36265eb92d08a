//! Crafted PNG files, and files that are no pictures.

use super::case::Expected::{Either, Error, Large, Valid};
use super::case::Reader::{Picture, ServicePicture};
use super::case::{Case, Expected, Reader, Source};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1A\n";

/// Good pictures of the library's tests.
const RGB: &[u8] = fixture!("rgb.png");
const PALETTE: &[u8] = fixture!("palette.png");
const GREY16: &[u8] = fixture!("grey16.png");

/// Color types.
const GREY: u8 = 0;
const TRUE: u8 = 2;
const INDEXED: u8 = 3;
const ALPHA: u8 = 6;

pub(super) fn row(
    reader: Reader,
    name: &'static str,
    wrong: &'static str,
    expected: Expected,
    files: Vec<Vec<u8>>,
) -> Case {
    Case::new(name, wrong, reader, files.into_iter().map(Source::Bytes).collect(), expected)
}

pub(super) fn cases() -> Vec<Case> {
    let damaged = Error(&["Damaged"]);
    let broken = Error(&["Damaged", "Truncated"]);
    let too_large = Error(&["TooLarge"]);
    let bomb = || {
        vec![
            png(8_000, 8_000, 8, TRUE, &[], 8_000 * (1 + 3 * 8_000)),
            png(8_000, 8_000, 16, ALPHA, &[], 8_000 * (1 + 8 * 8_000)),
        ]
    };
    let cut_bomb = || vec![png(8_000, 8_000, 8, TRUE, &[], 7_999 * (1 + 3 * 8_000))];
    let one = |name, wrong, expected, files| row(Picture, name, wrong, expected, files);
    let mut cases = vec![
        one("picture-good", "nothing", Valid, vec![RGB.to_vec(), PALETTE.to_vec(), GREY16.to_vec()]),
        one("picture-empty", "no bytes", Error(&["Empty"]), vec![Vec::new()]),
        one("picture-other", "another format under the name of a PNG", Error(&["NotAPicture"]), others()),
        one("picture-bytes", "257 MiB", Error(&["TooManyBytes"]), Vec::new()),
        one(
            "png-cut",
            "cut at every boundary of a chunk, and a byte beside it",
            Error(&["Truncated", "NotAPicture", "Empty"]),
            [RGB, PALETTE, GREY16].iter().flat_map(|bytes| cuts(bytes)).collect(),
        ),
        one(
            "png-sides",
            "sides of up to 2³¹ − 1 pixels",
            too_large,
            [[i32::MAX as u32; 2], [20_001, 1], [1, i32::MAX as u32], [8_001, 8_000]]
                .map(|[width, height]| png(width, height, 8, TRUE, &[], 100))
                .to_vec(),
        ),
        one(
            "png-sides-none",
            "sides of 0, and beyond 2³¹ − 1",
            Error(&["Damaged", "TooLarge"]),
            [[0, 1], [1, 0], [0, 0], [1 << 31, 1], [u32::MAX, u32::MAX]]
                .map(|[width, height]| png(width, height, 8, TRUE, &[], 100))
                .to_vec(),
        ),
        one("png-header", "depths, color types, compressions and filters that there are not", damaged, headers()),
        one(
            "png-checksum",
            "a wrong checksum",
            damaged,
            vec![with_byte(RGB, 29, 0xFF), with_byte(RGB, RGB.len() - 17, 0xFF)],
        ),
        one("png-order", "chunks in another order, twice or not at all", broken, order()),
        one("png-chunk", "an unknown critical chunk, and lengths up to 2³² − 1", broken, unknown_chunks()),
        one(
            "png-palettes",
            "a palette picture without a palette, or with one of no whole colors, of too many, or of fewer than alphas",
            broken,
            palettes(),
        ),
        one(
            "png-palette-index",
            "indices beyond the palette",
            Either,
            vec![
                stored(2, 2, 8, INDEXED, &chunk(b"PLTE", &[7; 3]), &[0, 0, 255, 0, 9, 3]),
                stored(2, 2, 4, INDEXED, &chunk(b"PLTE", &[7; 6]), &[0, 0xFF, 0, 0x1F]),
            ],
        ),
        one(
            "png-filter",
            "a row filter that there is not",
            damaged,
            vec![stored(2, 2, 8, GREY, &[], &[0, 1, 2, 9, 3, 4])],
        ),
        one("png-zlib", "compressed data that are none, too short or too long", Either, zlibs()),
        one("png-animation", "an animation whose frames are not the picture", Either, animations()),
        one("png-text", "compressed text that expands to 512 MB", Either, vec![text_bomb(b"zTXt"), text_bomb(b"iCCP")]),
        one(
            "png-interlaced",
            "interlaced, of one pixel and of few data",
            Either,
            vec![interlaced(1, 1, 100), interlaced(9, 9, 20), interlaced(2_000, 2_000, 100)],
        ),
        one(
            "png-bomb-large",
            "60,000×60,000 pixels of zeros in 700 kB",
            too_large,
            vec![png(60_000, 60_000, 8, TRUE, &[], 100_000_000)],
        ),
        one("png-bomb", "64 million pixels of zeros, as many as are allowed", Large, bomb()),
        row(ServicePicture, "png-bomb-service", "the same, with the limits of a service", too_large, bomb()),
        row(
            ServicePicture,
            "png-large-service",
            "4 million pixels, as many as a service allows",
            Valid,
            vec![
                png(2_000, 2_000, 16, ALPHA, &[], 2_000 * (1 + 8 * 2_000)),
                png(8_000, 500, 8, TRUE, &[], 500 * (1 + 3 * 8_000)),
            ],
        ),
        one("png-bomb-cut", "64 million pixels of which the last row is missing", Large, cut_bomb()),
        row(ServicePicture, "png-bomb-cut-service", "the same, with the limits of a service", too_large, cut_bomb()),
    ];
    for case in cases.iter_mut().filter(|case| case.files.is_empty()) {
        case.files.push(Source::Sparse(RGB.to_vec(), 257 << 20));
    }
    cases
}

/// Lengths of palettes and of their alphas.
fn palettes() -> Vec<Vec<u8>> {
    let lengths = [(0, 0), (1, 0), (4, 0), (767, 0), (771, 0), (3_000, 0), (3, 2), (6, 256)];
    let chunks = lengths.map(|(colors, alphas)| {
        let alphas = if alphas == 0 { Vec::new() } else { chunk(b"tRNS", &vec![9; alphas]) };
        [chunk(b"PLTE", &vec![7; colors]), alphas].concat()
    });
    [vec![Vec::new()], chunks.to_vec()].concat().iter().map(|before| png(9, 9, 8, INDEXED, before, 9 * 10)).collect()
}

fn others() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 9] = [
        b"GIF89a\x01\0\x01\0",
        b"RIFF\x24\0\0\0WEBPVP8 ",
        b"BM\x46\0\0\0",
        b"%PDF-1.7\n",
        b"<!DOCTYPE html>\n",
        b"hello\n",
        b"\0\0\0\x20ftypavif",
        b"II*\0",
        b"\x89PNG\n\x1A\n",
    ];
    texts.iter().map(|text| text.to_vec()).chain([vec![0; 1 << 20], vec![0xFF; 1 << 20]]).collect()
}

/// Where a PNG's chunks begin and end.
fn boundaries(bytes: &[u8]) -> Vec<usize> {
    let mut at = SIGNATURE.len();
    let mut ends = vec![0, at];
    while let Some(length) = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()) {
        let data = at + 8;
        at = data + u32::from_be_bytes(*length) as usize + 4;
        ends.extend([data - 4, data, at - 4, at]);
    }
    ends
}

/// The last chunk, of 12 bytes, says nothing of the pixels, nor does the checksum before it.
fn cuts(bytes: &[u8]) -> Vec<Vec<u8>> {
    let near = boundaries(bytes).into_iter().flat_map(|end| [end.saturating_sub(1), end, end + 1]);
    near.filter(|end| *end < bytes.len() - 16).map(|end| bytes[..end].to_vec()).collect()
}

fn with_byte(bytes: &[u8], at: usize, flip: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= flip;
    bytes
}

/// A chunk with its checksum.
fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [&kind[..], data].concat();
    let sum = body.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ if sum & 1 == 1 { 0xEDB8_8320 } else { 0 })
    });
    [&(data.len() as u32).to_be_bytes(), &body[..], &(!sum).to_be_bytes()].concat()
}

fn header(width: u32, height: u32, rest: [u8; 5]) -> Vec<u8> {
    chunk(b"IHDR", &[&width.to_be_bytes()[..], &height.to_be_bytes(), &rest].concat())
}

/// A PNG whose data are so many zeros, compressed, with other chunks before them.
fn png(width: u32, height: u32, depth: u8, color: u8, before: &[u8], zeros: usize) -> Vec<u8> {
    let header = header(width, height, [depth, color, 0, 0, 0]);
    [SIGNATURE, &header, before, &chunk(b"IDAT", &deflated(zeros)), &chunk(b"IEND", &[])].concat()
}

fn interlaced(width: u32, height: u32, zeros: usize) -> Vec<u8> {
    let header = header(width, height, [8, TRUE, 0, 0, 1]);
    [SIGNATURE, &header, &chunk(b"IDAT", &deflated(zeros)), &chunk(b"IEND", &[])].concat()
}

/// A PNG of these bytes, filters included, not compressed.
fn stored(width: u32, height: u32, depth: u8, color: u8, before: &[u8], bytes: &[u8]) -> Vec<u8> {
    let header = header(width, height, [depth, color, 0, 0, 0]);
    let [mut a, mut b] = [1u32, 0];
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    let len = (bytes.len() as u16).to_le_bytes();
    let data = [&[0x78, 1, 1], &len[..], &len.map(|byte| !byte), bytes, &((b << 16) | a).to_be_bytes()].concat();
    [SIGNATURE, &header, before, &chunk(b"IDAT", &data), &chunk(b"IEND", &[])].concat()
}

/// So many zeros in the zlib format: one block of fixed codes, a zero and then copies of 258.
fn deflated(zeros: usize) -> Vec<u8> {
    let mut bytes = vec![0x78, 1];
    let [mut word, mut bits] = [0u64, 0];
    let mut put = |code: u64, len: u64| {
        word |= code << bits;
        bits += len;
        while bits >= 8 {
            bytes.push(word as u8);
            word >>= 8;
            bits -= 8;
        }
    };
    put(0b011, 3);
    // Literal 0 is 00110000, the length 258 is 11000101 and the distance 1 is 00000, the highest bit first.
    let copies = zeros.saturating_sub(1) / 258;
    (0..zeros - 258 * copies).for_each(|_| put(0b0000_1100, 8));
    (0..copies).for_each(|_| put(0b1010_0011, 13));
    put(0, 7 + 7);
    // Of zeros Adler's sum is 1 and their number.
    bytes.extend((((zeros % 65_521) as u32) << 16 | 1).to_be_bytes());
    bytes
}

fn headers() -> Vec<Vec<u8>> {
    let fields = [
        [3, 2, 0, 0, 0],
        [8, 1, 0, 0, 0],
        [8, 7, 0, 0, 0],
        [16, 3, 0, 0, 0],
        [1, 6, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [255, 255, 0, 0, 0],
        [8, 2, 1, 0, 0],
        [8, 2, 0, 1, 0],
        [8, 2, 0, 0, 2],
    ];
    let rest = [chunk(b"IDAT", &deflated(100)), chunk(b"IEND", &[])].concat();
    let mut files: Vec<_> = fields.map(|fields| [SIGNATURE, &header(4, 4, fields), &rest].concat()).to_vec();
    files.extend([0, 12, 14, 100].map(|len| [SIGNATURE, &chunk(b"IHDR", &vec![1; len]), &rest].concat()));
    files
}

fn order() -> Vec<Vec<u8>> {
    let (header, data, end) = (header(4, 4, [8, GREY, 0, 0, 0]), chunk(b"IDAT", &deflated(20)), chunk(b"IEND", &[]));
    let files: [&[&[u8]]; 5] = [
        &[&data, &header, &end],
        &[&header, &end],
        &[&end],
        &[&header, &header, &data, &end],
        &[&chunk(b"PLTE", &[0; 3]), &header, &data, &end],
    ];
    files.map(|chunks| [SIGNATURE, &chunks.concat()].concat()).to_vec()
}

fn unknown_chunks() -> Vec<Vec<u8>> {
    let header = header(4, 4, [8, GREY, 0, 0, 0]);
    let rest = [chunk(b"IDAT", &deflated(20)), chunk(b"IEND", &[])].concat();
    let lengths = [1u32 << 16, i32::MAX as u32, 1 << 31, u32::MAX];
    let long = |kind: &[u8; 4], length: u32| [SIGNATURE, &header, &length.to_be_bytes(), kind, &rest].concat();
    let mut files = vec![[SIGNATURE, &header, &chunk(b"EVIL", &[0; 9]), &rest].concat()];
    files.extend(
        lengths.iter().flat_map(|length| [long(b"IDAT", *length), long(b"tEXt", *length), long(b"PLTE", *length)]),
    );
    files
}

fn zlibs() -> Vec<Vec<u8>> {
    let header = header(9, 9, [8, GREY, 0, 0, 0]);
    let with = |data: &[u8]| [SIGNATURE, &header, &chunk(b"IDAT", data), &chunk(b"IEND", &[])].concat();
    let mut files: Vec<_> =
        [&b""[..], b"\x78", b"\x78\x01", b"\0\0\0\0", b"\x78\x01\x07", &[0xFF; 100]].map(with).to_vec();
    files.extend([0, 1, 89, 91, 1_000_000, 100_000_000].map(|zeros| with(&deflated(zeros))));
    // A checksum of something else.
    let mut wrong = deflated(90);
    wrong.pop();
    files.push(with(&[wrong, vec![9]].concat()));
    files
}

fn animations() -> Vec<Vec<u8>> {
    let (header, data, end) = (header(4, 4, [8, GREY, 0, 0, 0]), chunk(b"IDAT", &deflated(20)), chunk(b"IEND", &[]));
    let control = |frames: u32| chunk(b"acTL", &[frames.to_be_bytes(), [0; 4]].concat());
    let frame = |width: u32, height: u32, left: u32| {
        let words = [0, width, height, left, 0].map(u32::to_be_bytes).concat();
        chunk(b"fcTL", &[&words[..], &[0, 1, 0, 1, 0, 0]].concat())
    };
    let files: [Vec<Vec<u8>>; 6] = [
        vec![control(1), frame(2, 2, 0)],
        vec![control(u32::MAX), frame(4, 4, 0)],
        vec![control(1), frame(u32::MAX, u32::MAX, u32::MAX)],
        vec![control(0)],
        vec![frame(4, 4, 0)],
        vec![control(1), frame(0, 0, 0)],
    ];
    files.map(|chunks| [SIGNATURE, &header, &chunks.concat(), &data, &end].concat()).to_vec()
}

fn text_bomb(kind: &[u8; 4]) -> Vec<u8> {
    let (header, data, end) = (header(4, 4, [8, GREY, 0, 0, 0]), chunk(b"IDAT", &deflated(20)), chunk(b"IEND", &[]));
    let text = chunk(kind, &[b"name\0\0", &deflated(512_000_000)[..]].concat());
    [SIGNATURE, &header, &text, &data, &end].concat()
}
