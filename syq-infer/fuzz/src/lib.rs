//! What the fuzz targets do with their input. `syq-infer/tests/fuzzed.rs` does the same with the inputs that are kept.
//!
//! Nothing here may panic on any input, and whatever can be run gives the reference executor's bits.

/// The one of syq-pack's tests.
#[path = "../../../syq-pack/tests/support/container.rs"]
mod container;

use serde_json::{Value, json};
use std::sync::LazyLock;
use syq_infer::picture::{PictureLimits, decode};
use syq_infer::rgb::RgbView;
use syq_infer::{Engine, Isa, SessionError, builtin};
use syq_pack::{Golden, Model, ModelLimits, Network, reference};

/// What a target may compute: an input is done within milliseconds.
const LIMITS: ModelLimits =
    ModelLimits { file: 1 << 20, header: 1 << 20, layers: 64, elements: 1 << 13, macs: 1 << 18 };

const PICTURE_LIMITS: PictureLimits = PictureLimits { bytes: 1 << 20, side: 400, pixels: 40_000 };

/// Compiled once: the pictures differ, not the network.
static BUILT_IN: LazyLock<Engine> =
    LazyLock::new(|| Engine::from_bytes(builtin(), None).expect("the built-in network compiles"));

/// The model reader: as the bytes are, and with the digest that they should have, so that what stands behind the
/// digest's check is reached too.
pub fn model(bytes: &[u8]) {
    for bytes in [Some(bytes.to_vec()), signed(bytes)].into_iter().flatten() {
        if let Ok(model) = Model::from_bytes_within(&bytes, &LIMITS) {
            let written = model.to_bytes().expect("what was read can be written");
            let again = Model::from_bytes(&written).expect("what was written can be read");
            assert!(model == again, "reading, writing and reading gives another model");
        }
    }
}

/// The plan builder: a network's description with random weights, on every instruction set.
pub fn plan(bytes: &[u8]) {
    let Ok(network) = serde_json::from_slice::<Network>(bytes) else { return };
    if network.resolve_within(&LIMITS).is_err() {
        return;
    }
    if let Ok(model) = Model::random(network, 1) {
        run(&model);
    }
}

/// A whole classification with whatever model the bytes hold.
pub fn classify(bytes: &[u8]) {
    let signed = signed(bytes);
    let Ok(model) = Model::from_bytes_within(signed.as_deref().unwrap_or(bytes), &LIMITS) else { return };
    run(&model);
    let Ok(engine) = Engine::new(&model, None) else { return };
    let pixels: Vec<u8> = (0..5 * 7 * 3).map(|index| (index * 37) as u8).collect();
    let picture = RgbView::new(5, 7, &pixels).expect("the pixels are as many as the size says");
    let mut session = engine.session(1).expect("the calling thread is there");
    match session.classify(picture, 3) {
        Ok(candidates) => assert!(!candidates.is_empty() && candidates.len() <= 3),
        Err(SessionError::NoRecipe | SessionError::Preprocess(_)) => {}
        Err(error) => panic!("{error}"),
    }
}

/// A picture, and what the built-in network would see of it.
pub fn picture(bytes: &[u8]) {
    let Ok(picture) = decode(bytes, &PICTURE_LIMITS) else { return };
    assert!(picture.height() * picture.width() <= PICTURE_LIMITS.pixels);
    let mut input = vec![0.0; BUILT_IN.plan().input().len()];
    if BUILT_IN.prepare(picture.view(), &mut input).is_ok() {
        assert!(input.iter().all(|x| x.is_finite()));
    }
}

/// Runs a model on every instruction set and compares with the reference executor, bit by bit. NaN is NaN: which one it
/// is the contract leaves open.
fn run(model: &Model) {
    let input = Golden::input(model.network.input, 1);
    let Ok(expected) = reference::logits(model, &input) else { return };
    let bits = |logits: &[f32]| -> Vec<u32> {
        logits.iter().map(|x| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }).collect()
    };
    for isa in Isa::available() {
        let Ok(engine) = Engine::new(model, Some(isa)) else { continue };
        let mut session = engine.session(1).expect("the calling thread is there");
        let logits = session.run(&input).expect("a compiled model runs");
        assert_eq!(bits(&logits), bits(&expected), "{isa}");
    }
}

/// The file with the digest that its contents have; `None` if it is not so far a model file that it has one.
pub fn signed(bytes: &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (header, data) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let mut header: Value = serde_json::from_slice(header).ok()?;
    let text = header.get("__metadata__")?.get("syq")?.as_str()?.to_owned();
    let before = text.get(.."{\"digest\":\"".len())?;
    let unknown = [before, container::UNKNOWN, text.get(before.len() + container::UNKNOWN.len()..)?].concat();
    // `serde_json` keeps the names in ascending order.
    let tensors = header.as_object()?.iter().filter(|(name, _)| *name != "__metadata__");
    let tensors: Option<Vec<_>> = tensors.map(|(name, tensor)| Some((name.as_str(), place(tensor, data)?))).collect();
    header["__metadata__"] = json!({ "syq": container::signed(&unknown, tensors?) });
    Some(container::file(header.to_string().as_bytes(), data))
}

/// A tensor's bytes.
fn place<'a>(tensor: &Value, data: &'a [u8]) -> Option<&'a [u8]> {
    let offset = |index: usize| Some(tensor.get("data_offsets")?.get(index)?.as_u64()? as usize);
    data.get(offset(0)?..offset(1)?)
}
