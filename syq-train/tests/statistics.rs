//! Batch norm's running statistics are the averages that the decay asks for, and make a network the deployed one.

use syq_core::{WeightGradient, WeightNormalization};
use syq_infer::{Session, SessionOptions};
use syq_pack::Model;
use syq_pack::zoo::{Architecture, Scheme};
use syq_train::graph::{BuildOptions, Graph, Tensors};
use syq_train::kernels::{Isa, Precision};
use syq_train::layers::{BatchNormSettings, Statistics};
use syq_train::parallel::Workers;
use syq_train::rng::{Purpose, Random};

const SIZE: usize = 8;
const BATCH: usize = 3;

/// A float network after batches with these decays.
fn network(batches: &[(u64, Option<f32>)]) -> Graph {
    let options = BuildOptions {
        precision: Precision::F32,
        isa: Isa::detect(),
        eta: 0.05,
        weight_normalization: WeightNormalization::None,
        weight_gradient: WeightGradient::Syq,
        batch_norm: BatchNormSettings { epsilon: 1e-4, decay: 0.75 },
        seed: 1,
    };
    let mut graph = Graph::new(&Architecture::ResNet20.build(Scheme::Float, SIZE, 4), options).unwrap();
    let workers = Workers::new(1).unwrap();
    for (index, decay) in batches {
        graph.set_decay(*decay);
        graph.logits(&workers, &images(*index), BATCH, Statistics::Batch).unwrap();
    }
    graph
}

fn images(index: u64) -> Vec<f32> {
    let mut random = Random::new(2, Purpose::Test, index, 0);
    (0..BATCH * SIZE * SIZE * 3).map(|_| random.normal()).collect()
}

/// What the statistics become when batches pass with these decays.
fn pass(batches: &[(u64, Option<f32>)]) -> Tensors {
    network(batches).state().into_iter().filter(|(name, _)| name.contains("running_")).collect()
}

#[test]
fn a_decay_of_zero_keeps_the_last_batch_alone() {
    let last = pass(&[(1, Some(0.0))]);
    assert!(last.len() > 30);
    assert_eq!(pass(&[(0, None), (1, Some(0.0))]), last);
}

#[test]
fn the_average_is_the_one_asked_for() {
    let [first, second] = [0, 1].map(|batch| pass(&[(batch, Some(0.0))]));
    let mean = pass(&[(0, Some(0.0)), (1, Some(0.5))]);
    let running = pass(&[(0, Some(0.0)), (1, None)]);
    for (name, mean) in &mean {
        for (channel, mean) in mean.iter().enumerate() {
            let (a, b) = (first[name][channel], second[name][channel]);
            let running = running[name][channel];
            assert!((mean - (a + b) / 2.0).abs() < 1e-5 * (1.0 + a.abs() + b.abs()), "{name}[{channel}]");
            assert!((running - (0.75 * a + 0.25 * b)).abs() < 1e-5 * (1.0 + a.abs() + b.abs()), "{name}[{channel}]");
        }
    }
}

#[test]
fn with_running_statistics_a_network_is_the_deployed_one() {
    let mut graph = network(&[(0, None), (1, None)]);
    let before = graph.state();
    let labels = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
    let model = Model::new(graph.network().clone(), graph.export().unwrap(), labels).unwrap();
    let mut deployed = Session::new(&model, SessionOptions { threads: 1, isa: None }).unwrap();
    let expected = deployed.run(&images(2)).unwrap();
    let found = graph.logits(&Workers::new(1).unwrap(), &images(2), BATCH, Statistics::Running).unwrap();
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{found} instead of {expected}");
    }
    assert_eq!(graph.state(), before, "nothing moved");
}
