//! Writes the seeds of the fuzz targets: `cargo run --bin seeds` in this folder. Models are `classify`'s seeds too, the
//! test fixtures are `picture`'s.

use std::path::Path;
use syq_core::{ActivationQuantizer, ActivationRange, BitWidth, Codebook, Granularity, Padding, Shape, Window};
use syq_pack::network::{Bias, Conv, INPUT, Layer, Linear, Network, Op, WeightFormat};
use syq_pack::{Model, Preprocess};

fn layer(name: &str, inputs: &[&str], op: Op) -> Layer {
    Layer { name: name.to_owned(), inputs: inputs.iter().map(|&input| input.to_owned()).collect(), op }
}

/// Every operation in a network of a few layers: a residual block with pooling before and behind it.
fn network(bits: BitWidth, weights: WeightFormat, range: ActivationRange, groups: usize) -> Network {
    let quantize = Op::Quantize(ActivationQuantizer { bits, range });
    let conv = |window, weights, bias| Op::Conv(Conv { filters: 4, window, groups, weights, bias });
    let square = Window::square(3, 1, Padding::uniform(1));
    let last = match weights {
        WeightFormat::Codebook { codebook, .. } => WeightFormat::Codebook { codebook, granularity: Granularity::Layer },
        other => other,
    };
    let pool = Window { kernel: [2, 1], stride: [2, 1], padding: Padding::NONE };
    Network {
        name: "seed".to_owned(),
        input: Shape::new(6, 5, 2),
        layers: vec![
            layer("q0", &[INPUT], quantize.clone()),
            layer("c0", &["q0"], conv(square, weights, Bias::PerFilter)),
            layer("m", &["c0"], Op::MaxPool(pool)),
            layer("n0", &["m"], Op::BatchNorm),
            layer("r0", &["n0"], Op::Relu),
            layer("q1", &["r0"], quantize.clone()),
            layer("c1", &["q1"], conv(square, weights, Bias::None)),
            layer("n1", &["c1"], Op::BatchNorm),
            layer("a", &["n1", "r0"], Op::Add),
            layer("p", &["a"], Op::AveragePool(Window::square(2, 1, Padding::NONE))),
            layer("q2", &["p"], quantize),
            layer("f", &["q2"], Op::Flatten),
            layer("l", &["f"], Op::Linear(Linear { outputs: 3, weights: last, bias: Bias::PerFilter })),
        ],
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let folder = seeds.join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), bytes)
    };
    let codebook = |codebook, granularity| WeightFormat::Codebook { codebook, granularity };
    for (name, network) in [
        ("w1a1", network(BitWidth::One, codebook(Codebook::Binary, Granularity::Layer), ActivationRange::Unit, 1)),
        ("w2a2", network(BitWidth::Two, codebook(Codebook::Ternary, Granularity::Pixel), ActivationRange::Learned, 1)),
        ("w2a4", network(BitWidth::Four, codebook(Codebook::Ternary, Granularity::Row), ActivationRange::FixedPoint(2), 2)),
        ("w8a8", network(BitWidth::Eight, WeightFormat::EightBit, ActivationRange::Symmetric(2.5), 1)),
        ("float", network(BitWidth::Three, WeightFormat::Float, ActivationRange::Learned, 1)),
    ] {
        write("plan", name, format!("{}\n", serde_json::to_string(&network)?).as_bytes())?;
        let mut model = Model::random(network, 7)?;
        if name == "w2a2" {
            // The one that takes pictures.
            model.network.input.channels = 3;
            model = Model::random(model.network, 7)?;
            model.preprocess = Some(Preprocess::exact(6, 5, [0.5; 3], [0.25; 3]));
        }
        write("model", name, &model.to_bytes()?)?;
    }
    Ok(())
}
