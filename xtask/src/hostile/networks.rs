//! Model files that are whole, digest and all, and whose networks do not fit together.

use super::case::Case;
use super::case::Expected::{Error, Valid};
use super::containers::{chained, row};
use super::parts::{Parts, padding, ternary};
use serde_json::{Value, json};

pub(super) fn cases() -> anyhow::Result<Vec<Case>> {
    let ternary = ternary()?;
    Ok([graphs(&ternary), layers(&ternary)].into_iter().flatten().collect())
}

fn graphs(parts: &Parts) -> Vec<Case> {
    let inputs = |name: &str, inputs: Value| parts.with(|p| p.layer(name)["inputs"] = inputs).bytes();
    let renamed = |name: &str| parts.with(|p| p.layer("n")["name"] = json!(name)).bytes();
    let chain = |layers: usize| {
        let layers: Vec<Value> = (0..layers).map(chained).collect();
        Parts::bare(json!({"name": "chain", "input": {"height": 1, "width": 1, "channels": 2}, "layers": layers}))
    };
    let two_labels = |parts: Parts| parts.with(|p| p.metadata["labels"] = json!(["a", "b"])).bytes();
    let unused = parts.with(|p| p.layer("c")["inputs"] = json!(["a"])).with(|p| {
        let spare = json!({"name": "spare", "inputs": ["a"], "op": "flatten"});
        p.metadata["network"]["layers"].as_array_mut().into_iter().for_each(|layers| layers.insert(1, spare.clone()));
    });
    let no_layers = parts.with(|p| p.metadata["network"]["layers"] = json!([]));
    let unknown = Error(&["NetworkError/UnknownInput"]);
    vec![
        row(
            "forward",
            "a layer that reads a later one",
            unknown,
            vec![inputs("a", json!(["c"])), inputs("c", json!(["fc"]))],
        ),
        row(
            "cycle",
            "layers that read each other",
            unknown,
            vec![
                parts
                    .with(|p| {
                        p.layer("a")["inputs"] = json!(["n"]);
                        p.layer("n")["inputs"] = json!(["c"]);
                    })
                    .bytes(),
            ],
        ),
        row("self", "a layer that reads itself", unknown, vec![inputs("c", json!(["c"]))]),
        row(
            "nowhere",
            "a layer that reads nothing there is",
            unknown,
            vec![inputs("c", json!(["x"])), inputs("c", json!([""])), inputs("c", json!(["Input"]))],
        ),
        row(
            "arity",
            "layers with no input, or too many",
            Error(&["NetworkError/Arity"]),
            vec![inputs("c", json!([])), inputs("c", json!(["a", "a"])), inputs("c", json!(vec!["a"; 100_000]))],
        ),
        row(
            "layer-twice",
            "two layers of one name",
            Error(&["NetworkError/Duplicate"]),
            vec![renamed("c"), renamed("a")],
        ),
        row(
            "layer-names",
            "names that are none",
            Error(&["NetworkError/Name"]),
            ["", "input", "a/b", "..\\x", "é", "a b", "\u{0}", &"x".repeat(101), &"x".repeat(1 << 20)]
                .map(renamed)
                .to_vec(),
        ),
        row("layer-unused", "a layer that nobody reads", Error(&["NetworkError/Unused"]), vec![unused.bytes()]),
        row("no-layers", "no layers", Error(&["NetworkError/Empty"]), vec![no_layers.bytes()]),
        row("layers-4096", "as many layers as are allowed", Valid, vec![two_labels(chain(4096))]),
        row(
            "layers-4097",
            "one layer more than are allowed",
            Error(&["NetworkError/Limit"]),
            vec![two_labels(chain(4097))],
        ),
        row(
            "layers-120000",
            "as many layers as the header can hold",
            Error(&["NetworkError/Limit", "Format/Metadata"]),
            vec![chain(50_000).bytes(), chain(100_000).bytes(), chain(120_000).bytes()],
        ),
    ]
}

