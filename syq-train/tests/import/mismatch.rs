//! A file that does not fit: every tensor is named at once, and every other fault has its own message.

use super::fixture::{Fixture, StateDict, Stored, serialize};
use safetensors::tensor::Dtype;
use syq_pack::zoo::Architecture;
use syq_train::config::Weights;
use syq_train::import::{Description, ImportErrorKind, import_bytes};

/// ResNet-20 as the repositories of CIFAR networks name it.
fn resnet20() -> (StateDict, Description) {
    let fixture = Fixture::read("resnet20");
    let tensors = fixture.state_dict().into_iter().map(|(name, stored)| {
        let name = name.replace("downsample", "shortcut").replace("fc.", "linear.");
        (name, stored)
    });
    (tensors.collect(), fixture.description)
}

fn error(tensors: &StateDict, file: &Description, given: &Description) -> ImportErrorKind {
    import_bytes(&serialize(tensors, Some(file)), "file", given).unwrap_err()
}

#[test]
fn all_tensors_that_do_not_fit_are_listed() {
    let (mut tensors, description) = resnet20();
    assert!(import_bytes(&serialize(&tensors, Some(&description)), "file", &Description::default()).is_ok());
    tensors.remove("layer2.0.shortcut.0.weight");
    tensors.remove("bn1.running_var");
    tensors.insert("conv1.weight".to_owned(), Stored::new(Dtype::F32, &[16, 3, 5, 5], &[0.0; 16 * 3 * 25]));
    tensors.insert("bn1.bias".to_owned(), Stored { dtype: Dtype::I32, shape: vec![16], bytes: vec![0; 64] });
    tensors.insert("linear.weight".to_owned(), Stored::new(Dtype::F32, &[10, 63], &[0.0; 630]));
    tensors.insert("layer4.0.conv1.weight".to_owned(), Stored::new(Dtype::F32, &[1], &[0.0]));
    let ImportErrorKind::Mismatch(mismatch) = error(&tensors, &description, &Description::default()) else { panic!() };
    assert_eq!(
        mismatch.to_string(),
        "the tensors are not those of resnet20: 2 missing, 3 different, 1 unexpected\n  \
         missing     bn1.running_var: [16]\n  \
         missing     layer2.0.downsample.0.weight: [32, 16, 1, 1]\n  \
         different   conv1.weight: expected [16, 3, 3, 3], found [16, 3, 5, 5]\n  \
         different   bn1.bias: expected [16], found [16] of type I32\n  \
         different   linear.weight: expected [10, 64], found [10, 63]\n  \
         unexpected  layer4.0.conv1.weight: [1]"
    );
}

#[test]
fn another_network_is_listed_whole() {
    let (tensors, _) = resnet20();
    let given = Description { net: Some(Architecture::AlexNet), ..Description::default() };
    let ImportErrorKind::Mismatch(mismatch) = error(&tensors, &Description::default(), &given) else { panic!() };
    // Five convolutions, three fully connected layers of which the last has a bias, six batch norms.
    assert_eq!(mismatch.missing.len() + mismatch.different.len(), 5 + 3 + 1 + 6 * 4);
    let named = mismatch.missing.iter().map(|t| &t.name).chain(mismatch.different.iter().map(|(t, _)| &t.name));
    assert!(named.into_iter().any(|name| name == "fc0.weight"));
    // ... and what was ignored is not listed.
    let counts = tensors.keys().filter(|name| name.ends_with("num_batches_tracked")).count();
    assert_eq!(mismatch.unexpected.len() + mismatch.different.len(), tensors.len() - counts);
}

