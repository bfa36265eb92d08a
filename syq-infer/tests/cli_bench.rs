//! `syq bench` and `--profile` as a program.
#![cfg(feature = "cli")]

mod common;

use common::{Ran, fixture, syq, text};
use serde_json::Value;
use std::path::Path;
use syq_infer::{Isa, builtin};
use syq_pack::Model;

/// The JSON object of a bench that went well.
fn bench(arguments: &[&str]) -> Value {
    let output = syq(&[&["bench", "--json"], arguments].concat());
    assert_eq!(output.code, 0, "{arguments:?}: {}", output.err);
    output.json()
}

/// Every figure is there, and they agree with each other.
fn check_figures(report: &Value) {
    let number = |key: &str| report[key].as_f64().unwrap_or_else(|| panic!("{key} in {report}"));
    assert_eq!(report["schema"], "syq.bench/1");
    assert!(number("load_ms") > 0.0 && number("file_mb") > 0.0);
    assert!(number("min_ms") > 0.0 && number("min_ms") <= number("median_ms"));
    assert!(number("runs") >= 5.0);
    let gmacs = number("macs") * number("batch") / number("median_ms") / 1e6;
    assert!((number("gmacs") / gmacs - 1.0).abs() < 1e-9, "{report}");
    if cfg!(target_os = "linux") {
        assert!(number("peak_mb") > number("file_mb"), "{report}");
    }
}

#[test]
fn a_known_network_is_timed_and_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let path = text(&path);
    let flags = ["--net", "resnet20", "--weights", "1", "--acts", "4", "--granularity", "row", "--seed", "7"];
    let more = [
        "--first-last",
        "8bit",
        "--threads",
        "1",
        "--batch",
        "2",
        "--image",
        "16",
        "--isa",
        "portable",
        "--save",
        path,
    ];
    let report = bench(&[&flags[..], &more].concat());
    check_figures(&report);
    assert_eq!(report["net"], "resnet20");
    assert_eq!((&report["weights"], &report["acts"]), (&1.into(), &4.into()));
    assert_eq!((&report["granularity"], &report["first_last"]), (&"row".into(), &"8bit".into()));
    assert_eq!((&report["threads"], &report["batch"]), (&1.into(), &2.into()));
    assert_eq!(report["isa"], "portable");
    assert_eq!(report["input"], serde_json::json!([16, 16, 3]));
    let saved = Model::read(Path::new(path)).unwrap();
    assert_eq!(saved.origin.seed, Some(7));
    assert_eq!(report["file_mb"], std::fs::metadata(path).unwrap().len() as f64 / 1e6);

    // The file is described as the network that it holds, and the same seed gives the same file.
    let again = bench(&["--model", path, "--threads", "1"]);
    check_figures(&again);
    for key in ["net", "weights", "acts", "granularity", "first_last", "input", "macs", "file_mb"] {
        assert_eq!(again[key], report[key], "{key}");
    }
    assert_eq!(again["file"], path);
    let second = folder.path().join("second");
    bench(&[&flags[..], &["--first-last", "8bit", "--image", "16", "--save", text(&second)]].concat());
    assert_eq!(std::fs::read(second).unwrap(), std::fs::read(path).unwrap());
}

#[test]
fn the_built_in_network_and_the_float_twin() {
    let report = bench(&["--threads", "1"]);
    check_figures(&report);
    assert_eq!((&report["file"], &report["net"]), (&"built-in model".into(), &"resnet20".into()));
    assert_eq!((&report["weights"], &report["acts"]), (&2.into(), &2.into()));
    assert_eq!(report["isa"], Isa::detect().name());
    assert_eq!(report["file_mb"], builtin().len() as f64 / 1e6);
    let float = bench(&["--net", "resnet20", "--weights", "float", "--threads", "1"]);
    check_figures(&float);
    assert_eq!((&float["weights"], &float["acts"]), (&"float".into(), &"float".into()));
    assert_eq!((&float["granularity"], &float["macs"]), (&Value::Null, &report["macs"]));
}

/// The rows' times add up to the wall time, and the steps are the plan's.
fn check_profile(profile: &Value) {
    assert_eq!(profile["schema"], "syq.profile/1");
    let rows = profile["rows"].as_array().unwrap();
    let sum: f64 = rows.iter().map(|row| row["us"].as_f64().unwrap()).sum();
    let wall = profile["us"].as_f64().unwrap();
    assert!((sum / wall - 1.0).abs() < 1e-6, "{sum} of {wall}");
    assert_eq!(rows.last().unwrap()["step"], "other");
    let convolution = rows.iter().find(|row| row["step"] == "layer1.0.conv1").unwrap();
    assert_eq!(convolution["shape"], serde_json::json!([32, 32, 16]));
    assert_eq!(convolution["macs"], 32 * 32 * 16 * 9 * 16);
    assert!(convolution["kernel"].as_str().unwrap().ends_with(Isa::detect().name()));
    assert!(convolution["gmacs"].as_f64().unwrap() > 0.0 && convolution["bytes"].as_u64().unwrap() > 0);
}

#[test]
fn profiles_add_up() {
    let report = bench(&["--profile", "--threads", "1"]);
    check_figures(&report);
    check_profile(&report["profile"]);
    let implied = syq(&["bench", "--profile=json", "--threads", "1"]);
    check_profile(&implied.json()["profile"]);
    let table = syq(&["bench", "--profile", "--threads", "1"]);
    for part in ["median    ", "layer3.2.conv2", "other", "mean of "] {
        assert!(table.out.contains(part), "{part}: {}", table.out);
    }

    let picture = fixture("rgb.png");
    let picture = text(&picture);
    let classified = syq(&["classify", "--json", "--profile=json", picture, picture]);
    let plain = syq(&["classify", "--json", picture, picture]);
    let logits = |ran: &Ran| ran.json()[1]["top"].clone();
    assert_eq!(logits(&classified), logits(&plain));
    let profile: Value = serde_json::from_str(&classified.err).unwrap();
    check_profile(&profile);
    assert_eq!((&profile["runs"], &profile["rows"][0]["step"]), (&2.into(), &"decode".into()));
    let table = syq(&["classify", "--profile", picture]);
    assert!(table.err.contains("layer3.2.conv2") && !table.out.contains("layer3.2.conv2"));
}

#[test]
fn wrong_usage_is_2() {
    let cases: [(&[&str], &str); 12] = [
        (&["--net", "resnet19"], "vgg-small"),
        (&["--net", "resnet20", "--weights", "3"], "--weights"),
        (&["--net", "resnet20", "--acts", "5"], "1, 2, 3, 4, 8"),
        (&["--net", "resnet20", "--granularity", "filter"], "layer, row, pixel"),
        (&["--net", "resnet20", "--first-last", "4bit"], "8bit"),
        (&["--net", "alexnet", "--image", "8"], "conv0"),
        (&["--net", "resnet20", "--save", "/nonexistent/model"], "/nonexistent/model"),
        (&["--net", "resnet20", "--model", "x"], "--model"),
        (&["--acts", "4"], "--net"),
        (&["--batch", "0"], "--batch"),
        (&["--profile=xml"], "json"),
        (&["--isa", "mmx"], "portable"),
    ];
    for (arguments, message) in cases {
        let output = syq(&[&["bench"], arguments].concat());
        assert_eq!((output.code, output.out.as_str()), (2, ""), "{arguments:?}");
        assert!(output.err.contains(message), "{arguments:?}: {}", output.err);
    }
    let missing = syq(&["bench", "--model", "/nonexistent/model"]);
    assert_eq!((missing.code, missing.out.as_str()), (3, ""));
}