fn layers(parts: &Parts) -> Vec<Case> {
    let conv = |field: &str, value: Value| parts.with(|p| p.layer("c")[field] = value).bytes();
    let huge = [u64::MAX, 1 << 62, 1 << 40, 1 << 31];
    let bits = [0, 5, 9, 16, 255, 256].map(|bits| parts.with(|p| p.layer("a")["bits"] = json!(bits)).bytes());
    let pool = |op: &str, field: &str, value: Value| {
        parts.with(|p| {
            let input = p.layer("n")["inputs"].clone();
            let mut pool = json!({"name": "n", "inputs": input, "op": op, "kernel": [2, 2], "stride": [2, 2], "padding": padding(0)});
            pool[field] = value;
            *p.layer("n") = pool;
        })
    };
    let pools = ["max_pool", "average_pool"];
    let both = |field: &str, value: &Value| pools.map(|op| pool(op, field, value.clone()).bytes()).to_vec();
    let wide = |size: u64| {
        parts.with(|p| {
            p.layer("c")["kernel"] = json!([size, size]);
            p.layer("c")["padding"] = padding(size - 1);
        })
    };
    let ranges = [
        json!({"symmetric": 0.0}),
        json!({"symmetric": -1.0}),
        json!({"symmetric": 1e-45}),
        json!({"fixed_point": 255}),
        json!({"fixed_point": 128}),
        json!("none"),
        json!(null),
    ];
    let shape = Error(&["NetworkError/Shape", "Format/Metadata"]);
    let limit = Error(&["NetworkError/Limit", "NetworkError/Shape", "Format/Metadata", "NetworkError/Core"]);
    let input = |field: &str, value: u64| parts.with(|p| p.metadata["network"]["input"][field] = json!(value)).bytes();
    let sides = ["height", "width", "channels"];
    vec![
        row("stride-zero", "a stride of 0", shape, vec![conv("stride", json!([0, 1])), conv("stride", json!([1, 0]))]),
        row(
            "stride-huge",
            "strides of 2³¹ and more: one output",
            Error(&["NetworkError", "Format/Shape", "Format/Metadata"]),
            huge.map(|stride| conv("stride", json!([stride, stride]))).to_vec(),
        ),
        row("kernel-zero", "a kernel of 0", shape, vec![conv("kernel", json!([0, 3])), conv("kernel", json!([3, 0]))]),
        row(
            "kernel-large",
            "a kernel larger than its input",
            shape,
            [7, 1 << 31, u64::MAX].map(|kernel| conv("kernel", json!([kernel, 3]))).to_vec(),
        ),
        row(
            "padding-large",
            "padding of the kernel's size up to 2⁶⁴ − 1",
            shape,
            [3, 1 << 31, 1 << 32, u64::MAX].map(|pixels| conv("padding", padding(pixels))).to_vec(),
        ),
        row(
            "kernel-and-padding",
            "a huge kernel that fits because its padding is huge",
            limit,
            [1 << 16, 1 << 31, 1 << 32, 1 << 40, 1 << 62].map(|size| wide(size).bytes()).to_vec(),
        ),
        row(
            "groups",
            "groups that do not divide",
            shape,
            [0, 2, 4, 1 << 31, u64::MAX].map(|groups| conv("groups", json!(groups))).to_vec(),
        ),
        row(
            "filters",
            "no filters, and up to 2⁶⁴ − 1",
            Error(&["NetworkError", "Format/Shape"]),
            [0, 1 << 31, 1 << 40, u64::MAX].map(|filters| conv("filters", json!(filters))).to_vec(),
        ),
        row(
            "pool-zero",
            "pooling of 0",
            shape,
            [both("kernel", &json!([0, 0])), both("stride", &json!([0, 2]))].concat(),
        ),
        row(
            "pool-large",
            "pooling larger than its input, or of padding alone",
            shape,
            [both("kernel", &json!([5, 5])), both("padding", &padding(2)), both("kernel", &json!([u64::MAX, 1]))]
                .concat(),
        ),
        row("bits", "activations of 0, 5, 9, 255 bits", Error(&["Format/Metadata"]), bits.to_vec()),
        row(
            "ranges",
            "ranges that are none",
            Error(&["NetworkError/Domain", "NetworkError/Core", "Model/Layer/Core", "Format/Metadata"]),
            ranges
                .map(|range| {
                    parts
                        .with(|p| {
                            p.layer("a")["bits"] = json!(8);
                            p.layer("a")["range"] = range;
                        })
                        .bytes()
                })
                .to_vec(),
        ),
        row(
            "input-zero",
            "an input without elements",
            Error(&["NetworkError/Empty"]),
            sides.map(|side| input(side, 0)).to_vec(),
        ),
        row(
            "input-huge",
            "inputs whose product overflows",
            Error(&["NetworkError"]),
            sides.into_iter().flat_map(|side| huge.map(|size| input(side, size))).collect(),
        ),
        row(
            "no-integers",
            "sizes that are none",
            Error(&["Format/Metadata"]),
            [json!(-1), json!(1.5), json!(null), json!("3"), json!(1e30), json!([3])]
                .map(|value| conv("filters", value))
                .to_vec(),
        ),
        row(
            "field-unknown",
            "fields that this version does not know",
            Error(&["Format/UnknownField", "Format/Metadata"]),
            vec![
                conv("dilation", json!(2)),
                parts.with(|p| p.metadata["licence"] = json!("MIT")).bytes(),
                parts.with(|p| p.metadata["network"]["input"]["depth"] = json!(1)).bytes(),
            ],
        ),
        row("field-twice", "a field that stands there twice", Error(&["Format/Metadata"]), twice(parts)),
        row(
            "op-unknown",
            "operations that there are not",
            Error(&["Format/Metadata"]),
            ["exec", "", "Conv"].map(|op| conv("op", json!(op))).to_vec(),
        ),
    ]
}

/// A layer's field and the network's, each once more in the text.
fn twice(parts: &Parts) -> Vec<Vec<u8>> {
    let text = parts.signed();
    let again = |field: &str, more: &str| parts.with_metadata(&text.replacen(field, &format!("{more},{field}"), 1));
    vec![
        again("\"filters\":2", "\"filters\":3"),
        again("\"op\":\"conv\"", "\"op\":\"relu\""),
        again("\"kernel\":[3,3]", "\"kernel\":[1,1]"),
        again("\"schema\":", "\"schema\":\"syq.model/1.0\""),
        again("\"network\":", "\"network\":{}"),
    ]
}
