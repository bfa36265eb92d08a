//! A run that is stopped and resumed ends in the same bytes, and so does one on other threads.

use std::path::{Path, PathBuf};
use syq_core::{ActivationQuantizer, ActivationRange, BitWidth, Shape, WeightNormalization};
use syq_pack::network::Op;
use syq_train::checkpoint::Checkpoint;
use syq_train::config::{BitStage, Config, DistillationConfig, NormalizationConfig, SizeStage};
use syq_train::data::Dataset;
use syq_train::metrics::Row;
use syq_train::rng::{Purpose, Random};
use syq_train::run::{CHECKPOINT, METRICS, Observer, Progress, Run, RunError, RunMetadata, Start, evaluate, export};

const SIZE: usize = 12;
const CLASSES: u32 = 3;

/// Noise around one colour a class: learnable, and nothing to download.
fn data() -> Dataset {
    let mut random = Random::new(1, Purpose::Test, 0, 0);
    let labels: Vec<u32> = (0..72).map(|image| image % CLASSES).collect();
    let pixels = labels
        .iter()
        .flat_map(|label| std::iter::repeat_n(*label, SIZE * SIZE * 3).enumerate().collect::<Vec<_>>())
        .map(|(index, label)| if index as u32 % 3 == label { 150 } else { 60 } + random.below(90) as u8)
        .collect();
    let classes = ["red", "green", "blue"].map(str::to_owned).to_vec();
    Dataset::new([SIZE, SIZE], classes, pixels, labels).unwrap()
}

fn config(network: &str, optimizer: &str, threads: usize, init: Option<&Path>) -> Config {
    let init = init.map_or(String::new(), |path| format!("init = {:?}", path.display().to_string()));
    let text = format!(
        "[network]\nname = \"resnet20\"\n{network}\n\
         [data]\nformat = \"folder\"\ntrain = \"unused\"\nvalidation = 0.25\nimage_size = {SIZE}\n\
         [data.augmentation]\ncrop_padding = 2\nflip = \"horizontal\"\n\
         [train]\nseed = 5\nepochs = 4\nbatch = 18\nthreads = {threads}\nprecision = \"auto\"\n\
         learning_rate = 0.01\ncheckpoint_epochs = 1\n{init}\n\
         [train.optimizer]\n{optimizer}\n[train.schedule]\ncosine = {{ warmup_epochs = 1, final_fraction = 0.0 }}\n"
    );
    Config::from_toml_str(&text).unwrap()
}

const FLOAT: &str = "weights = \"float\"";
const TERNARY: &str =
    "weights = \"ternary\"\ngranularity = \"pixel\"\nactivation_bits = 2\nactivation_range = \"learned\"";
/// As [`TERNARY`], with 8-bit first, last and shortcut layers.
const INTEGER: &str = "weights = \"ternary\"\ngranularity = \"pixel\"\nactivation_bits = 2\n\
    activation_range = \"learned\"\nfirst_last = \"8bit\"";
const SGD: &str = "sgd = { momentum = 0.9, kind = \"nesterov\" }";
const ADAM: &str = "adam = { betas = [0.9, 0.999], epsilon = 1e-5 }";

#[derive(Default)]
struct Silent {
    rows: Vec<Row>,
    work_left: Vec<f64>,
}

impl Observer for Silent {
    fn step(&mut self, progress: &Progress) {
        self.work_left.push(progress.work_left);
    }
    fn epoch(&mut self, row: &Row) {
        self.rows.push(*row);
    }
}

fn run(config: &Config, folder: &Path, start: Start, until: Option<u64>) -> Vec<Row> {
    let mut run = Run::open(config.clone(), folder, data(), start).unwrap();
    let mut watcher = Silent::default();
    run.train(until, &mut watcher).unwrap();
    watcher.rows
}

/// The metrics without the columns that tell the time.
fn metrics(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join(METRICS)).unwrap();
    text.lines().map(|line| line.split(',').take(7).collect::<Vec<_>>().join(",")).collect()
}

