//! Model files that are whole, digest and all, and whose numbers, texts or recipe are none.

use super::case::Case;
use super::case::Expected::{Error, Valid};
use super::containers::row;
use super::parts::{Parts, eight_bit, ternary};
use serde_json::{Value, json};

pub(super) fn cases() -> anyhow::Result<Vec<Case>> {
    let (ternary, eight) = (ternary()?, eight_bit()?);
    Ok([values(&ternary, &eight), metadata(&ternary)].into_iter().flatten().collect())
}

fn values(ternary: &Parts, eight: &Parts) -> Vec<Case> {
    let set = |parts: &Parts, name: &str, word: u32| parts.with(|p| p.set(name, 0, word)).bytes();
    let no_numbers = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::from_bits(0xFFFF_FFFF)];
    let all = |parts: &Parts, names: &[&str], values: &[f32]| -> Vec<Vec<u8>> {
        names.iter().flat_map(|name| values.iter().map(|value| set(parts, name, value.to_bits()))).collect()
    };
    let odd = [-1.0, 0.0, -0.0, 1e-45, -1e-45, f32::MIN_POSITIVE, f32::MAX, f32::MIN];
    let reserved = [0b11, 0b1100, 3 << 30, u32::MAX].map(|word| set(ternary, "c.codes", word));
    // 54 weights: the last of the four words has 12 bits used.
    let padded = [12, 31].map(|bit| ternary.with(|p| p.set("c.codes", 3, 1 << bit)).bytes());
    let lowest = (0..2).map(|index| {
        eight.with(|p| {
            let start = p.range("c.codes").start;
            p.data[start + index] = 0x80;
        })
    });
    let core = Error(&["Model/Layer/Core"]);
    vec![
        row("reserved-codes", "the ternary pattern 11", Error(&["Codes/Reserved"]), reserved.to_vec()),
        row("padding-bits", "bits behind the last weight", Error(&["Codes/Tail", "Codes/Reserved"]), padded.to_vec()),
        row("eight-bit-lowest", "the 8-bit weight −128", core, lowest.map(|parts| parts.bytes()).collect()),
        row(
            "scales-no-number",
            "NaN and infinite scales",
            core,
            [all(ternary, &["c.scales"], &no_numbers), all(eight, &["c.scales"], &no_numbers)].concat(),
        ),
        row(
            "scales-odd",
            "negative, zero, subnormal and largest scales: numbers like others",
            Valid,
            [all(ternary, &["c.scales"], &odd), all(eight, &["c.scales"], &odd[..6])].concat(),
        ),
        row("scales-overflow", "a scale whose product with the step is infinite", core, overflowing(eight)),
        row(
            "batch-norm-no-number",
            "NaN and infinite batch norms",
            core,
            all(ternary, &["n.scale", "n.offset"], &no_numbers),
        ),
        row(
            "weights-no-number",
            "NaN and infinite weights and biases",
            core,
            all(ternary, &["fc.weight", "fc.bias", "c.bias"], &no_numbers),
        ),
        row(
            "values-odd",
            "zero, subnormal and largest weights, biases and batch norms",
            Valid,
            all(ternary, &["fc.weight", "fc.bias", "c.bias", "n.scale", "n.offset"], &odd),
        ),
        row(
            "steps",
            "steps that are no steps",
            core,
            all(ternary, &["b.step"], &[f32::NAN, f32::INFINITY, -1.0, 0.0, -0.0, 1e-45, f32::MAX]),
        ),
    ]
}

/// A signed step of 10³⁰ and the largest scale.
fn overflowing(eight: &Parts) -> Vec<Vec<u8>> {
    let spoilt = eight.with(|p| {
        p.layer("a")["range"] = json!({"symmetric": 1e30});
        p.set("c.scales", 0, f32::MAX.to_bits());
    });
    vec![spoilt.bytes()]
}

