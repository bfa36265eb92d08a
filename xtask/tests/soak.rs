//! `cargo xtask soak` as a program: its memory stays where it is.

use serde_json::Value;
use std::process::{Command, Stdio};

#[test]
fn memory_does_not_grow() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["soak", "--calls", "2500", "--threads", "3", "--json"]).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["calls"], &report["mismatches"]), (&Value::from(2500), &Value::from(0)), "{report}");
    // Not every system tells.
    if let (Some(start), Some(end)) = (report["memory_start_mb"].as_f64(), report["memory_end_mb"].as_f64()) {
        assert!(start > 1.0 && end < start + 8.0, "{report}");
    }
}
