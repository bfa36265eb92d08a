//! Files that are small and ask for much: lists that swell when they are parsed, and paths that are no files.

mod support;

use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::{Parts, small};
use syq_core::Codebook;
use syq_pack::file::FileErrorKind;
use syq_pack::network::NetworkErrorKind;
use syq_pack::{FormatError, Model, ModelError};

fn parts() -> Parts {
    Parts::of(&small(Codebook::Ternary))
}

#[test]
fn a_shape_has_few_extents() {
    let with = |ones: usize| {
        let mut parts = parts();
        parts.info("fc.weight")["shape"].as_array_mut().unwrap().extend(vec![json!(1); ones]);
        Model::from_bytes(&parts.bytes()).unwrap_err()
    };
    assert!(matches!(with(6), FormatError::Shape { found, .. } if found.len() == 8));
    assert!(with(7).to_string().contains("more than 8 extents"), "{}", with(7));
}

#[test]
fn metadata_have_few_lists() {
    let with = |lists: usize| {
        let mut parts = parts();
        parts.metadata["network"]["layers"][1]["x"] = json!(vec![json!([]); lists]);
        Model::from_bytes(&parts.bytes()).unwrap_err()
    };
    assert_eq!(with(60_000), FormatError::UnknownField { path: "network.layers.1.x".to_owned() });
    assert!(with(70_000).to_string().contains("lists and objects"), "{}", with(70_000));
}

#[test]
fn layers_are_counted_before_they_are_looked_at() {
    let mut parts = parts();
    let layer = json!({"name": "l", "inputs": ["nothing"], "op": "relu", "unknown": 1});
    parts.metadata["network"]["layers"] = Value::Array(vec![layer; 5000]);
    let error = Model::from_bytes(&parts.bytes()).unwrap_err();
    let FormatError::Model(ModelError::Network(error)) = error else { panic!("{error}") };
    assert!(matches!(error.kind, NetworkErrorKind::Limit { found: 5000, limit: 4096, .. }), "{error}");
}

#[test]
fn labels_of_a_large_data_set_are_read() {
    let mut parts = parts();
    parts.metadata["labels"] = json!(vec!["a label, with a comma"; 22_000]);
    let error = Model::from_bytes(&parts.bytes()).unwrap_err();
    assert_eq!(error, FormatError::Model(ModelError::Labels { found: 22_000, expected: 2 }));
}

#[cfg(unix)]
#[test]
#[cfg(not(target_family = "wasm"))] // no temporary folder
fn pipes_and_devices_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    let start = Instant::now();
    for path in [pipe.as_path(), "/dev/zero".as_ref()] {
        // A system without the command has the device at least.
        if path == pipe && !made.as_ref().is_ok_and(|status| status.success()) {
            continue;
        }
        let error = Model::read(path).unwrap_err();
        assert!(matches!(error.kind, FileErrorKind::NotAFile), "{error}");
    }
    assert!(start.elapsed() < Duration::from_secs(5));
}