fn check(config_of: &dyn Fn(usize) -> Config) {
    let folder = tempfile::tempdir().unwrap();
    let [whole, parts, threads] = ["whole", "parts", "threads"].map(|name| folder.path().join(name));
    let config = config_of(1);
    run(&config, &whole, Start::New, Some(10));
    // Five steps end in the middle of an epoch of three.
    run(&config, &parts, Start::New, Some(5));
    run(&config, &parts, Start::Resume, Some(10));
    let bytes = |folder: &Path| std::fs::read(folder.join(CHECKPOINT)).unwrap();
    assert!(bytes(&whole) == bytes(&parts), "five and five steps differ from ten");
    assert_eq!(metrics(&whole), metrics(&parts));
    // A checkpoint names its number of threads, so the exported models are compared.
    run(&config_of(3), &threads, Start::New, Some(5));
    run(&config_of(2), &threads, Start::Resume, Some(10));
    let exported = |folder: &Path| export(&folder.join(CHECKPOINT)).unwrap().0;
    assert!(exported(&whole).to_bytes().unwrap() == exported(&threads).to_bytes().unwrap(), "threads change the bytes");
}

#[test]
fn a_float_run() {
    check(&|threads| config(FLOAT, SGD, threads, None));
}

/// The checkpoint of a trained float network in `folder`.
fn float_network(folder: &Path) -> PathBuf {
    let float = folder.join("float");
    run(&config(FLOAT, SGD, 2, None), &float, Start::New, None);
    float.join(CHECKPOINT)
}

#[test]
fn a_quantized_run() {
    let folder = tempfile::tempdir().unwrap();
    let init = float_network(folder.path());
    check(&|threads| config(TERNARY, ADAM, threads, Some(&init)));
    check(&|threads| config(INTEGER, ADAM, threads, Some(&init)));
}

/// Two epochs of 8 bits, then 4 and 2, with weights that are normalised: five steps end in the first stage;
/// six, resumed, begin with the second.
#[test]
fn a_run_of_progressive_bits() {
    let folder = tempfile::tempdir().unwrap();
    let init = float_network(folder.path());
    let config = |threads| {
        let mut config = config(TERNARY, ADAM, threads, Some(&init));
        let stage = |activation_bits, epochs| BitStage { activation_bits, epochs };
        config.train.progressive_bits = vec![stage(BitWidth::Eight, 2), stage(BitWidth::Four, 1)];
        config.network.weight_normalization = Some(WeightNormalization::Filter);
        config.validate().unwrap();
        config
    };
    check(&config);
    let [whole, parts] = ["whole", "parts"].map(|name| folder.path().join(name));
    let bits = |folder: &Path| {
        let network = export(&folder.join(CHECKPOINT)).unwrap().0.network;
        let quantizer = |layer: &syq_pack::network::Layer| match layer.op {
            Op::Quantize(quantizer) => Some(quantizer.bits),
            _ => None,
        };
        network.layers.iter().find_map(quantizer).unwrap()
    };
    run(&config(1), &parts, Start::New, Some(6));
    assert_eq!(bits(&parts), BitWidth::Eight);
    run(&config(1), &parts, Start::Resume, Some(7));
    assert_eq!(bits(&parts), BitWidth::Four);
    run(&config(1), &parts, Start::Resume, None);
    assert_eq!(bits(&parts), BitWidth::Two);
    run(&config(1), &whole, Start::New, None);
    assert_eq!(std::fs::read(parts.join(CHECKPOINT)).unwrap(), std::fs::read(whole.join(CHECKPOINT)).unwrap());
}

/// Two epochs on small pictures, then one on larger ones; the teacher sees the same ones.
#[test]
fn a_run_of_progressive_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let init = float_network(folder.path());
    let config = |threads| {
        let mut config = distilled(config(TERNARY, ADAM, threads, Some(&init)), &init);
        let stage = |image_size, epochs| SizeStage { image_size, epochs };
        config.train.progressive_sizes = vec![stage(8, 2), stage(16, 1)];
        config.validate().unwrap();
        config
    };
    check(&config);
    let [parts, whole] = ["parts", "whole"].map(|name| folder.path().join(name));
    for (start, until, size) in [
        (Start::New, Some(6), 8),
        (Start::Resume, Some(7), 16),
        (Start::Resume, Some(9), 16),
        (Start::Resume, None, SIZE),
    ] {
        let mut run = Run::open(config(2), &parts, data(), start).unwrap();
        run.train(until, &mut Silent::default()).unwrap();
        assert_eq!(run.graph().network().input, Shape { channels: 3, height: size, width: size }, "{until:?}");
        // What is exported takes pictures of the full size, whatever the epoch.
        let input = export(&parts.join(CHECKPOINT)).unwrap().0.network.input;
        assert_eq!([input.height, input.width], [SIZE; 2]);
    }
    let mut watcher = Silent::default();
    Run::open(config(2), &whole, data(), Start::New).unwrap().train(None, &mut watcher).unwrap();
    assert_eq!(metrics(&parts), metrics(&whole));
    // Of three steps an epoch, on 8, 8, 16 and 12 pixels.
    let [first, sixth, seventh] = [0, 5, 6].map(|step| watcher.work_left[step]);
    assert_eq!([first, sixth, seventh], [5.0 + 12.0 + 6.75, 12.0 + 6.75, 2.0 + 1.6875]);
    assert_eq!(watcher.work_left.last(), Some(&0.0));
}

