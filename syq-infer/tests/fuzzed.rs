//! The inputs that the fuzz targets start from or found, through the same functions as there.
#![cfg(feature = "picture")]

#[path = "../fuzz/src/lib.rs"]
#[allow(missing_docs, unreachable_pub, reason = "a crate of its own, outside the workspace's rules")]
mod targets;

use std::path::Path;

fn each(folder: &str, run: impl Fn(&[u8])) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut inputs = 0;
    for entry in std::fs::read_dir(path).unwrap() {
        run(&std::fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs >= 5, "{folder}: {inputs} inputs");
}

#[test]
fn models() {
    each("fuzz/seeds/model", |bytes| {
        // A seed is a model file as it is, and signing it changes nothing that counts.
        targets::model(bytes);
        assert!(syq_pack::Model::from_bytes(&targets::signed(bytes).unwrap()).is_ok());
    });
    each("tests/fixtures/fuzzed/model", targets::model);
}

#[test]
fn plans() {
    each("fuzz/seeds/plan", targets::plan);
    each("tests/fixtures/fuzzed/plan", targets::plan);
}

#[test]
fn classifications() {
    each("fuzz/seeds/model", targets::classify);
    each("tests/fixtures/fuzzed/classify", targets::classify);
}

#[test]
fn pictures() {
    each("tests/fixtures/pictures", targets::picture);
    each("tests/fixtures/fuzzed/picture", targets::picture);
}
