//! Convolutions with the max pooling behind them: one step, the reference's bits.

use syq_core::{ActivationQuantizer, ActivationRange, BitWidth, Codebook, Granularity, Padding, Shape, Window};
use syq_infer::{Isa, Session, SessionOptions};
use syq_pack::network::{Bias, Conv, INPUT, Layer, Linear, Network, Op, WeightFormat};
use syq_pack::{Golden, Model, reference};

/// More threads than pooled rows among them: without the feature `threads` the calling thread alone.
const THREADS: &[usize] = if cfg!(feature = "threads") { &[1, 2, 3, 7] } else { &[1] };

/// Pooling windows: overlapping, apart, with gaps, with padding that differs, one row high, and wide ones.
fn windows() -> Vec<Window> {
    let padding = |top, bottom, left, right| Padding { top, bottom, left, right };
    vec![
        Window::square(3, 2, Padding::uniform(1)),
        Window::square(2, 2, Padding::NONE),
        Window::square(2, 3, Padding::NONE),
        Window { kernel: [4, 3], stride: [1, 2], padding: padding(3, 1, 0, 2) },
        Window { kernel: [1, 2], stride: [2, 1], padding: padding(0, 0, 1, 0) },
        Window { kernel: [5, 3], stride: [2, 2], padding: padding(0, 4, 2, 1) },
    ]
}

fn layer(name: &str, inputs: &[&str], op: Op) -> Layer {
    Layer { name: name.to_owned(), inputs: inputs.iter().map(|input| (*input).to_owned()).collect(), op }
}

/// A picture in 8-bit codes, a convolution of it, pooled; one of `coded` weights, pooled twice; a residual sum,
/// pooled; a convolution with a second reader, pooled.
fn network(window: Window, filters: usize, coded: WeightFormat) -> Network {
    let conv = |filters, weights, bias| {
        let window = Window::square(3, 1, Padding { top: 1, bottom: 1, left: 2, right: 1 });
        Op::Conv(Conv { filters, window, groups: 1, weights, bias })
    };
    let quantize = |bits, range| Op::Quantize(ActivationQuantizer { bits, range });
    let eight = WeightFormat::EightBit;
    let small = Window::square(2, 1, Padding::uniform(1));
    let layers = vec![
        layer("q0", &[INPUT], quantize(BitWidth::Eight, ActivationRange::Symmetric(1.7))),
        layer("c0", &["q0"], conv(filters, eight, Bias::PerFilter)),
        layer("b0", &["c0"], Op::BatchNorm),
        layer("r0", &["b0"], Op::Relu),
        layer("m0", &["r0"], Op::MaxPool(window)),
        layer("q1", &["m0"], quantize(BitWidth::Two, ActivationRange::Learned)),
        layer("c1", &["q1"], conv(filters, coded, Bias::None)),
        layer("b1", &["c1"], Op::BatchNorm),
        layer("m1", &["b1"], Op::MaxPool(small)),
        layer("m2", &["m1"], Op::MaxPool(small)),
        layer("c2", &["m2"], conv(filters, WeightFormat::Float, Bias::None)),
        layer("c3", &["m2"], conv(filters, WeightFormat::Float, Bias::None)),
        layer("a3", &["c2", "c3"], Op::Add),
        layer("m3", &["a3"], Op::MaxPool(small)),
        layer("c4", &["m3"], conv(filters, WeightFormat::Float, Bias::None)),
        layer("m4", &["c4"], Op::MaxPool(Window::square(1, 1, Padding::NONE))),
        layer("a4", &["c4", "m4"], Op::Add),
        layer("g", &["a4"], Op::GlobalAveragePool),
        layer("l", &["g"], Op::Linear(Linear { outputs: 5, weights: WeightFormat::Float, bias: Bias::PerFilter })),
    ];
    Network { name: format!("pooled by {window:?}"), input: Shape::new(13, 11, 3), layers }
}

/// The networks, with their windows.
fn models() -> impl Iterator<Item = (Model, Window)> {
    windows().into_iter().enumerate().map(|(index, window)| {
        let codebook = if index % 2 == 0 { Codebook::Ternary } else { Codebook::Binary };
        let coded = WeightFormat::Codebook { codebook, granularity: Granularity::Pixel };
        let filters = [21, 32, 300, 16, 5, 70][index % 6];
        (Model::random(network(window, filters, coded), index as u64).unwrap(), window)
    })
}

#[test]
fn pooled_rows_are_those_of_the_reference() {
    let bits = |logits: &[f32]| logits.iter().map(|logit| logit.to_bits()).collect::<Vec<_>>();
    for (model, window) in models() {
        let input = Golden::input(model.network.input, 3);
        let expected = bits(&reference::logits(&model, &input).unwrap());
        for isa in Isa::available() {
            for &threads in THREADS {
                let mut session = Session::new(&model, SessionOptions { threads, isa: Some(isa) }).unwrap();
                for _ in 0..2 {
                    let logits = session.run(&input).unwrap();
                    assert_eq!(bits(&logits), expected, "{isa}, {threads} threads, {window:?}");
                }
            }
        }
    }
}

#[test]
fn a_step_takes_along_the_pooling_that_alone_reads_it() {
    for (model, window) in models() {
        let session = Session::new(&model, SessionOptions { threads: 1, isa: None }).unwrap();
        let names: Vec<&str> = session.plan().steps().map(|step| step.name).collect();
        assert_eq!(names, ["input", "c0", "c1", "m2", "c2", "c3", "m3", "c4", "m4", "g", "l"]);
        let first = session.plan().steps().nth(1).unwrap();
        let [height, width] = window.output(13, 12).unwrap();
        assert_eq!((first.output.height, first.output.width, first.layers), (height, width, &[1, 2, 3, 4][..]));
        assert_eq!(first.macs, 13 * 12 * 27 * first.output.channels as u64);
    }
}
