//! PyTorch's logits, from the weights that both sides make.

use super::fixture::{Fixture, folder, serialize};
use syq_infer::{Session, SessionOptions};
use syq_pack::LayerParameters;
use syq_pack::random::SplitMix64;
use syq_train::import::import_bytes;
use syq_train::run::export_checkpoint;

/// Sums are in another order here than there: this much of the largest logit.
const TOLERANCE: f32 = 1e-5;
/// In a quantized network a sum that lies at a rounding border may give the next code; one of three pictures may
/// have such a one, and then differs by this much.
const ONE_CODE: f32 = 5e-3;

/// Imports the fixture's weights, exports the model and runs it; checks codes and logits.
fn check(name: &str) {
    let fixture = Fixture::read(name);
    let content = serialize(&fixture.state_dict(), Some(&fixture.description));
    let imported = import_bytes(&content, name, &fixture.given()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (model, _) = export_checkpoint(imported.checkpoint).unwrap();
    for (layer, expected) in &fixture.codes {
        let LayerParameters::Coded { codes, .. } = &model.parameters[layer] else { panic!("{name}: {layer}") };
        let codes = codes.unpack();
        let mut weights = SplitMix64::new(0);
        let sum = codes.iter().map(|code| i64::from(*code) * (weights.next_u64() >> 40) as i64).sum();
        let zeros = codes.iter().filter(|code| **code == 0).count() as i64;
        assert_eq!([zeros, sum], *expected, "{name}: codes of {layer}");
    }
    let coded = model.parameters.values().filter(|p| matches!(p, LayerParameters::Coded { .. })).count();
    assert_eq!(coded, fixture.codes.len(), "{name}");
    let logits =
        Session::new(&model, SessionOptions { threads: 1, isa: None }).unwrap().run(&fixture.pictures()).unwrap();
    let mut with_other_codes = 0;
    for (found, expected) in logits.chunks(fixture.logits[0].len()).zip(&fixture.logits) {
        let largest = expected.iter().fold(0f32, |max, x| max.max(x.abs()));
        let error = found.iter().zip(expected).fold(0f32, |max, (a, b)| max.max((a - b).abs()));
        assert!(error <= ONE_CODE * largest, "{name}: {found:?}, PyTorch has {expected:?}");
        with_other_codes += usize::from(error > TOLERANCE * largest);
    }
    assert!(with_other_codes <= usize::from(coded > 0), "{name}: {with_other_codes} pictures differ");
}

/// Every fixture has its test below.
macro_rules! parity {
    ($($test:ident: $name:literal,)*) => {
        $(#[test] fn $test() { check($name); })*

        #[test]
        fn no_fixture_is_left_out() {
            let mut tested = vec![$($name.to_owned(),)* "layer".to_owned(), "names".to_owned()];
            let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
            let mut found: Vec<_> = files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
            tested.sort();
            found.sort();
            assert_eq!(tested, found);
        }
    };
}

parity! {
    resnet20: "resnet20",
    resnet20_in_bf16: "resnet20-bf16",
    resnet20_in_f16: "resnet20-f16",
    vgg_small: "vgg-small",
    resnet18: "resnet18",
    resnet34: "resnet34",
    resnet50: "resnet50",
    ternary_pixel_resnet20: "resnet20-w2a2-pixel",
    binary_row_resnet20: "resnet20-w1a2-row",
    ternary_layer_resnet20: "resnet20-w2a4-layer",
    binary_pixel_vgg_small: "vgg-small-w1a4-pixel",
    ternary_pixel_resnet18: "resnet18-w2a2-pixel",
    eight_bit_ends_resnet20: "resnet20-w2a2-8bit",
    eight_bit_ends_vgg_small: "vgg-small-w2a2-8bit",
    ternary_row_resnet50: "resnet50-w2a8-row",
    filter_normalized_resnet20: "resnet20-w2a2-filter",
    layer_normalized_resnet20: "resnet20-w1a2-layer",
    torchvisions_alexnet: "alexnet-torchvision",
    ternary_pixel_torchvisions_alexnet: "alexnet-torchvision-w2a2-pixel",
    vgg16: "vgg16",
    binary_row_vgg16: "vgg16-w1a4-row",
    vgg16_with_batch_norm: "vgg16-bn",
    eight_bit_ends_vgg16_with_batch_norm: "vgg16-bn-w2a2-8bit",
}
