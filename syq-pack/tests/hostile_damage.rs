//! Damaged files name the damaged tensor, and limits of one's own name the layer that exceeds them.

mod support;

use serde_json::json;
use support::{Parts, eight_bit, small};
use syq_core::Codebook;
use syq_pack::file::FileErrorKind;
use syq_pack::{FormatError, Model, ModelLimits};

#[test]
#[cfg(not(target_family = "wasm"))] // no temporary folder
fn damage_names_its_tensor() {
    let folder = tempfile::tempdir().unwrap();
    for model in [small(Codebook::Binary), small(Codebook::Ternary), eight_bit()] {
        let good = Parts::of(&model);
        for name in good.names() {
            let mut parts = Parts::of(&model);
            parts.data[good.range(&name).start] ^= 0x20;
            let damaged = |error: FormatError| match error {
                FormatError::TensorDigest { name, .. } => name,
                other => panic!("{name}: {other}"),
            };
            let bytes = parts.bytes_undigested();
            assert_eq!(damaged(Model::from_bytes(&bytes).unwrap_err()), name);
            let path = folder.path().join("damaged");
            std::fs::write(&path, &bytes).unwrap();
            match Model::read(&path).unwrap_err().kind {
                FileErrorKind::Format(error) => assert_eq!(damaged(error), name),
                other => panic!("{name}: {other}"),
            }
        }
    }
}

#[test]
fn a_file_without_tensor_digests_is_read_all_the_same() {
    let model = small(Codebook::Ternary);
    let mut parts = Parts::of(&model);
    assert!(parts.metadata["tensor_digests"].is_object());
    parts.metadata.as_object_mut().unwrap().remove("tensor_digests");
    assert_eq!(Model::from_bytes(&parts.bytes()).unwrap(), model);
    // They are never what a model is refused for: the digest of all contents is.
    parts.metadata["tensor_digests"] = json!({"c.codes": "0123456789abcdef", "nowhere": ""});
    assert_eq!(Model::from_bytes(&parts.bytes()).unwrap(), model);
    let first = parts.range("c.codes").start;
    parts.data[first] ^= 1;
    assert!(
        matches!(Model::from_bytes(&parts.bytes_undigested()), Err(FormatError::TensorDigest { name, .. }) if name == "c.codes")
    );
}

#[test]
#[cfg(not(target_family = "wasm"))] // no temporary folder
fn limits_of_ones_own() {
    let model = small(Codebook::Ternary);
    let bytes = model.to_bytes().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    std::fs::write(&path, &bytes).unwrap();
    let resolved = model.network.resolve().unwrap();
    let largest = resolved.layers.iter().map(|layer| layer.output.len().max(layer.geometry.map_or(0, |g| g.weights())));
    let (length, header) = (bytes.len() as u64, u64::from_le_bytes(*bytes.first_chunk().unwrap()));
    let exact = ModelLimits {
        file: length,
        header,
        layers: model.network.layers.len(),
        elements: largest.max().unwrap(),
        macs: resolved.macs(),
    };
    let read = |limits: ModelLimits| {
        let from_bytes = Model::from_bytes_within(&bytes, &limits);
        let from_file = Model::read_within(&path, &limits).map_err(|error| match error.kind {
            FileErrorKind::Format(error) => error,
            other => panic!("{other}"),
        });
        assert_eq!(from_bytes, from_file);
        from_bytes
    };
    assert_eq!(read(exact).unwrap(), model);
    assert_eq!(
        read(ModelLimits { file: length - 1, ..exact }),
        Err(FormatError::Length { found: length, limit: length - 1 })
    );
    let found = header;
    let error = FormatError::HeaderLength { found, limit: header - 1 };
    assert_eq!(read(ModelLimits { header: header - 1, ..exact }), Err(error));
    for (limits, what) in [
        (
            ModelLimits { layers: exact.layers - 1, ..exact },
            "layer \"small\": the number of layers is 6, more than the 5 allowed",
        ),
        (ModelLimits { macs: exact.macs - 1, ..exact }, "layer \"small\": the number of multiply-accumulates is"),
        (
            ModelLimits { elements: exact.elements - 1, ..exact },
            "layer \"c\": the weight tensor is 54, more than the 53 allowed",
        ),
        (ModelLimits { elements: 11, ..exact }, "layer \"small\": the input is 12, more than the 11 allowed"),
    ] {
        let error = read(limits).unwrap_err().to_string();
        assert!(error.starts_with(what), "{error}");
    }
}
