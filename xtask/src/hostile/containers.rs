//! Model files whose container is wrong: cuts, the header's length, its JSON, names, places, types, digests, and paths that name
//! no file at all.

use super::case::Expected::{Either, Error, Valid};
use super::case::Reader::{Model, Swap};
use super::case::{Case, Expected, Source};
use super::parts::{Parts, eight_bit, file, ternary};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The largest header.
const HEADER: usize = 8 << 20;

pub(super) fn cases() -> anyhow::Result<Vec<Case>> {
    let parts = ternary()?;
    let mut cases = vec![
        row("good", "nothing", Valid, vec![parts.bytes(), eight_bit()?.bytes()]),
        row("cut", "cut at every boundary, and a byte beside it", CUT, cuts(&parts)),
        row(
            "longer",
            "bytes behind the last tensor",
            Error(&["Format/DataLength"]),
            vec![[parts.bytes(), vec![0]].concat()],
        ),
        row("empty", "no bytes", Error(&["Format/Truncated"]), vec![Vec::new()]),
    ];
    cases.extend(special(&parts));
    cases.extend(headers(&parts));
    cases.extend(names(&parts));
    cases.extend(places(&parts));
    cases.extend(digests(&parts));
    Ok(cases)
}

const CUT: Expected = Error(&["Format/Truncated", "Format/Header", "Format/DataLength", "Format/Offsets"]);

/// A row of model files, read with the default limits.
pub(super) fn row(name: &'static str, wrong: &'static str, expected: Expected, files: Vec<Vec<u8>>) -> Case {
    Case::new(name, wrong, Model, files.into_iter().map(Source::Bytes).collect(), expected)
}

/// The file cut at each end of the length, the header, the metadata's parts and every tensor, and a byte before and behind it.
fn cuts(parts: &Parts) -> Vec<Vec<u8>> {
    let bytes = parts.bytes();
    let start = bytes.len() - parts.data.len();
    let mut ends = BTreeSet::from([0, 1, 8, start]);
    // Where the header's JSON opens, closes or goes on.
    ends.extend((8..start).filter(|at| b"{}[]".contains(&bytes[*at])));
    for name in parts.tensors.as_object().into_iter().flat_map(|tensors| tensors.keys()) {
        let range = parts.range(name);
        ends.extend([start + range.start, start + range.end]);
    }
    let near: BTreeSet<_> = ends.iter().flat_map(|end| [end.saturating_sub(1), *end, end + 1]).collect();
    near.into_iter().filter(|end| *end < bytes.len()).map(|end| bytes[..end].to_vec()).collect()
}

/// Paths that name no file, and a file that changes.
fn special(parts: &Parts) -> Vec<Case> {
    let special = |name, wrong, source, expected| Case::new(name, wrong, Model, vec![source], expected);
    let io = Error(&["Io"]);
    let mut cases = vec![
        special("folder", "a folder", Source::Folder, io),
        special(
            "sparse",
            "a file of 3 GiB that takes no disk",
            Source::Sparse(parts.bytes(), 3 << 30),
            Error(&["Format/Length"]),
        ),
        special(
            "sparse-tail",
            "a good file that goes on for 2 GiB",
            Source::Sparse(parts.bytes(), 2 << 30),
            Error(&["Format/DataLength"]),
        ),
        Case::new(
            "swapped",
            "rewritten, cut, lengthened and replaced while it is read",
            Swap,
            vec![Source::Bytes(parts.bytes())],
            Valid,
        ),
    ];
    if cfg!(unix) {
        cases.push(special("pipe", "a pipe that nobody writes to", Source::Pipe, Error(&["NotAFile"])));
        cases.push(special("zeros", "/dev/zero", Source::Link("/dev/zero"), Error(&["NotAFile"])));
        cases.push(special("dangling", "a link to nothing", Source::Link("nothing"), io));
        cases.push(special("loop", "a link to itself", Source::Link("loop.syq"), io));
    }
    cases
}

