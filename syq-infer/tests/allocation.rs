//! A session that has run once allocates nothing in a run, nor does a resizer that knows the sizes.

use syq_core::{ActivationQuantizer, ActivationRange, BitWidth, Codebook, Granularity};
use syq_infer::preprocess::{Region, Resampling, Resizer};
use syq_infer::rgb::RgbView;
use syq_infer::{Session, SessionOptions};
use syq_pack::Model;
use syq_pack::preprocess::Filter;
use syq_pack::zoo::{Architecture, FirstLast, Scheme};

/// Allocations of this thread during `call`.
fn allocations(call: impl FnOnce()) -> u64 {
    allocation_counter::measure(call).count_total
}

#[test]
fn a_run_on_one_thread_allocates_nothing() {
    let activation = ActivationQuantizer { bits: BitWidth::Two, range: ActivationRange::Learned };
    let quantized = Scheme::Quantized {
        codebook: Codebook::Ternary,
        granularity: Granularity::Pixel,
        activation,
        first_last: FirstLast::EIGHT_BIT,
    };
    for (architecture, scheme, images) in [
        (Architecture::ResNet20, quantized, 1),
        (Architecture::ResNet20, quantized, 3),
        (Architecture::ResNet20, Scheme::Float, 1),
        (Architecture::VggSmall, quantized, 1),
    ] {
        let model = Model::random(architecture.build(scheme, 32, 10), 1).unwrap();
        let mut session = Session::new(&model, SessionOptions { threads: 1, isa: None }).unwrap();
        let input = vec![0.5; images * 32 * 32 * 3];
        let mut logits = vec![0.0; images * 10];
        session.run_into(&input, &mut logits).unwrap();
        let first = logits.clone();
        let counted = allocations(|| session.run_into(&input, &mut logits).unwrap());
        assert_eq!(counted, 0, "{}", architecture.name());
        assert_eq!(first, logits);
        // The counter counts: `run` returns a vector of its own.
        assert_eq!(allocations(|| drop(session.run(&input).unwrap())), 1);
    }
}

#[test]
fn a_resizer_allocates_nothing_for_a_second_picture() {
    let pixels: Vec<u8> = (0..60 * 80 * 3).map(|i| (i % 251) as u8).collect();
    let picture = RgbView::new(60, 80, &pixels).unwrap();
    let mut resizer = Resizer::default();
    let (target, kept) = ([32, 32], Region::whole([32, 32]));
    for filter in [Filter::PillowBilinear, Filter::PillowBicubic, Filter::OpenCvCubic] {
        resizer.resize(picture, Resampling { part: Region::whole([60, 80]), target, kept, filter }).unwrap();
        let part = Region { top: 5, left: 9, height: 40, width: 50 };
        let counted =
            allocations(|| assert!(resizer.resize(picture, Resampling { part, target, kept, filter }).is_ok()));
        assert_eq!(counted, 0, "{filter:?}");
    }
}