#[test]
fn sizes_that_the_weights_do_not_have_are_refused_before_the_first_step() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(FLOAT, SGD, 1, None);
    config.train.progressive_sizes = vec![SizeStage { image_size: 8, epochs: 2 }];
    Run::open(config.clone(), &folder.path().join("any"), data(), Start::New).unwrap();
    config.network.name = syq_pack::zoo::Architecture::VggSmall;
    config.data.image_size = Some(32);
    config.train.progressive_sizes = vec![SizeStage { image_size: 16, epochs: 2 }];
    let error = Run::open(config, &folder.path().join("one"), data(), Start::New).unwrap_err().to_string();
    assert!(error.contains("fc"), "{error}");
}

/// A configuration with a teacher, and batch norm's statistics over two batches.
fn distilled(config: Config, teacher: &Path) -> Config {
    let mut config = config;
    config.train.distillation = Some(DistillationConfig { teacher: teacher.to_owned(), temperature: 4.0, weight: 0.5 });
    config.train.batch_norm_batches = 2;
    config
}

#[test]
fn a_distilled_run() {
    let folder = tempfile::tempdir().unwrap();
    let teacher = float_network(folder.path());
    check(&|threads| distilled(config(TERNARY, ADAM, threads, Some(&teacher)), &teacher));
}

#[test]
fn a_teacher_is_heard_and_must_see_the_same_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let [float, alone, taught] = ["float", "alone", "taught"].map(|name| folder.path().join(name));
    run(&config(FLOAT, SGD, 2, None), &float, Start::New, Some(4));
    let teacher = float.join(CHECKPOINT);
    let plain = config(TERNARY, ADAM, 2, Some(&teacher));
    run(&plain, &alone, Start::New, Some(2));
    run(&distilled(plain.clone(), &teacher), &taught, Start::New, Some(2));
    assert_ne!(values(&alone, ".weight"), values(&taught, ".weight"));
    let mut other = distilled(plain, &teacher);
    other.data.normalization = Some(NormalizationConfig { mean: [0.5; 3], std: [0.25; 3] });
    let error = Run::open(other, &folder.path().join("other"), data(), Start::New).unwrap_err();
    assert!(matches!(error, RunError::Teacher { what: "normalization", .. }), "{error}");
}

#[test]
fn statistics_are_measured_anew_with_the_weights_as_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let [running, anew] = ["running", "anew"].map(|name| folder.path().join(name));
    let plain = config(FLOAT, SGD, 1, None);
    let mut estimated = plain.clone();
    estimated.train.batch_norm_batches = 3;
    run(&plain, &running, Start::New, Some(6));
    run(&estimated, &anew, Start::New, Some(6));
    assert_eq!(values(&running, ".weight"), values(&anew, ".weight"));
    assert_ne!(values(&running, ".running_mean"), values(&anew, ".running_mean"));
}

#[test]
fn training_learns_and_reports_what_the_engine_measures() {
    let folder = tempfile::tempdir().unwrap();
    let float = float_network(folder.path());
    for (name, network) in [("float ends", TERNARY), ("8-bit ends", INTEGER)] {
        let quantized = folder.path().join(name);
        let rows = run(&config(network, ADAM, 2, Some(&float)), &quantized, Start::New, None);
        let last = rows.last().unwrap();
        assert!(last.top1 > 60.0, "{name}: top-1 {} % of three easy classes", last.top1);
        // The last row is of the held-out images: the exported model gets the same ones right.
        let (model, metadata) = export(&quantized.join(CHECKPOINT)).unwrap();
        let split = syq_train::data::split::split(&data(), metadata.config.held_out(), 5).unwrap();
        let again = evaluate(&model, &data(), &split.validation, 1).unwrap();
        assert_eq!((again.top1(), again.mean()), (last.top1, last.loss), "{name}");
    }
}

