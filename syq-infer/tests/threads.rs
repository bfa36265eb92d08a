//! Networks large enough that the steps of one image are shared: the same bits on every number of threads.
#![cfg(feature = "threads")]

use syq_core::{ActivationQuantizer, ActivationRange, BitWidth, Codebook, Granularity};
use syq_infer::{Isa, Session, SessionOptions};
use syq_pack::zoo::{Architecture, FirstLast, Scheme};
use syq_pack::{Golden, Model};

#[test]
fn shared_steps_give_the_bits_of_one_thread() {
    let cases = [
        (Architecture::ResNet18, 112, Codebook::Ternary, BitWidth::Two),
        (Architecture::VggSmall, 32, Codebook::Binary, BitWidth::Four),
        (Architecture::AlexNet, 67, Codebook::Ternary, BitWidth::One),
        (Architecture::ResNet50, 64, Codebook::Binary, BitWidth::Eight),
    ];
    for (architecture, image, codebook, bits) in cases {
        let activation = ActivationQuantizer { bits, range: ActivationRange::Learned };
        let first_last = FirstLast::EIGHT_BIT;
        let scheme = Scheme::Quantized { codebook, granularity: Granularity::Pixel, activation, first_last };
        let model = Model::random(architecture.build(scheme, image, 10), 5).unwrap();
        let input = Golden::input(model.network.input, 6);
        // The slow ones would only repeat what the contract's test does on small networks.
        let fast = Isa::available().into_iter().filter(|isa| *isa != Isa::Portable);
        for isa in fast {
            let logits = |threads| -> Vec<u32> {
                let mut session = Session::new(&model, SessionOptions { threads, isa: Some(isa) }).unwrap();
                session.run(&input).unwrap().into_iter().map(f32::to_bits).collect()
            };
            let expected = logits(1);
            for threads in [2, 3, 7] {
                assert_eq!(logits(threads), expected, "{architecture:?} on {isa}, {threads} threads");
            }
        }
    }
}