#[test]
fn a_quantized_network_needs_its_scales_and_steps() {
    let fixture = Fixture::read("resnet20-w2a2-pixel");
    let mut tensors = fixture.state_dict();
    tensors.retain(|name, _| !name.ends_with("step") && !name.ends_with("alpha"));
    let kind = error(&tensors, &fixture.description, &Description::default());
    let ImportErrorKind::Mismatch(mismatch) = kind else { panic!("{kind}") };
    assert_eq!((mismatch.missing.len(), mismatch.different.len(), mismatch.unexpected.len()), (36, 0, 0));
    let text = mismatch.to_string();
    assert!(text.contains("missing     layer1.0.conv1.alpha: [1, 1, 3, 3]"), "{text}");
    assert!(text.contains("missing     layer3.2.conv2.step: []"), "{text}");
    // The scales of columns are not those of rows.
    let mut tensors = Fixture::read("resnet20-w1a2-row").state_dict();
    tensors.get_mut("layer1.0.conv1.alpha").unwrap().shape = vec![1, 1, 1, 3];
    let kind = error(&tensors, &Fixture::read("resnet20-w1a2-row").description, &Description::default());
    assert!(kind.to_string().contains("layer1.0.conv1.alpha: expected [1, 1, 3, 1], found [1, 1, 1, 3]"), "{kind}");
}

#[test]
fn descriptions_must_agree_and_be_whole() {
    let (tensors, description) = resnet20();
    let given = Description { net: Some(Architecture::ResNet18), ..Description::default() };
    let text = error(&tensors, &description, &given).to_string();
    assert_eq!(text, "net: the file says \"resnet20\", but \"resnet18\" was given");
    let nobody = Description::default();
    assert!(error(&tensors, &nobody, &nobody).to_string().starts_with("net is missing"));
    let net = Description { net: Some(Architecture::ResNet20), ..Description::default() };
    assert!(error(&tensors, &nobody, &net).to_string().starts_with("mean is missing"));
    for (change, message) in [
        (Description { weights: Some(Weights::Ternary), ..Description::default() }, "network.granularity is missing"),
        (Description { threshold: Some(0.1), ..Description::default() }, "network.threshold has no effect"),
        (Description { image_size: Some(0), ..Description::default() }, "data.image_size = 0"),
        (Description { batch_norm_epsilon: Some(0.0), ..Description::default() }, "batch_norm_epsilon = 0"),
        (Description { short_side: Some(31), ..Description::default() }, "short_side = 31: must be 32 or more"),
        (Description { classes: Some(vec!["a".into(); 9]), ..Description::default() }, "linear.bias: expected [9]"),
    ] {
        let text = error(&tensors, &description, &change).to_string();
        assert!(text.contains(message), "{message}: {text}");
    }
    let content = safetensors::serialize(
        Vec::<(&str, safetensors::tensor::TensorView<'_>)>::new(),
        Some([("syq".to_owned(), "{\"nett\": \"resnet20\"}".to_owned())].into()),
    );
    let text = import_bytes(&content.unwrap(), "file", &net).unwrap_err().to_string();
    assert!(text.contains("metadata key \"syq\": unknown field `nett`"), "{text}");
    let text = import_bytes(b"PK\x03\x04 and so on", "file", &net).unwrap_err().to_string();
    assert!(text.starts_with("not a safetensors file"), "{text}");
}

#[test]
fn values_that_no_network_has_are_named() {
    let (tensors, description) = resnet20();
    let with = |name: &str, values: &[f32]| {
        let (mut tensors, _) = resnet20();
        tensors.insert(name.to_owned(), Stored::new(Dtype::F32, &[values.len()], values));
        error(&tensors, &description, &Description::default()).to_string()
    };
    let mut values = [1.0; 16];
    values[3] = f32::NAN;
    assert_eq!(with("bn1.weight", &values), "tensor \"bn1.weight\": value 3 is NaN");
    values[3] = -1.0;
    assert_eq!(
        with("bn1.running_var", &values),
        "tensor \"bn1.running_var\": value 3 is -1, but a variance is not negative"
    );
    assert_eq!(
        with("module.bn1.weight", &[1.0; 16]),
        "the tensors \"bn1.weight\" and \"module.bn1.weight\" both stand for \"bn1.weight\""
    );
    drop(tensors);
    let fixture = Fixture::read("resnet20-w2a2-pixel");
    let mut tensors = fixture.state_dict();
    tensors.insert("layer1.0.conv2.step".to_owned(), Stored::new(Dtype::F32, &[1], &[-0.5]));
    let text = error(&tensors, &fixture.description, &Description::default()).to_string();
    assert!(text.contains("layer1.0.act2") && text.contains("-0.5"), "{text}");
}
