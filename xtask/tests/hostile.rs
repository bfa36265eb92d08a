//! `cargo xtask hostile`, each file in a process of its own: a typed error within the time and memory.

use serde_json::Value;
use std::process::{Command, Stdio};

fn hostile(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = command.arg("hostile").args(arguments).stdin(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn files_that_swell_hang_or_change_stay_within_the_limits() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("crafted");
    let only = ["swapped", "pipe", "zeros", "million", "lists", "labels-many", "scans-service", "service"];
    let mut arguments = vec!["--json", "--out", out.to_str().unwrap()];
    arguments.extend(only.iter().flat_map(|name| ["--only", name]));
    let (code, json) = hostile(&arguments);
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &report["failed"]), (Some(0), &Value::from(0)), "{json}");
    assert!(report["cases"].as_u64() >= Some(12), "{json}");
    assert!(out.join("swapped.syq").is_file());
    // The folder is not empty any more, and nothing is written over.
    assert_eq!(hostile(&arguments).0, Some(1));
}
