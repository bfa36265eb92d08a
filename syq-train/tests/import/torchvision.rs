//! torchvision's and timm's AlexNet and VGG: names and shapes of the whole networks, and what is theirs alone.

use super::fixture::{Fixture, StateDict, Stored, folder, serialize};
use safetensors::tensor::Dtype;
use std::collections::BTreeMap;
use syq_pack::zoo::Architecture;
use syq_train::import::{Description, ImportErrorKind, Mismatch, import_bytes};

type Shapes = BTreeMap<String, Vec<usize>>;

/// Names and shapes at 224 pixels and 1000 classes, by network.
fn names() -> BTreeMap<String, Shapes> {
    serde_json::from_str(&std::fs::read_to_string(folder().join("names.json")).unwrap()).unwrap()
}

fn net(name: &str) -> Description {
    Description { net: Architecture::from_name(name), ..Description::default() }
}

fn mismatch(tensors: &StateDict, file: &Description, given: &Description) -> Mismatch {
    match import_bytes(&serialize(tensors, Some(file)), "file", given).unwrap_err() {
        ImportErrorKind::Mismatch(mismatch) => mismatch,
        other => panic!("{other}"),
    }
}

#[test]
fn what_a_file_lacks_is_what_torchvisions_networks_have() {
    for name in ["alexnet-torchvision", "vgg16", "vgg16-bn"] {
        // The bias of one convolution, so that those in front of batch norms are looked for.
        let bias = "features.0.bias".to_owned();
        let tensors = StateDict::from([(bias.clone(), Stored::new(Dtype::F32, &[64], &[0.0; 64]))]);
        let Mismatch { missing, unexpected, different, .. } = mismatch(&tensors, &net(name), &Description::default());
        assert_eq!((unexpected, different), (vec![], vec![]), "{name}");
        let wanted: Shapes = missing.into_iter().map(|tensor| (tensor.name, tensor.shape)).collect();
        let mut expected = names().remove(name).unwrap();
        assert_eq!(expected.remove(&bias), Some(vec![64]));
        assert_eq!(wanted, expected, "{name}");
    }
}

#[test]
fn timms_names_are_known() {
    for name in ["vgg16", "vgg16-bn"] {
        let theirs = names().remove(&format!("timm {name}")).unwrap();
        // Tensors that have no network's shape: each is found, and none fits.
        let wrong = |name: &String| (name.clone(), Stored::new(Dtype::F32, &[1, 1, 1, 1, 1], &[0.0]));
        let tensors: StateDict = theirs.keys().map(wrong).collect();
        let classes = Some((0..1000).map(|class| class.to_string()).collect());
        let given = Description { classes, ..Description::default() };
        let Mismatch { missing, unexpected, different, .. } = mismatch(&tensors, &net(name), &given);
        assert_eq!((missing, unexpected), (vec![], vec![]), "{name}");
        assert_eq!(different.len(), theirs.len(), "{name}");
        for (expected, found) in different {
            let theirs = &theirs[&found.name];
            // The fully connected layers are convolutions there.
            let values = |shape: &[usize]| shape.iter().product::<usize>();
            assert_eq!((expected.shape[0], values(&expected.shape)), (theirs[0], values(theirs)), "{}", found.name);
            assert!(expected.shape == *theirs || found.name.starts_with("pre_logits."), "{}", found.name);
        }
    }
}

/// timm's name and shape of a tensor of torchvision's VGG; the feature map has `side` pixels in a row.
fn timm(name: &str, stored: Stored, side: usize) -> (String, Stored) {
    let (layer, tensor) = name.rsplit_once('.').unwrap();
    let (layer, shape) = match (layer, stored.shape.as_slice()) {
        ("classifier.0", [outputs, inputs]) => ("pre_logits.fc1", vec![*outputs, inputs / side / side, side, side]),
        ("classifier.3", [outputs, inputs]) => ("pre_logits.fc2", vec![*outputs, *inputs, 1, 1]),
        ("classifier.0", shape) => ("pre_logits.fc1", shape.to_vec()),
        ("classifier.3", shape) => ("pre_logits.fc2", shape.to_vec()),
        ("classifier.6", shape) => ("head.fc", shape.to_vec()),
        (layer, shape) => (layer, shape.to_vec()),
    };
    (format!("{layer}.{tensor}"), Stored { shape, ..stored })
}

#[test]
fn timms_file_is_torchvisions() {
    let fixture = Fixture::read("vgg16");
    let import = |tensors: &StateDict| {
        import_bytes(&serialize(tensors, Some(&fixture.description)), "file", &fixture.given()).unwrap().checkpoint
    };
    let torchvisions = import(&fixture.state_dict());
    // 64 pixels are halved five times.
    assert_eq!(fixture.image, 64);
    let tensors: StateDict = fixture.state_dict().into_iter().map(|(name, stored)| timm(&name, stored, 2)).collect();
    assert_eq!(tensors["pre_logits.fc1.weight"].shape, [4096, 512, 2, 2]);
    assert!(import(&tensors).tensors == torchvisions.tensors);
}

#[test]
fn biases_in_front_of_batch_norms_come_all_or_none() {
    let fixture = Fixture::read("vgg16-bn");
    let mut tensors = fixture.state_dict();
    tensors.remove("features.17.bias");
    tensors.remove("features.40.bias");
    let found = mismatch(&tensors, &fixture.description, &fixture.given());
    let missing: Vec<_> = found.missing.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(missing, ["features.17.bias", "features.40.bias"]);
    assert_eq!((found.unexpected, found.different), (vec![], vec![]));

    let convolutions = [0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40].map(|place| format!("features.{place}.bias"));
    tensors.retain(|name, _| !convolutions.contains(name));
    let content = serialize(&tensors, Some(&fixture.description));
    let imported = import_bytes(&content, "file", &fixture.given()).unwrap().checkpoint;
    let mean = super::generator::tensor(fixture.seed, "features.1.running_mean", &[64]);
    assert_eq!(imported.tensors["features.1.running_mean"].values, mean);
}

#[test]
fn pictures_of_another_size_make_another_network() {
    let fixture = Fixture::read("vgg16-bn");
    let given = Description { image_size: Some(64), ..Description::default() };
    let text = mismatch(&fixture.state_dict(), &fixture.description, &given).to_string();
    assert_eq!(
        text,
        "the tensors are not those of vgg16-bn: 0 missing, 1 different, 0 unexpected\n  \
         different   classifier.0.weight: expected [4096, 2048], found [4096, 512]"
    );
}
