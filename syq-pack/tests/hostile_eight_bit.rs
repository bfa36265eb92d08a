//! Files of networks with 8-bit weights that are damaged or cannot be; see `hostile.rs`.

mod support;

use serde_json::{Value, json};
use support::{Parts, eight_bit};
use syq_core::CoreErrorKind;
use syq_pack::model::ParameterError;
use syq_pack::network::NetworkErrorKind;
use syq_pack::{FormatError, Model, ModelError};

/// The error of the 8-bit model after `change`.
fn eight_bit_after(change: impl FnOnce(&mut Parts)) -> FormatError {
    let mut parts = Parts::of(&eight_bit());
    assert_eq!(Model::from_bytes(&parts.bytes()).unwrap(), eight_bit());
    change(&mut parts);
    Model::from_bytes(&parts.bytes()).unwrap_err()
}

#[test]
fn eight_bit_weights_that_are_none() {
    let name = || "c.codes".to_owned();
    let core = |error: FormatError| match error {
        FormatError::Model(ModelError::Layer { layer, kind: ParameterError::Core(kind) }) => (layer, kind),
        other => panic!("{other}"),
    };
    // −128 has no opposite, and is no code.
    let error = eight_bit_after(|p| {
        let start = p.range("c.codes").start;
        p.data[start + 7] = 0x80;
    });
    assert_eq!(core(error), ("c".to_owned(), CoreErrorKind::EightBitCode { index: 7, code: -128 }));
    for (tensor, layer) in [("c.scales", "c"), ("fc.scales", "fc")] {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = eight_bit_after(|p| {
                let start = p.range(tensor).start;
                p.data[start..start + 4].copy_from_slice(&value.to_le_bytes());
            });
            let (found, kind) = core(error);
            assert!(found == layer && matches!(kind, CoreErrorKind::NotFinite { .. }), "{tensor}: {kind}");
        }
    }
    // A scale that is finite alone, but not after the multiplication by the step.
    let error = eight_bit_after(|p| {
        p.metadata["network"]["layers"][0]["range"] = json!({"symmetric": 1e20});
        let start = p.range("c.scales").start;
        p.data[start..start + 4].copy_from_slice(&f32::MAX.to_le_bytes());
    });
    assert!(matches!(core(error).1, CoreErrorKind::NotFinite { what: "the product of scale and step", .. }));
    // Bytes where words belong, and the other way round: the lengths disagree first.
    for (tensor, dtype) in [("c.codes", "U32"), ("c.codes", "F32"), ("c.codes", "I64"), ("c.scales", "I8")] {
        let error = eight_bit_after(|p| p.info(tensor)["dtype"] = json!(dtype));
        assert!(
            matches!(error, FormatError::Offsets { .. } | FormatError::DataLength { .. }),
            "{tensor} {dtype}: {error}"
        );
    }
    // As many bytes, but unsigned in name; as many elements, but in another shape.
    let error = eight_bit_after(|p| {
        p.info("c.codes")["dtype"] = json!("U8");
        p.info("c.codes")["shape"] = json!([27]);
    });
    assert!(matches!(error, FormatError::Offsets { .. } | FormatError::DataLength { .. }), "{error}");
    let error = eight_bit_after(|p| p.info("c.codes")["shape"] = json!([27]));
    assert_eq!(error, FormatError::Shape { name: name(), found: vec![27], expected: vec![3, 3, 3, 1] });
    let error = eight_bit_after(|p| p.info("c.codes")["shape"] = json!([u64::MAX, 2]));
    assert!(matches!(error, FormatError::Offsets { .. }), "{error}");
}

#[test]
fn eight_bit_networks_that_cannot_be() {
    let kind = |change: &dyn Fn(&mut Value)| match eight_bit_after(|p| change(&mut p.metadata["network"])) {
        FormatError::Model(ModelError::Network(error)) => (error.layer, error.kind),
        other => panic!("{other}"),
    };
    let core = |bits| NetworkErrorKind::Core(CoreErrorKind::SymmetricBits { bits });
    for bits in [1, 2, 3, 4] {
        assert_eq!(kind(&|n| n["layers"][0]["bits"] = json!(bits)), ("a".to_owned(), core(bits)));
    }
    // Floats, and a codebook on signed codes.
    let (layer, error) = kind(&|n| n["layers"][1]["inputs"] = json!(["input"]));
    assert!(layer == "c" && error.to_string().contains("needs codes, its input \"input\" gives floats"), "{error}");
    let codebook = json!({"codebook": {"codebook": "ternary", "granularity": "layer"}});
    let (layer, error) = kind(&|n| n["layers"][1]["weights"] = codebook.clone());
    assert!(layer == "c" && error.to_string().contains("needs unsigned codes"), "{error}");
    assert!(error.to_string().contains("gives signed 8-bit codes"), "{error}");
    // 66,312 weights a filter could exceed 2^31.
    let (layer, error) = kind(&|n| n["input"] = json!({"height": 3, "width": 1, "channels": 7368}));
    assert_eq!((layer.as_str(), error), ("c", NetworkErrorKind::Core(CoreErrorKind::Overflow { weights: 66_312 })));
    for bound in [json!(0.0), json!(-1), json!(1e39), json!(1e-45)] {
        let error = eight_bit_after(|p| p.metadata["network"]["layers"][0]["range"] = json!({"symmetric": bound}));
        // 1e39 is read as an infinity, which JSON cannot give back.
        let unread = matches!(error, FormatError::Metadata { .. } | FormatError::UnknownField { .. });
        assert!(unread || matches!(error, FormatError::Model(_)), "{bound}: {error}");
    }
    for weights in [json!("int8"), json!({"eight_bit": {"granularity": "filter"}})] {
        let error = eight_bit_after(|p| p.metadata["network"]["layers"][1]["weights"] = weights.clone());
        assert!(matches!(error, FormatError::Metadata { .. }), "{weights}: {error}");
    }
}