/// Every parameter of the checkpoint in `folder` whose name ends so.
fn values(folder: &Path, ending: &str) -> Vec<f32> {
    let checkpoint = Checkpoint::<RunMetadata>::read(&folder.join(CHECKPOINT)).unwrap();
    let named = checkpoint.tensors.into_iter().filter(|(name, _)| name.ends_with(ending) && !name.contains('/'));
    named.flat_map(|(_, tensor)| tensor.values).collect()
}

#[test]
fn a_further_stage_takes_scales_and_steps_over() {
    let folder = tempfile::tempdir().unwrap();
    let [float, first, same, wider, layer] =
        ["float", "first", "same", "wider", "layer"].map(|name| folder.path().join(name));
    run(&config(FLOAT, SGD, 2, None), &float, Start::New, Some(4));
    run(&config(TERNARY, ADAM, 2, Some(&float.join(CHECKPOINT))), &first, Start::New, Some(4));
    let init = first.join(CHECKPOINT);
    let stage = |network: &str, to: &Path| run(&config(network, ADAM, 2, Some(&init)), to, Start::New, Some(0));
    stage(TERNARY, &same);
    stage(&TERNARY.replace("bits = 2", "bits = 4"), &wider);
    stage(&TERNARY.replace("pixel", "layer"), &layer);
    for ending in [".scales", ".step", ".weight", ".gamma"] {
        assert!(!values(&first, ending).is_empty(), "{ending}");
        assert_eq!(values(&same, ending), values(&first, ending), "{ending}");
    }
    // Steps belong to their number of bits, scales to their granularity.
    assert_eq!(values(&wider, ".scales"), values(&first, ".scales"));
    assert!(values(&wider, ".step").iter().all(|step| *step == 0.0));
    assert_eq!(values(&layer, ".step"), values(&first, ".step"));
    assert!(values(&layer, ".scales").iter().all(|scale| *scale > 0.0));
}

#[test]
fn a_further_stage_makes_first_and_last_layers_8_bit() {
    let folder = tempfile::tempdir().unwrap();
    let [float, first, second, third, wider, back] =
        ["float", "first", "second", "third", "wider", "back"].map(|name| folder.path().join(name));
    run(&config(FLOAT, SGD, 2, None), &float, Start::New, Some(4));
    let stage = |network: &str, from: &Path, to: &Path, until: u64| {
        run(&config(network, ADAM, 2, Some(&from.join(CHECKPOINT))), to, Start::New, Some(until));
    };
    stage(TERNARY, &float, &first, 4);
    stage(INTEGER, &first, &second, 0);
    for ending in [".scales", ".weight", ".gamma"] {
        assert_eq!(values(&second, ending), values(&first, ending), "{ending}");
    }
    // Two shortcuts and the last layer got quantizers of their own, which wait for the first batch.
    let (steps, before) = (values(&second, ".step"), values(&first, ".step"));
    let known: Vec<f32> = steps.iter().copied().filter(|step| *step != 0.0).collect();
    assert_eq!((known, steps.len()), (before.clone(), before.len() + 3));
    stage(INTEGER, &first, &third, 4);
    assert!(values(&third, ".step").iter().all(|step| *step > 0.0));
    // With other bits between, theirs are still 8.
    stage(&INTEGER.replace("bits = 2", "bits = 4"), &third, &wider, 0);
    assert_eq!(values(&wider, ".step").iter().filter(|step| **step != 0.0).count(), 3);
    stage(TERNARY, &third, &back, 0);
    assert_eq!(values(&back, ".step").len(), before.len());
    let picture = export(&third.join(CHECKPOINT)).unwrap().0.network.layers[0].op.clone();
    let bound = data().normalization().unwrap().bound();
    let (bits, range) = (BitWidth::Eight, ActivationRange::Symmetric(bound));
    assert_eq!(picture, Op::Quantize(ActivationQuantizer { bits, range }));
}

#[test]
fn a_folder_that_holds_a_run_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(FLOAT, SGD, 1, None);
    run(&config, folder.path(), Start::New, Some(1));
    assert!(Run::open(config.clone(), folder.path(), data(), Start::New).is_err());
    let mut other = config;
    other.train.learning_rate = 0.5;
    assert!(Run::open(other, folder.path(), data(), Start::Resume).is_err());
}