fn headers(parts: &Parts) -> Vec<Case> {
    let header = Error(&["Format/Header"]);
    let length = |length: u64| [&length.to_le_bytes()[..], b"{}"].concat();
    let deep = |open: &str| file(open.repeat(100_000).as_bytes(), &[]);
    let inside = |text: &str| file(json!({"__metadata__": {"syq": text}}).to_string().as_bytes(), &[]);
    let long = |unit: &str, before: &str, after: &str| {
        let count = (HEADER - before.len() - after.len()) / unit.len();
        file(format!("{before}{}{after}", unit.repeat(count)).as_bytes(), &[])
    };
    let million = parts.with(|p| {
        p.metadata["network"]["layers"] = Value::Array((0..1_000_000).map(chained).collect());
    });
    let tensors: String = (0..130_000)
        .map(|index| format!("\"t{index:06}\":{{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}},"))
        .collect();
    vec![
        row("header-zero", "a header of no bytes", header, vec![length(0)]),
        row(
            "header-past-the-end",
            "a header longer than the file",
            Error(&["Format/Truncated"]),
            [3, 9, HEADER as u64].map(length).to_vec(),
        ),
        row(
            "header-huge",
            "a header of up to 2⁶⁴ − 1 bytes",
            Error(&["Format/HeaderLength"]),
            [HEADER as u64 + 1, u64::from(u32::MAX), 1 << 63, u64::MAX - 8, u64::MAX].map(length).to_vec(),
        ),
        row(
            "header-shifted",
            "a header that begins a byte late, so that all tensors are misaligned",
            Error(&["Format/Header", "Format/DataLength", "Format/Offsets"]),
            shifted(parts),
        ),
        row(
            "header-no-json",
            "a header that is no JSON, or another JSON",
            header,
            ["{", "[]", " {}", "{}}", "{\"a\":1}", "null", "\u{feff}{}"]
                .map(|text| file(text.as_bytes(), &[]))
                .to_vec(),
        ),
        row(
            "header-no-utf8",
            "a header that is not UTF-8",
            header,
            vec![file(b"{\"\xff\xfe\":0}", &[]), file(&[0; 64], &[]), file(&[0xFF; 64], &[])],
        ),
        row(
            "header-deep",
            "JSON of 100,000 levels in the header",
            header,
            vec![deep("["), deep("{\"a\":"), deep("{\"a\":[")],
        ),
        row(
            "metadata-deep",
            "JSON of 100,000 levels in the metadata",
            Error(&["Format/Metadata"]),
            ["[", "{\"a\":"].map(|open| inside(&open.repeat(100_000))).to_vec(),
        ),
        row(
            "metadata-none",
            "no metadata, or somebody else's",
            Error(&["Format/NoMetadata", "Format/MetadataKey"]),
            ["{}", "{\"__metadata__\":{\"pt\":\"1\"}}"].map(|text| file(text.as_bytes(), &[])).to_vec(),
        ),
        row(
            "metadata-keys",
            "8 MiB of metadata keys",
            header,
            vec![long("\"a\":\"\",", "{\"__metadata__\":{", "\"b\":\"\"}}")],
        ),
        row("million-layers", "a million layers", Error(&["Format/HeaderLength"]), vec![million.bytes_undigested()]),
        row(
            "million-extents",
            "a shape of four million extents",
            Error(&["Format/Header"]),
            vec![
                long("0,", "{\"c.codes\":{\"dtype\":\"U32\",\"data_offsets\":[0,0],\"shape\":[", "0]}}"),
                extents(parts),
            ],
        ),
        row(
            "many-tensors",
            "130,000 tensors without bytes",
            Error(&["Format/NoMetadata", "Format/UnknownTensor"]),
            vec![
                file(format!("{{{}}}", tensors.trim_end_matches(',')).as_bytes(), &[]),
                parts.with_entries(tensors.trim_end_matches(',')),
            ],
        ),
        row(
            "long-name",
            "a tensor's name of 8 MiB",
            Error(&["Format/Header", "Format/UnknownTensor", "Format/NoMetadata"]),
            vec![
                long("a", "{\"", "\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}"),
                long("\\u0000", "{\"", "\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}"),
            ],
        ),
    ]
}

