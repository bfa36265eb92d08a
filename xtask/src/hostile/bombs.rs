//! Small model files that are valid and ask for much when they are run.

use super::case::Expected::{Error, Valid};
use super::case::Reader::ServiceModel;
use super::case::{Case, Expected, Source};
use super::containers::{chained, row};
use super::parts::{Parts, padding};
use serde_json::{Value, json};

/// A row that is read with the limits of a service.
fn service(name: &'static str, wrong: &'static str, expected: Expected, files: Vec<Vec<u8>>) -> Case {
    Case::new(name, wrong, ServiceModel, files.into_iter().map(Source::Bytes).collect(), expected)
}

pub(super) fn cases() -> Vec<Case> {
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
        row("bomb-macs", "a small file of 6·10¹¹ multiply-accumulates: it loads", Valid, vec![macs()]),
        service("bomb-memory-service", "the same tiny files, with the limits of a service", limit, large()),
        service("bomb-macs-service", "the same small file, with the limits of a service", limit, vec![macs()]),
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
