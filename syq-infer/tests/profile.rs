//! A watched run gives the same logits as any other, and its times add up.

use syq_core::{ActivationQuantizer, ActivationRange, BitWidth, Codebook, Granularity};
use syq_infer::{Session, SessionError, SessionOptions};
use syq_pack::zoo::{Architecture, FirstLast, Scheme};
use syq_pack::{Golden, Model};

/// What a session may be asked for: without the feature `threads` the calling thread alone.
const THREADS: &[usize] = if cfg!(feature = "threads") { &[1, 2] } else { &[1] };

#[test]
fn a_profiled_run_is_a_run() {
    let activation = ActivationQuantizer { bits: BitWidth::Two, range: ActivationRange::Learned };
    let first_last = FirstLast::EIGHT_BIT;
    let scheme =
        Scheme::Quantized { codebook: Codebook::Ternary, granularity: Granularity::Pixel, activation, first_last };
    for architecture in [Architecture::ResNet20, Architecture::VggSmall] {
        let model = Model::random(architecture.build(scheme, 16, 10), 3).unwrap();
        let input: Vec<f32> = (0..3).flat_map(|seed| Golden::input(model.network.input, seed)).collect();
        for &threads in THREADS {
            let mut session = Session::new(&model, SessionOptions { threads, isa: None }).unwrap();
            let expected = session.run(&input).unwrap();
            let (logits, times) = session.run_profiled(&input).unwrap();
            let bits = |logits: &[f32]| logits.iter().map(|logit| logit.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&logits), bits(&expected), "{architecture:?}, {threads} threads");
            assert_eq!(times.steps().len(), session.plan().steps().count());
            assert!(times.steps().iter().all(|time| !time.is_zero()), "{times:?}");
            assert!(times.steps().iter().sum::<std::time::Duration>() <= times.total(), "{times:?}");
            let empty = session.run_profiled(&[]);
            assert!(matches!(empty, Err(SessionError::Input { found: 0, .. })));
        }
    }
}

#[test]
fn steps_tell_their_shape_and_bytes() {
    let model = Model::random(Architecture::ResNet20.build(Scheme::Float, 32, 10), 3).unwrap();
    let session = Session::new(&model, SessionOptions { threads: 1, isa: None }).unwrap();
    for step in session.plan().steps() {
        let written = 4 * step.output.len();
        assert!(step.bytes >= step.weight_bytes + written, "{step}: {} bytes", step.bytes);
    }
    let last = session.plan().steps().last().unwrap();
    assert_eq!(last.output.to_string(), "1×1×10");
}
