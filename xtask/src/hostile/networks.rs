//! Model files that are whole, digest and all, and say what no model may say: values, names, shapes, recipes.

use super::case::Expected::{Error, Large, Valid};
use super::case::Reader::{Model, ServiceModel};
use super::case::{Case, Expected, Reader, Source};
use super::containers::chained;
use super::parts::{Parts, eight_bit, padding, ternary};
use serde_json::{Value, json};

pub(super) fn cases() -> anyhow::Result<Vec<Case>> {
    let (ternary, eight) = (ternary()?, eight_bit()?);
    let cases = [values(&ternary, &eight), graphs(&ternary), layers(&ternary), metadata(&ternary), bombs()];
    Ok(cases.into_iter().flatten().collect())
}

fn row(name: &'static str, wrong: &'static str, expected: Expected, files: Vec<Vec<u8>>) -> Case {
    read_by(Model, name, wrong, expected, files)
}

fn read_by(reader: Reader, name: &'static str, wrong: &'static str, expected: Expected, files: Vec<Vec<u8>>) -> Case {
    Case::new(name, wrong, reader, files.into_iter().map(Source::Bytes).collect(), expected)
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
            "layers-100000",
            "as many layers as the header can hold",
            Error(&["NetworkError/Limit", "Format/Metadata"]),
            vec![chain(50_000).bytes(), chain(100_000).bytes(), chain(140_000).bytes()],
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
            [100_000, 250_000, 500_000, 1_500_000].map(|count| set("labels", json!(vec!["a"; count]))).to_vec(),
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

/// Small files that ask for much when they are run.
fn bombs() -> Vec<Case> {
    let network = |height: u64, width: u64, channels: u64, layers: Value| {
        let input = json!({"height": height, "width": width, "channels": channels});
        let labels = vec!["a"; channels as usize];
        Parts::bare(json!({"name": "bomb", "input": input, "layers": layers}))
            .with(|p| p.metadata["labels"] = json!(labels))
    };
    let pool = || json!([{"name": "r", "inputs": ["input"], "op": "relu"}, {"name": "p", "inputs": ["r"], "op": "global_average_pool"}]);
    let large = || vec![network(1 << 14, 1 << 14, 1, pool()).bytes(), network(8_192, 8_192, 3, pool()).bytes()];
    let beyond =
        || vec![network((1 << 14) + 1, 1 << 14, 1, pool()).bytes(), network(1 << 20, 1 << 20, 1, pool()).bytes()];
    let growing = |times: usize, size: u64| {
        // Max pooling of one pixel with a step of one, around it padding: the feature map grows with each layer.
        let window = json!({"kernel": [size, size], "stride": [1, 1], "padding": padding(size - 1)});
        let mut layers: Vec<Value> = (0..times).map(chained).collect();
        for layer in &mut layers {
            layer["op"] = json!("max_pool");
            for field in ["kernel", "stride", "padding"] {
                layer[field] = window[field].clone();
            }
        }
        layers.push(json!({"name": "p", "inputs": [format!("l{}", times - 1)], "op": "global_average_pool"}));
        network(1, 1, 2, json!(layers)).bytes()
    };
    let forks = {
        // Every layer is kept until the end: no buffer can be shared.
        let mut layers = vec![
            json!({"name": "l0", "inputs": ["input"], "op": "max_pool", "kernel": [1, 1], "stride": [1, 1], "padding": padding(0)}),
        ];
        for index in 1..2_000 {
            let mut layer = layers[0].clone();
            layer["name"] = json!(format!("l{index}"));
            layer["inputs"] = json!([format!("l{}", index - 1)]);
            layers.push(layer);
        }
        for index in (0..1_999).rev() {
            let last = if index == 1_998 { "l1999".to_owned() } else { format!("s{}", index + 1) };
            layers.push(json!({"name": format!("s{index}"), "inputs": [last, format!("l{index}")], "op": "add"}));
        }
        layers.push(json!({"name": "p", "inputs": ["s0"], "op": "global_average_pool"}));
        move |side: u64| network(side, side, 1, json!(layers.clone())).bytes()
    };
    let limit = Error(&["NetworkError/Limit"]);
    let macs = || convolutions(64).bytes();
    vec![
        row(
            "bomb-memory",
            "tiny files of feature maps of 2²⁸ elements: they load, and what a run takes is told before",
            Valid,
            large(),
        ),
        row("bomb-beyond", "tiny files of larger feature maps", limit, beyond()),
        row(
            "bomb-growing",
            "feature maps that grow with every layer",
            Error(&["NetworkError/Limit"]),
            vec![growing(4000, 50), growing(60, 1 << 20)],
        ),
        row("bomb-forks", "2,000 feature maps that are all kept until the end", Valid, vec![forks(1), forks(512)]),
        row("bomb-macs", "a small file of 10¹² multiply-accumulates: it loads", Large, vec![macs()]),
        read_by(
            ServiceModel,
            "bomb-memory-service",
            "the same tiny files, with the limits of a service",
            limit,
            large(),
        ),
        read_by(
            ServiceModel,
            "bomb-macs-service",
            "the same small file, with the limits of a service",
            limit,
            vec![macs()],
        ),
    ]
}

/// So many binary 3×3 convolutions of 64 channels on 512×512 pixels, all weights +1.
fn convolutions(count: usize) -> Parts {
    let weights = json!({"codebook": {"codebook": "binary", "granularity": "layer"}});
    let mut layers = Vec::new();
    let mut parts = Parts::bare(json!({}));
    let mut input = "input".to_owned();
    for index in 0..count {
        let (quantize, conv) = (format!("q{index}"), format!("c{index}"));
        layers.push(json!({"name": quantize, "inputs": [input], "op": "quantize", "bits": 1, "range": "unit"}));
        layers.push(
            json!({"name": conv, "inputs": [quantize], "op": "conv", "filters": 64, "kernel": [3, 3], "stride": [1, 1],
            "padding": padding(1), "groups": 1, "weights": weights, "bias": "none"}),
        );
        let words = 64 * 64 * 9 / 32;
        for (suffix, dtype, len) in [("codes", "U32", words), ("scales", "F32", 1)] {
            let start = parts.data.len();
            parts.data.resize(start + 4 * len, 0);
            parts.tensors[format!("{conv}.{suffix}")] =
                json!({"dtype": dtype, "shape": [len], "data_offsets": [start, start + 4 * len]});
        }
        input = conv;
    }
    layers.push(json!({"name": "p", "inputs": [input], "op": "global_average_pool"}));
    let size = json!({"height": 512, "width": 512, "channels": 64});
    parts.metadata["network"] = json!({"name": "bomb", "input": size, "layers": layers});
    parts.metadata["labels"] = json!(vec!["a"; 64]);
    parts
}
