//! `syq verify` as a program: exact models, wrong golden logits, damaged files.
#![cfg(feature = "cli")]

mod common;

use common::syq;
use serde_json::Value;
use syq_infer::{Isa, builtin};
use syq_pack::Model;
use tempfile::TempDir;

/// A model's file in a folder of the test's own.
fn file(folder: &TempDir, name: &str, model: &Model) -> String {
    let path = folder.path().join(name);
    model.write(&path).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn verify_runs_every_setting_beside_the_reference() {
    let verify = syq(&["verify"]);
    assert_eq!(verify.code, 0, "{}", verify.err);
    let cores = std::thread::available_parallelism().unwrap().get();
    for isa in Isa::ALL {
        if Isa::available().contains(&isa) {
            for (threads, batch) in [(1, 1), (1, 3), (cores, 2)] {
                assert!(
                    verify.out.contains(&format!("{:<9} {threads:>7} {batch:>5}  exact\n", isa.name())),
                    "{}",
                    verify.out
                );
            }
        } else {
            assert!(verify.out.contains(&format!("{:<9}       -     -  not run\n", isa.name())), "{}", verify.out);
        }
    }
    assert!(verify.out.contains("golden          -     -  exact\n"), "{}", verify.out);
    let folder = tempfile::tempdir().unwrap();
    let mut model = Model::from_bytes(builtin()).unwrap();
    model.golden.as_mut().unwrap().logits[3] ^= 1;
    let wrong = file(&folder, "wrong", &model);
    let ran = syq(&["verify", "--model", &wrong]);
    assert!(
        ran.code == 3 && ran.out.contains("golden          -     -  not exact: 1 of 10 logits differ"),
        "{}",
        ran.out
    );
    let json = syq(&["verify", "--json", "--isa", "portable", "--threads", "2", "--model", &wrong]);
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&json["schema"], &json["exact"]), (&"syq.verify/2".into(), &false.into()));
    let row = |isa: &str, threads: Option<u32>, batch: Option<u32>, different: u32, logits: u32| {
        serde_json::json!({"isa": isa, "threads": threads, "batch": batch, "exact": different == 0,
            "different": different, "logits": logits})
    };
    let portable = |batch| row("portable", Some(2), Some(batch), 0, 30);
    let expected = [row("golden", None, None, 1, 10), portable(1), portable(2), portable(3)];
    assert_eq!(json["results"], serde_json::Value::from(expected.to_vec()));
    model.golden = None;
    let none = file(&folder, "none", &model);
    let ran = syq(&["verify", "--model", &none]);
    assert!(ran.code == 0 && !ran.out.contains("golden"), "{}", ran.out);
    let random =
        syq(&["verify", "--net", "resnet20", "--weights", "1", "--acts", "8", "--first-last", "8bit", "--image", "17"]);
    assert!(random.code == 0 && random.out.contains("exact"), "{} {}", random.out, random.err);
    let mut bytes = builtin().to_vec();
    let header = 8 + u64::from_le_bytes(*builtin().first_chunk().unwrap()) as usize;
    bytes[header + 1000] ^= 4;
    let flipped = folder.path().join("flipped");
    std::fs::write(&flipped, &bytes).unwrap();
    let ran = syq(&["verify", "--model", flipped.to_str().unwrap()]);
    assert!(ran.code == 3 && ran.err.contains("tensor \"") && ran.err.contains("is damaged"), "{}", ran.err);
}