/// The layer with this index of a chain.
pub(super) fn chained(index: usize) -> Value {
    let input = if index == 0 { "input".to_owned() } else { format!("l{}", index - 1) };
    json!({"name": format!("l{index}"), "inputs": [input], "op": "relu"})
}

/// The good file, but a tensor's shape has two million extents of 1 behind its own.
fn extents(parts: &Parts) -> Vec<u8> {
    let spoilt = parts.with(|p| {
        if let Some(shape) = p.tensors["fc.weight"]["shape"].as_array_mut() {
            shape.extend(std::iter::repeat_n(json!(1), 2_000_000));
        }
    });
    spoilt.bytes()
}

/// The good file with a byte before its header that the length counts, and one that it does not count.
fn shifted(parts: &Parts) -> Vec<Vec<u8>> {
    let bytes = parts.bytes();
    let (length, rest) = bytes.split_at(8);
    let longer = (u64::from_le_bytes(length.try_into().unwrap_or_default()) + 1).to_le_bytes();
    vec![[&longer, &b" "[..], rest].concat(), [length, b" ", rest].concat(), [&longer[..], rest].concat()]
}

fn names(parts: &Parts) -> Vec<Case> {
    let twice = format!("\"c.codes\":{}", parts.tensors["c.codes"]);
    let metadata = "\"__metadata__\":{\"syq\":\"\"}";
    let info = |dtype: &str| json!({"dtype": dtype, "shape": [0], "data_offsets": [0, 0]});
    let extra = |name: &str| parts.with(|p| p.tensors[name] = info("F32")).bytes();
    let renamed = parts.with(|p| {
        let tensor = p.tensors.as_object_mut().and_then(|tensors| tensors.remove("c.codes"));
        p.tensors["c.weight"] = tensor.unwrap_or_default();
    });
    let dtypes = ["F32", "F64", "I8", "BF16", "BOOL", "", "u32", "😀"];
    let typed = dtypes.map(|dtype| parts.with(|p| p.tensors["c.codes"]["dtype"] = json!(dtype)).bytes());
    let not_text = [json!(null), json!(4), json!(["U32"])];
    let not_text = not_text.map(|dtype| parts.with(|p| p.tensors["c.codes"]["dtype"] = dtype).bytes());
    vec![
        row(
            "tensor-twice",
            "two tensors of one name",
            Error(&["Format/Duplicate"]),
            vec![parts.with_entries(&twice), parts.with_entries(metadata)],
        ),
        row(
            "tensor-unknown",
            "a tensor that no layer has",
            Error(&["Format/UnknownTensor"]),
            ["a.step", "", "c.", ".codes", "../../etc/passwd"].map(extra).to_vec(),
        ),
        row("tensor-missing", "a tensor under another name", Error(&["Format/MissingTensor"]), vec![renamed.bytes()]),
        row("dtypes", "tensors of another type", Error(&["Format/Type", "Format/Offsets"]), typed.to_vec()),
        row("dtype-no-text", "types that are no text", Error(&["Format/Header"]), not_text.to_vec()),
        row(
            "tensor-field",
            "a tensor with strides",
            Error(&["Format/Header"]),
            vec![parts.with(|p| p.tensors["n.scale"]["strides"] = json!([1])).bytes()],
        ),
    ]
}