fn metadata(parts: &Parts) -> Vec<Case> {
    let set = |field: &str, value: Value| parts.with(|p| p.metadata[field] = value).bytes();
    let recipe = |field: &str, value: Value| parts.with(|p| p.metadata["preprocess"][field] = value).bytes();
    let exact = |side: u64| json!({"exact": {"height": side, "width": side, "filter": "pillow_bilinear"}});
    let short = |side: u64| json!({"short_side": {"pixels": side, "filter": "opencv_cubic"}});
    let content = Error(&["Model/Preprocess", "Format/Metadata", "Format/UnknownField"]);
    let nested = |unit: &str, count: usize| {
        let text = vec![unit; count].join(",");
        let metadata = parts.signed().replacen("\"op\":\"relu\"", "", 1);
        parts.with_metadata(&metadata.replacen("\"filters\":2", &format!("\"filters\":2,\"x\":[{text}]"), 1))
    };
    let swell = Error(&["Format/Metadata", "Format/UnknownField", "Format/Digest"]);
    vec![
        row(
            "labels",
            "no labels, or too few or many",
            Error(&["Model/Labels"]),
            vec![set("labels", json!([])), set("labels", json!(["a"])), set("labels", json!(["a", "b", "c"]))],
        ),
        row(
            "labels-many",
            "labels as many as the header can hold",
            Error(&["Model/Labels", "Format/Metadata"]),
            [100_000, 250_000, 500_000, 1_300_000].map(|count| set("labels", json!(vec!["a"; count]))).to_vec(),
        ),
        row(
            "labels-huge",
            "a label of almost 8 MiB: a text like others",
            Valid,
            vec![set("labels", json!(["a".repeat(8_380_000), "b"]))],
        ),
        row(
            "labels-no-text",
            "labels that are no text",
            Error(&["Format/Metadata"]),
            [json!([1, 2]), json!(null), json!({}), json!(vec![0; 600_000])]
                .map(|labels| set("labels", labels))
                .to_vec(),
        ),
        row(
            "lists",
            "lists of lists, objects and texts that swell when they are parsed",
            swell,
            ["[0]", "{\"a\":0}", "\"a\"", "0", "{}", "[]"]
                .iter()
                .flat_map(|unit| [60_000, 120_000, 250_000].map(|count| nested(unit, count)))
                .collect(),
        ),
        row(
            "origin",
            "an origin that is none",
            Error(&["Format/Metadata"]),
            vec![set("origin", json!({"top1": {"right": -1, "total": 0}})), set("origin", json!({"author": "x"}))],
        ),
        row(
            "golden",
            "golden logits that are none",
            Error(&["Model/Golden", "Format/Metadata"]),
            [json!([]), json!([1]), json!([-1, 0]), json!(vec![0; 200_000])]
                .map(|logits| set("golden", json!({"seed": 1, "input_sha256": "", "logits": logits})))
                .to_vec(),
        ),
        row(
            "schemas",
            "another schema",
            Error(&["Format/Schema"]),
            ["syq.model/2.0", "syq.model/1", "other", ""].map(|schema| set("schema", json!(schema))).to_vec(),
        ),
        row(
            "recipe-std",
            "deviations of 0, below 0 and beyond f32",
            content,
            [
                json!([1, 0, 1]),
                json!([1, -1, 1]),
                json!([1, 1e39, 1]),
                json!([1, 1]),
                json!([null, 1, 1]),
                json!([1e-60, 1, 1]),
            ]
            .map(|std| recipe("std", std))
            .to_vec(),
        ),
        row(
            "recipe-mean",
            "means beyond f32",
            content,
            [json!([1e39, 0, 0]), json!([null, 0, 0])].map(|mean| recipe("mean", mean)).to_vec(),
        ),
        row(
            "recipe-sides",
            "resizing to nothing, to less than the crop, to 2³¹ and more",
            content,
            [exact(0), exact(3), exact(1 << 31), exact(u64::MAX), short(0), short(3), short(1 << 31), short(u64::MAX)]
                .map(|resize| recipe("resize", resize))
                .to_vec(),
        ),
        row(
            "recipe-keep",
            "no resizing: only a picture of the network's own size fits",
            Error(&["Preprocess/DoesNotFit"]),
            vec![recipe("resize", json!("keep"))],
        ),
        row(
            "recipe-odd",
            "smallest deviations and largest means: numbers like others",
            Valid,
            vec![recipe("std", json!([1e-45, 1e-38, 3e38])), recipe("mean", json!([3e38, -3e38, 0]))],
        ),
    ]
}
