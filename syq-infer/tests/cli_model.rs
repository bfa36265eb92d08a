//! The `syq` command and its models: built-in ones, their description, their accuracy on a folder.
#![cfg(feature = "cli")]

mod common;

use common::{file, fixture, syq, text};
use serde_json::Value;
use syq_core::{ActivationQuantizer, ActivationRange, BitWidth, Codebook, Granularity};
use syq_infer::builtin::BUILTIN;
use syq_infer::{Isa, builtin};
use syq_pack::zoo::{Architecture, FirstLast, Scheme};
use syq_pack::{Golden, Model};
use tempfile::TempDir;

#[test]
fn eval_counts() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["rgb.png", "grey.png", "baseline.jpg", "palette.png", "one_pixel.png"];
    let (mut top1, mut top5) = (0, 0);
    for (index, name) in names.iter().enumerate() {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let ran = syq(&["classify", "--jsonl", text(&fixture(name))]);
        let top: Vec<String> =
            ran.lines()[0]["top"].as_array().unwrap().iter().map(|c| c["label"].as_str().unwrap().to_owned()).collect();
        // In turn of the likeliest class, of the third and of one beyond the fifth.
        let all = Model::from_bytes(builtin()).unwrap().labels;
        let beyond = all.iter().find(|label| !top.contains(label)).unwrap();
        let class = [&top[0], &top[2], beyond][index % 3];
        file(&folder, &format!("{class}/{name}"), &bytes);
        top1 += u64::from(index % 3 == 0);
        top5 += u64::from(index % 3 < 2);
    }
    let ran = syq(&["eval", "--json", text(folder.path())]);
    let report = ran.json();
    assert_eq!((ran.code, &report["schema"]), (0, &Value::from("syq.eval/1")));
    for (name, right) in [("top1", top1), ("top5", top5)] {
        assert_eq!(report[name], serde_json::json!({ "right": right, "total": 5 }));
    }
    // A model whose labels are others than the folders it was trained on counts the same.
    let mut model = Model::from_bytes(builtin()).unwrap();
    model.origin.class_folders = model.labels.iter().map(|label| format!("the {label}")).collect();
    std::mem::swap(&mut model.origin.class_folders, &mut model.labels);
    let other = tempfile::tempdir().unwrap();
    let renamed = file(&other, "renamed.safetensors", &model.to_bytes().unwrap());
    let again = syq(&["eval", "--json", "--model", &renamed, text(folder.path())]);
    assert_eq!((again.code, &again.json()["top5"]), (0, &report["top5"]), "{}", again.err);
    let table = syq(&["eval", "--threads", "1", text(folder.path())]);
    assert!(table.out.contains(&format!("{top1} of 5\n")) && table.out.contains(&format!("{top5} of 5\n")));

    let bad = file(&folder, "ship/bad.png", b"not a picture");
    let ran = syq(&["eval", "--json", text(folder.path())]);
    assert_eq!((ran.code, &ran.json()["failed"][0]["file"]), (1, &Value::from(&*bad)));
    assert_eq!(ran.json()["top1"]["total"], 5);
    assert!(ran.err.contains(&format!("syq: {bad}: neither")), "{}", ran.err);

    file(&folder, "zebra/a.png", b"");
    let ran = syq(&["eval", text(folder.path())]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("\"zebra\"") && ran.err.contains("\"airplane\""), "{}", ran.err);
}

