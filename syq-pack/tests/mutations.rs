//! Every number of a network replaced by every other: what the reader takes, the reference executor
//! runs without panic, and it gives as many logits as the network says.

mod support;

use serde_json::{Value, json};
use support::{Parts, eight_bit, small};
use syq_core::{Codebook, Padding, Shape, Window};
use syq_pack::network::{Bias, Conv, INPUT, Layer, Linear, Op, WeightFormat};
use syq_pack::{Golden, Model, Network, reference};

/// Both pools, groups, odd padding, a residual add.
fn pools() -> Model {
    let window = |kernel, stride, padding| Window { kernel, stride, padding };
    let conv = Conv {
        filters: 4,
        window: window([2, 3], [1, 2], Padding { top: 1, bottom: 0, left: 2, right: 1 }),
        groups: 2,
        weights: WeightFormat::Float,
        bias: Bias::None,
    };
    let linear = Linear { outputs: 3, weights: WeightFormat::Float, bias: Bias::None };
    let layer = |name: &str, inputs: &[&str], op| Layer {
        name: name.to_owned(),
        inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
        op,
    };
    let network = Network {
        name: "pools".to_owned(),
        input: Shape::new(6, 5, 2),
        layers: vec![
            layer("m", &[INPUT], Op::MaxPool(window([3, 2], [2, 1], Padding { top: 2, bottom: 1, left: 0, right: 1 }))),
            layer(
                "a",
                &["m"],
                Op::AveragePool(window([2, 2], [1, 1], Padding { top: 0, bottom: 1, left: 1, right: 0 })),
            ),
            layer("c", &["a"], Op::Conv(conv)),
            layer("r", &["c"], Op::Relu),
            layer("s", &["r", "c"], Op::Add),
            layer("g", &["s"], Op::GlobalAveragePool),
            layer("fc", &["g"], Op::Linear(linear)),
        ],
    };
    Model::random(network, 3).unwrap()
}

/// JSON pointers of all numbers.
fn numbers(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| numbers(value, &format!("{path}/{key}"), found)),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, value)| numbers(value, &format!("{path}/{index}"), found));
        }
        Value::Number(_) => found.push(path.to_owned()),
        _ => {}
    }
}

#[test]
fn what_is_read_runs() {
    let values = [-1i64, 0, 1, 2, 3, 4, 5, 6, 7, 8, 64, 255, 1 << 20, 1 << 31, 1 << 40, i64::MAX];
    let [mut taken, mut refused] = [0, 0];
    for model in [pools(), small(Codebook::Binary), eight_bit()] {
        let parts = Parts::of(&model);
        let mut paths = Vec::new();
        numbers(&parts.metadata["network"], "/network", &mut paths);
        for path in paths {
            for value in values {
                let mut changed = parts.clone();
                changed.metadata.as_object_mut().unwrap().remove("preprocess");
                *changed.metadata.pointer_mut(&path).unwrap() = json!(value);
                let Ok(model) = Model::from_bytes(&changed.bytes()) else {
                    refused += 1;
                    continue;
                };
                taken += 1;
                let resolved = model.network.resolve().unwrap();
                let elements: usize = resolved.layers.iter().map(|layer| layer.output.len()).sum();
                // Not worth a test's time; the limits of shape inference bound it.
                if (model.network.input.len() + elements) as u64 + resolved.macs() < 1 << 22 {
                    let logits = reference::logits(&model, &Golden::input(model.network.input, 1)).unwrap();
                    assert_eq!(logits.len(), resolved.classes(), "{path} = {value}");
                }
            }
        }
    }
    assert!(taken > 50 && refused > 500, "{taken} taken, {refused} refused");
}