fn places(parts: &Parts) -> Vec<Case> {
    let each = |field: &str, values: &[Value]| -> Vec<Vec<u8>> {
        let names = ["c.codes", "fc.bias", "n.scale"];
        let changed =
            |(value, name): (&Value, &str)| parts.with(|p| p.tensors[name][field] = value.clone()).bytes_undigested();
        values.iter().flat_map(|value| names.map(|name| (value, name))).map(changed).collect()
    };
    let same_bytes = parts.with(|p| {
        for info in p.tensors.as_object_mut().into_iter().flat_map(|tensors| tensors.values_mut()) {
            *info = json!({"dtype": "F32", "shape": [1], "data_offsets": [0, 4]});
        }
    });
    let gap = parts.with(|p| {
        for info in p.tensors.as_object_mut().into_iter().flat_map(|tensors| tensors.values_mut()) {
            let moved = |index: usize| info["data_offsets"][index].as_u64().unwrap_or(0) + 2;
            info["data_offsets"] = json!([moved(0), moved(1)]);
        }
        p.data.splice(..0, [0; 2]);
    });
    let places = Error(&["Format/Offsets", "Format/DataLength"]);
    let overlaps = [json!([0, 8]), json!([4, 8]), json!([0, 4]), json!([2, 6]), json!([1, 1])];
    let outside = [[u64::MAX - 3, u64::MAX], [0, u64::MAX], [8, 4], [1 << 40, (1 << 40) + 4]].map(|place| json!(place));
    let no_places =
        [json!([0]), json!([0, 4, 8]), json!([-4, 4]), json!("0"), json!([0.0, 4.0]), json!(null), json!([1e300, 0])];
    let huge = [
        json!([u64::MAX]),
        json!([1u64 << 32, 1u64 << 32]),
        json!([u64::MAX, u64::MAX, 2]),
        json!([1u64 << 62, 4]),
        json!([1u64 << 27]),
    ];
    let zero = [json!([0]), json!([0, u64::MAX]), json!([u64::MAX, u64::MAX, 0])];
    let no_shapes = [json!([-1]), json!([1.5]), json!(2), json!(null), json!([[2]]), json!([1e30])];
    let swapped = parts.with(|p| p.tensors["fc.weight"]["shape"] = json!([32, 2]));
    vec![
        row(
            "overlap",
            "tensors that overlap or are misaligned",
            places,
            [each("data_offsets", &overlaps), vec![same_bytes.bytes()]].concat(),
        ),
        row("gap", "two bytes before the first tensor: a gap, and all of it misaligned", places, vec![gap.bytes()]),
        row("outside", "tensors outside the file, or backwards", places, each("data_offsets", &outside)),
        row("no-offsets", "offsets that are none", Error(&["Format/Header"]), each("data_offsets", &no_places)),
        row("shape-huge", "shapes that are huge, or whose product overflows", places, each("shape", &huge)),
        row("shape-zero", "shapes without elements", places, each("shape", &zero)),
        row("no-shape", "shapes that are none", Error(&["Format/Header"]), each("shape", &no_shapes)),
        row("shape-turned", "as many elements in another shape", Error(&["Format/Shape"]), vec![swapped.bytes()]),
    ]
}

fn digests(parts: &Parts) -> Vec<Case> {
    let digest = |digest: Value| parts.with(|p| p.metadata["digest"] = digest).bytes_undigested();
    let wrong = ["0".repeat(64), "f".repeat(64)].map(|text| digest(json!(text)));
    let none =
        [json!(""), json!("é"), json!("0".repeat(63)), json!("0".repeat(1 << 20)), json!(null), json!(7)].map(digest);
    let missing = parts.with(|p| drop(p.metadata.as_object_mut().map(|metadata| metadata.remove("digest"))));
    let flipped = (0..8).map(|bit| {
        let mut bytes = parts.bytes();
        let at = bytes.len() - 1 - 5 * bit;
        bytes[at] ^= 1 << bit;
        bytes
    });
    let untold = parts.with(|p| p.metadata["tensor_digests"] = json!({"c.codes": "x", "nowhere": ""}));
    let last = "{\"a\":0,\"digest\":\"".to_owned() + &parts.signed()["{\"digest\":\"".len()..];
    vec![
        row("digest-wrong", "a digest of something else", Error(&["Format/Digest"]), wrong.to_vec()),
        row(
            "digest-none",
            "no digest, or none of 64 digits",
            Error(&["Format/Digest", "Format/Metadata"]),
            [none.to_vec(), vec![missing.bytes_undigested()]].concat(),
        ),
        row(
            "digest-late",
            "a digest that is not the first key",
            Error(&["Format/Metadata"]),
            vec![parts.with_metadata(&last)],
        ),
        row("flipped", "a bit of a tensor flipped", Error(&["Format/TensorDigest"]), flipped.collect()),
        row("tensor-digests", "tensor digests that are none; nothing depends on them", Either, vec![untold.bytes()]),
    ]
}