#[test]
fn info_and_verify_describe_eight_bit_layers() {
    let folder = TempDir::new().unwrap();
    let activation = ActivationQuantizer { bits: BitWidth::Two, range: ActivationRange::Learned };
    let (codebook, granularity, first_last) = (Codebook::Binary, Granularity::Pixel, FirstLast::EIGHT_BIT);
    let scheme = Scheme::Quantized { codebook, granularity, activation, first_last };
    let mut model = Model::random(Architecture::ResNet20.build(scheme, 32, 10), 1).unwrap();
    let logits = syq_pack::reference::logits(&model, &Golden::input(model.network.input, 3)).unwrap();
    model.golden = Some(Golden::new(model.network.input, 3, &logits));
    let path = file(&folder, "eight.safetensors", &model.to_bytes().unwrap());
    let info = syq(&["info", "--json", "--model", &path]);
    assert_eq!((info.code, info.err.as_str()), (0, ""));
    let json = info.json();
    let layers = json["layers"].as_array().unwrap();
    let eight: Vec<&Value> = layers.iter().filter(|layer| layer["codebook"] == "int8").collect();
    let names: Vec<&str> = eight.iter().map(|layer| layer["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["conv1", "layer2.0.downsample.0", "layer3.0.downsample.0", "fc"]);
    for layer in eight {
        assert_eq!((&layer["granularity"], &layer["weight_bits"]), (&"filter".into(), &8.into()));
        assert_eq!((&layer["activation_bits"], &layer["float_because"]), (&8.into(), &Value::Null));
        let kernel = if Isa::detect() == Isa::Avx2 { "int16_w8" } else { "int8_w8" };
        assert_eq!(layer["kernel"], format!("{kernel}_{}", Isa::detect()));
        let filters = layer["output"][2].as_u64().unwrap();
        assert_eq!(layer["weight_bytes"].as_u64().unwrap(), layer["weights"].as_u64().unwrap() + 4 * filters);
    }
    assert_eq!(json["totals"]["macs"], json["totals"]["quantized_macs"]);
    assert!(syq(&["info", "--model", &path]).out.contains("int8 filter"));
    let verify = syq(&["verify", "--model", &path]);
    assert!(verify.code == 0 && verify.out.contains("exact"), "{} {}", verify.out, verify.err);
}

#[test]
fn built_in_networks_have_names() {
    let picture = fixture("rgb.png");
    let top = |arguments: &[&str]| {
        let ran = syq(&[&["classify", "--json", text(&picture)][..], arguments].concat());
        serde_json::from_str::<serde_json::Value>(&ran.out).unwrap()[0]["top"].clone()
    };
    assert_eq!(top(&[]), top(&["--model", BUILTIN[0].name()]));
    for network in BUILTIN {
        let ran = syq(&["info", "--model", network.name()]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(syq(&["classify", "--help"]).out.contains(network.name()));
    }
    let ran = syq(&["info", "--model", "no-such-network"]);
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains(BUILTIN[0].name()), "{}", ran.err);
}

#[test]
fn info_and_verify_describe_the_built_in_model() {
    let info = syq(&["info", "--json"]);
    let json = info.json();
    assert_eq!((info.code, &json["sha256"]), (0, &Value::from(syq_pack::digest(builtin()))));
    assert_eq!(json["bytes"], builtin().len());
    let layers = json["layers"].as_array().unwrap();
    let reasons: Vec<&str> = layers.iter().filter_map(|layer| layer["float_because"].as_str()).collect();
    assert!(reasons.is_empty(), "{reasons:?}");
    assert_eq!(layers.iter().filter(|layer| layer["weight_bits"] == 8).count(), 4);
    let quantized: Vec<&Value> = layers.iter().filter(|layer| layer["codebook"] == "ternary").collect();
    assert_eq!(quantized.len(), 18);
    for layer in quantized {
        assert_eq!((&layer["granularity"], &layer["weight_bits"]), (&"pixel".into(), &2.into()));
        assert_eq!(layer["activation_bits"], 2);
        let kernel = layer["kernel"].as_str().unwrap();
        assert!(kernel.ends_with(Isa::detect().name()), "{kernel}");
    }
    let bits = json["totals"]["bits_per_quantized_weight"].as_f64().unwrap();
    assert!((2.0..2.2).contains(&bits), "{bits}");
    assert_eq!(json["totals"]["bits_per_weight"].as_f64().unwrap(), bits);
    // The layers' parameters are all that stands behind the header.
    let header = 8 + u64::from_le_bytes(*builtin().first_chunk().unwrap());
    assert_eq!(json["totals"]["bytes"], builtin().len() as u64 - header);
    assert!(json["memory"]["peak"].as_u64() > json["memory"]["one_picture"].as_u64());
    let table = syq(&["info"]);
    assert!(table.code == 0 && table.out.contains("layer3.2.conv2"));
}
