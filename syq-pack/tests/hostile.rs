//! Files that are damaged or made to do harm: each is refused with an error that says what is wrong,
//! and none panics or makes the reader allocate more than the file's own size warrants.

mod support;

use proptest::prelude::*;
use serde_json::{Value, json};
use support::{Parts, eight_bit, file, small};
use syq_core::Codebook;
use syq_pack::model::ParameterError;
use syq_pack::network::NetworkErrorKind;
use syq_pack::{FormatError, Model, ModelError, PackError};

fn parts() -> Parts {
    Parts::of(&small(Codebook::Ternary))
}

fn refuse(parts: &Parts) -> FormatError {
    Model::from_bytes(&parts.bytes()).unwrap_err()
}

/// The error after `change`.
fn after(change: impl FnOnce(&mut Parts)) -> FormatError {
    let mut parts = parts();
    change(&mut parts);
    refuse(&parts)
}

#[test]
fn the_test_kit_makes_good_files() {
    let model = small(Codebook::Ternary);
    assert_eq!(Model::from_bytes(&parts().bytes()).unwrap(), model);
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for model in [small(Codebook::Binary), small(Codebook::Ternary), eight_bit()] {
        let bytes = model.to_bytes().unwrap();
        for end in 0..bytes.len() {
            assert!(Model::from_bytes(&bytes[..end]).is_err(), "{end} of {} bytes", bytes.len());
        }
        assert!(matches!(Model::from_bytes(&[]), Err(FormatError::Truncated { found: 0, expected: 8 })));
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(matches!(Model::from_bytes(&longer), Err(FormatError::DataLength { .. })));
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    for model in [small(Codebook::Ternary), eight_bit()] {
        flip_every_bit(&model);
    }
}

fn flip_every_bit(model: &Model) {
    let mut bytes = model.to_bytes().unwrap();
    let mut refused = 0;
    for bit in 0..8 * bytes.len() {
        bytes[bit / 8] ^= 1 << (bit % 8);
        match Model::from_bytes(&bytes) {
            Ok(read) => assert_eq!(&read, model, "bit {bit}"),
            Err(_) => refused += 1,
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    // Harmless flips, such as \u00e9 against \u00E9, are rare if there are any.
    assert!(refused > 8 * bytes.len() - 16, "{refused} of {}", 8 * bytes.len());
}

#[test]
fn headers_that_are_none() {
    let header = |text: &[u8]| Model::from_bytes(&file(text, &[])).unwrap_err();
    for text in
        [&b"{"[..], b"[]", b" {}", b"{}}", b"{\"a\":1}", b"\xff\xfe", b"null", b"{\"__metadata__\":{\"syq\":1}}"]
    {
        assert!(matches!(header(text), FormatError::Header { .. }), "{}", String::from_utf8_lossy(text));
    }
    assert_eq!(header(b"{}"), FormatError::NoMetadata);
    assert_eq!(header(br#"{"__metadata__":{"pt":"1"}}"#), FormatError::MetadataKey { key: "pt".to_owned() });
    for deep in ["[", "{\"a\":"] {
        assert!(matches!(header(deep.repeat(100_000).as_bytes()), FormatError::Header { .. }));
        let tensor = format!("{{\"a\":{}", deep.repeat(100_000));
        assert!(matches!(header(tensor.as_bytes()), FormatError::Header { .. }));
        let text = json!({"__metadata__": {"syq": deep.repeat(100_000)}}).to_string();
        assert!(matches!(header(text.as_bytes()), FormatError::Metadata { .. }));
        let inside = format!(r#"{{"digest":"","schema":"syq.model/1.0","network":{}"#, deep.repeat(100_000));
        let text = json!({"__metadata__": {"syq": inside}}).to_string();
        assert!(matches!(header(text.as_bytes()), FormatError::Metadata { .. }));
    }
    for length in [9, 1 << 20, 8 << 20] {
        let bytes = [&u64::to_le_bytes(length), &b"{}"[..]].concat();
        assert_eq!(
            Model::from_bytes(&bytes),
            Err(FormatError::Truncated { found: 10, expected: 8 + length }),
            "{length}"
        );
    }
    for length in [(8 << 20) + 1, u64::from(u32::MAX), u64::MAX - 8, u64::MAX] {
        let bytes = [&length.to_le_bytes(), &b"{}"[..]].concat();
        assert!(matches!(Model::from_bytes(&bytes), Err(FormatError::HeaderLength { found, .. }) if found == length));
    }
}

#[test]
fn duplicate_names() {
    let mut twice = parts();
    twice.tensors.push(twice.tensors[0].clone());
    let name = twice.tensors[0].0.clone();
    assert_eq!(refuse(&twice), FormatError::Duplicate { name });
    // The crate takes the same file.
    assert!(safetensors::SafeTensors::deserialize(&twice.bytes()).is_ok());
    let syq = json!(parts().signed());
    let bytes = parts().with_metadata(&format!("{{\"syq\":{syq},\"syq\":{syq}}}"));
    assert_eq!(Model::from_bytes(&bytes), Err(FormatError::Duplicate { name: "syq".to_owned() }));
    let bytes = parts().with_metadata(&format!("{{\"syq\":{syq}}},\"__metadata__\":{{}}"));
    assert_eq!(Model::from_bytes(&bytes), Err(FormatError::Duplicate { name: "__metadata__".to_owned() }));
}

#[test]
fn offsets_that_overlap_leave_gaps_or_overflow() {
    for offsets in [[0, 8], [4, 8], [8, 4], [u64::MAX - 3, u64::MAX], [0, u64::MAX], [1, 1], [3, 11]] {
        for name in ["c.codes", "fc.bias", "n.scale"] {
            let error = after(|p| p.info(name)["data_offsets"] = json!(offsets));
            assert!(matches!(error, FormatError::Offsets { .. } | FormatError::DataLength { .. }), "{name}: {error}");
        }
    }
    for wrong in [json!([0]), json!([0, 4, 8]), json!([-4, 4]), json!("0"), json!([0.0, 4.0]), json!(null)] {
        let error = after(|p| p.info("c.codes")["data_offsets"] = wrong.clone());
        assert!(matches!(error, FormatError::Header { .. }), "{wrong}: {error}");
    }
    // Every tensor lies on the same bytes.
    let error = after(|p| {
        for (_, info) in &mut p.tensors {
            *info = json!({"dtype": "F32", "shape": [1], "data_offsets": [0, 4]});
        }
    });
    assert!(matches!(error, FormatError::Offsets { .. }));
}

#[test]
fn shapes_that_are_wrong_or_overflow() {
    for shape in [json!([u64::MAX]), json!([1u64 << 32, 1u64 << 32]), json!([u64::MAX, u64::MAX, 2]), json!([0])] {
        let error = after(|p| p.info("fc.weight")["shape"] = shape.clone());
        assert!(matches!(error, FormatError::Offsets { .. }), "{shape}: {error}");
    }
    // As many elements, in another shape.
    let error = after(|p| p.info("fc.weight")["shape"] = json!([12, 2]));
    let expected = "tensor \"fc.weight\" has shape [12, 2], expected [2, 8]";
    assert!(matches!(error, FormatError::Offsets { .. }), "{error}");
    let error = after(|p| p.info("fc.weight")["shape"] = json!([8, 2]));
    assert_eq!(error.to_string(), expected.replace("[12, 2]", "[8, 2]"));
    // 2^29 bytes promised by a header without data.
    let error = after(|p| {
        p.info("fc.weight")["shape"] = json!([1u64 << 27]);
        p.info("fc.weight")["data_offsets"] = json!([0, 1u64 << 29]);
    });
    assert!(matches!(error, FormatError::Offsets { .. } | FormatError::DataLength { .. }), "{error}");
}

#[test]
fn types_and_names() {
    let name = || "c.codes".to_owned();
    let error = after(|p| p.info("c.codes")["dtype"] = json!("F32"));
    assert_eq!(error, FormatError::Type { name: name(), found: "F32".to_owned(), expected: "U32" });
    assert!(matches!(after(|p| p.info("n.scale")["dtype"] = json!("F64")), FormatError::Type { .. }));
    assert!(matches!(after(|p| p.info("n.scale")["strides"] = json!([1])), FormatError::Header { .. }));
    let at = |p: &Parts| p.tensors.iter().position(|(name, _)| name == "c.codes").unwrap();
    let error = after(|p| {
        let at = at(p);
        p.tensors[at].0 = "c.weight".to_owned();
    });
    assert_eq!(error, FormatError::MissingTensor { name: name() });
    let error = after(|p| {
        let end = p.data.len() as u64;
        p.data.extend([0; 4]);
        let info = json!({"dtype": "F32", "shape": [1], "data_offsets": [end, end + 4]});
        p.tensors.push(("a.step".to_owned(), info));
    });
    assert_eq!(error, FormatError::UnknownTensor { name: "a.step".to_owned() });
}

#[test]
fn values_that_mean_nothing() {
    let set = |name: &'static str, word: u32| {
        after(|p| {
            let start = p.range(name).start;
            p.data[start..start + 4].copy_from_slice(&word.to_le_bytes());
        })
    };
    let reserved = FormatError::Codes { name: "c.codes".to_owned(), error: PackError::Reserved { index: 1 } };
    assert_eq!(set("c.codes", 0b1100), reserved);
    for name in ["c.scales", "c.bias", "n.scale", "n.offset", "fc.weight", "fc.bias", "b.step"] {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = set(name, value.to_bits());
            let FormatError::Model(ModelError::Layer { layer, kind: ParameterError::Core(_) }) = &error else {
                panic!("{name}: {error}");
            };
            assert_eq!(layer, name.split('.').next().unwrap());
        }
    }
    assert!(matches!(set("b.step", 0), FormatError::Model(_)));
    assert!(matches!(set("b.step", (-0.5f32).to_bits()), FormatError::Model(_)));
    // 54 ternary weights: the last word has 12 bits used.
    let error = after(|p| {
        let end = p.range("c.codes").end;
        p.data[end - 1] = 0x40;
    });
    assert!(matches!(error, FormatError::Codes { error: PackError::Tail { len: 54, .. }, .. }), "{error}");
}

#[test]
fn contents_that_were_changed() {
    let mut model = small(Codebook::Ternary);
    let digest = Parts::of(&model).metadata["digest"].clone();
    model.labels[1] = "cow".to_owned();
    let other = Parts::of(&model).metadata["digest"].clone();
    assert_ne!(digest, other);
    let mut spoilt = parts();
    spoilt.metadata["labels"][1] = json!("cow");
    let bytes = spoilt.with_metadata(&json!({"syq": spoilt.metadata.to_string()}).to_string());
    let [found, expected] = [&other, &digest].map(|digest| digest.as_str().unwrap().to_owned());
    assert_eq!(Model::from_bytes(&bytes), Err(FormatError::Digest { found, expected }));
    for digest in ["", "0", "é", &"0".repeat(63), &"A".repeat(64)] {
        spoilt.metadata["digest"] = json!(digest);
        let bytes = spoilt.with_metadata(&json!({"syq": spoilt.metadata.to_string()}).to_string());
        assert!(Model::from_bytes(&bytes).is_err(), "{digest:?}");
    }
}

#[test]
fn schemas() {
    for schema in ["syq.model/2.0", "syq.model/0.9", "syq.model/1", "syq.model/1.x", "syq.model/11.0", "other", ""] {
        let error = after(|p| p.metadata["schema"] = json!(schema));
        assert!(matches!(&error, FormatError::Schema { found, .. } if found == schema), "{error}");
    }
    // A newer minor version reads, unless it uses what this version does not know.
    let mut newer = parts();
    newer.metadata["schema"] = json!("syq.model/1.7");
    assert!(Model::from_bytes(&newer.bytes()).is_ok());
    for change in [
        |m: &mut Value| m["licence"] = json!("MIT"),
        |m: &mut Value| m["network"]["precision"] = json!("f16"),
        |m: &mut Value| m["network"]["layers"][1]["dilation"] = json!(2),
        |m: &mut Value| m["network"]["layers"][1]["padding"]["mode"] = json!("reflect"),
        |m: &mut Value| m["network"]["layers"][0]["symmetric"] = json!(true),
        |m: &mut Value| m["network"]["layers"][4]["axis"] = json!(0),
        |m: &mut Value| m["network"]["input"]["depth"] = json!(1),
        |m: &mut Value| m["preprocess"]["gamma"] = json!(2.2),
        |m: &mut Value| m["origin"]["author"] = json!("x"),
    ] {
        let mut unknown = newer.clone();
        change(&mut unknown.metadata);
        let error = refuse(&unknown);
        assert!(matches!(error, FormatError::Metadata { .. } | FormatError::UnknownField { .. }), "{error}");
    }
    let error = after(|p| p.metadata["network"]["layers"][1]["dilation"] = json!(2));
    assert_eq!(error, FormatError::UnknownField { path: "network.layers.1.dilation".to_owned() });
}

/// A list of digits takes sixteen times its text or more once it is parsed.
#[test]
fn metadata_that_swells() {
    let mut swelling = parts();
    swelling.metadata["labels"] = json!(vec![0u8; 600_000]);
    let error = refuse(&swelling).to_string();
    assert!(error.contains("separators"), "{error}");
    assert!(matches!(after(|p| p.metadata["labels"] = json!([1])), FormatError::Metadata { .. }));
}

#[test]
fn networks_that_ask_for_too_much() {
    let network = |change: &dyn Fn(&mut Value)| after(|p| change(&mut p.metadata["network"]));
    let huge = [u64::MAX, u64::MAX / 2, 1 << 40, 1 << 20];
    // By the network's limits, or because the file has no such tensor.
    let refused = |error: &FormatError| {
        // Where a usize has 32 bits the parser refuses already.
        let parser = cfg!(target_pointer_width = "32") && matches!(error, FormatError::Metadata { .. });
        parser || matches!(error, FormatError::Model(_) | FormatError::Shape { .. })
    };
    for size in huge {
        for key in ["height", "width", "channels"] {
            let error = network(&|n| n["input"][key] = json!(size));
            assert!(refused(&error), "{key} {size}: {error}");
        }
        for key in ["filters", "groups"] {
            let error = network(&|n| n["layers"][1][key] = json!(size));
            assert!(refused(&error), "{key} {size}: {error}");
        }
        let error = network(&|n| n["layers"][1]["kernel"] = json!([size, size]));
        assert!(refused(&error), "{size}: {error}");
        let error = network(&|n| {
            n["layers"][1]["kernel"] = json!([3, size]);
            n["layers"][1]["padding"] = json!({"top": 1, "bottom": 1, "left": size - 1, "right": size - 1});
        });
        assert!(refused(&error), "{size}: {error}");
        // A kernel that fits because the padding is as large.
        let error = network(&|n| {
            n["layers"][1]["kernel"] = json!([size, size]);
            n["layers"][1]["padding"] =
                json!({"top": size / 2, "bottom": size / 2, "left": size - 1, "right": size - 1});
        });
        assert!(refused(&error), "{size}: {error}");
    }
    let error = network(&|n| {
        let last = n["layers"][2].clone();
        n["layers"] = (0..5000)
            .map(|index| {
                let mut layer = last.clone();
                layer["name"] = json!(format!("l{index}"));
                layer["inputs"] = json!([if index == 0 { "input".to_owned() } else { format!("l{}", index - 1) }]);
                layer
            })
            .collect();
    });
    let FormatError::Model(ModelError::Network(error)) = error else { panic!("{error}") };
    assert!(matches!(error.kind, NetworkErrorKind::Limit { .. }));
    assert!(matches!(after(|p| p.metadata["labels"] = json!(["one"])), FormatError::Model(ModelError::Labels { .. })));
    let error = after(|p| p.metadata["origin"]["class_folders"] = json!(["one"]));
    assert!(matches!(error, FormatError::Model(ModelError::ClassFolders { found: 1, .. })));
    let error = after(|p| p.metadata["golden"]["logits"] = json!([1]));
    assert!(matches!(error, FormatError::Model(ModelError::Golden { .. })));
    let error = after(|p| p.metadata["preprocess"]["std"] = json!([1.0, 0.0, 1.0]));
    assert!(matches!(error, FormatError::Model(ModelError::Preprocess(_))));
}

proptest! {
    #[test]
    fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Model::from_bytes(&noise).is_err());
        prop_assert!(Model::from_bytes(&file(&noise, &noise)).is_err());
    }

    /// Bytes of a good file overwritten: an error, or the same model.
    #[test]
    fn scribbles_never_pass(at in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 1..20)) {
        let model = small(Codebook::Binary);
        let mut bytes = model.to_bytes().unwrap();
        let at = at.index(bytes.len());
        let end = (at + with.len()).min(bytes.len());
        bytes[at..end].copy_from_slice(&with[..end - at]);
        if let Ok(read) = Model::from_bytes(&bytes) {
            prop_assert_eq!(read, model);
        }
    }
}
