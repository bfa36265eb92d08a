//! The run that comes of an import: batch norms, the folder, the command, and training on from it.

use super::fixture::{Fixture, Stored, serialize};
use super::generator::uniform;
use safetensors::tensor::Dtype;
use std::path::Path;
use std::process::{Command, Output};
use syq_infer::{Session, SessionOptions};
use syq_pack::preprocess::{Filter, Resize};
use syq_pack::{LayerParameters, Model};
use syq_train::checkpoint::Checkpoint;
use syq_train::config::Config;
use syq_train::data::Dataset;
use syq_train::import::{Description, import_bytes};
use syq_train::run::{CHECKPOINT, Run, RunMetadata, Start, export_checkpoint};

fn model(content: &[u8], given: &Description) -> Model {
    export_checkpoint(import_bytes(content, "file", given).unwrap().checkpoint).unwrap().0
}

#[test]
fn batch_norms_keep_their_epsilon_and_take_biases_along() {
    let fixture = Fixture::read("resnet20");
    let mut tensors = fixture.state_dict();
    let tiny = [0.0, 1e-6, 1e-4, 1.0].repeat(4);
    tensors.insert("bn1.running_var".to_owned(), Stored::new(Dtype::F32, &[16], &tiny));
    let bias = uniform(1, "bias", 16, 0.0, 1.0);
    tensors.insert("conv1.bias".to_owned(), Stored::new(Dtype::F32, &[16], &bias));
    for epsilon in [1e-5, 1e-3] {
        let given = Description { batch_norm_epsilon: Some(epsilon), ..Description::default() };
        let model = model(&serialize(&tensors, Some(&fixture.description)), &given);
        let LayerParameters::BatchNorm { scale, offset } = &model.parameters["bn1"] else { panic!() };
        let [gamma, beta, mean] = ["weight", "bias", "running_mean"].map(|name| {
            let name = format!("bn1.{name}");
            super::generator::tensor(fixture.seed, &name, &[16])
        });
        for c in 0..16 {
            let expected = f64::from(gamma[c]) / (f64::from(tiny[c]) + epsilon).sqrt();
            let shift = f64::from(beta[c]) + (f64::from(bias[c]) - f64::from(mean[c])) * expected;
            assert!((f64::from(scale[c]) / expected - 1.0).abs() < 2e-7, "{epsilon}: channel {c}");
            assert!((f64::from(offset[c]) - shift).abs() < 3e-7 * expected.max(1.0), "{epsilon}: channel {c}");
        }
    }
}

fn syq_train(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_syq-train")).args(arguments).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_command_makes_a_run_that_is_exported() {
    let folder = tempfile::tempdir().unwrap();
    let [file, run, out, labels] =
        ["weights.safetensors", "run", "model.safetensors", "labels.txt"].map(|name| folder.path().join(name));
    let fixture = Fixture::read("resnet20-w2a2-pixel");
    std::fs::write(&file, serialize(&fixture.state_dict(), None)).unwrap();
    std::fs::write(&labels, ('a'..='j').map(|c| format!("{c}\n")).collect::<String>()).unwrap();
    let arguments = "--net resnet20 --weights ternary --acts 2 --granularity pixel --range learned --threshold 0.05 \
         --mean 0.4914,0.4822,0.4465 --std 0.247,0.2435,0.2616 --short-side 36 --filter pillow_bicubic --classes";
    let mut all = vec!["import", text(&file), "--out", text(&run)];
    all.extend(arguments.split_whitespace());
    all.push(text(&labels));
    let output = syq_train(&all);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("resnet20: ternary weights") && said.contains("10 classes, pictures of 32 pixels"), "{said}");
    assert!(output.stdout.is_empty());
    // What the folder's own configuration says is what the checkpoint says.
    let metadata = Checkpoint::<RunMetadata>::read(&run.join(CHECKPOINT)).unwrap().metadata;
    assert_eq!(Config::read(&run.join("config.toml")).unwrap(), metadata.config);
    // Once more into the same folder: refused.
    let output = syq_train(&all);
    assert!(!output.status.success() && String::from_utf8(output.stderr).unwrap().contains("holds a run already"));

    let output = syq_train(&["export", text(&run), "--out", text(&out)]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let model = Model::read(&out).unwrap();
    assert_eq!((model.labels[9].as_str(), model.origin.seed), ("j", None));
    assert_eq!(model.origin.recipe.as_deref(), Some("imported from weights.safetensors"));
    let preprocess = model.preprocess.clone().unwrap();
    assert_eq!(preprocess.resize, Resize::ShortSide { pixels: 36, filter: Filter::PillowBicubic });
    assert_eq!(preprocess.mean, [0.4914, 0.4822, 0.4465]);
    let logits =
        Session::new(&model, SessionOptions { threads: 1, isa: None }).unwrap().run(&fixture.pictures()).unwrap();
    let picks = |logits: &[f32]| (0..10).max_by(|a, b| logits[*a].total_cmp(&logits[*b]));
    for (found, expected) in logits.chunks(10).zip(&fixture.logits) {
        assert_eq!(picks(found), picks(expected));
    }
}

#[test]
fn the_command_lists_every_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let [file, run] = ["resnet18.safetensors", "run"].map(|name| folder.path().join(name));
    let mut tensors = Fixture::read("resnet20").state_dict();
    tensors.retain(|name, _| name.starts_with("conv1") || name.starts_with("layer1.0"));
    std::fs::write(&file, serialize(&tensors, None)).unwrap();
    let output = syq_train(&["import", text(&file), "--net", "resnet18", "--out", text(&run)]);
    assert!(!output.status.success() && !run.exists());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("resnet18.safetensors: the tensors are not those of resnet18: 91 missing, 11 different"),
        "{said}"
    );
    assert_eq!(said.matches("\n  missing ").count(), 91, "{said}");
    assert!(said.contains("different   conv1.weight: expected [64, 3, 7, 7], found [16, 3, 3, 3]"), "{said}");
}

#[test]
fn quantized_training_starts_from_an_import() {
    let folder = tempfile::tempdir().unwrap();
    let [float, out] = ["float", "quantized"].map(|name| folder.path().join(name));
    let fixture = Fixture::read("resnet20");
    let imported =
        import_bytes(&serialize(&fixture.state_dict(), Some(&fixture.description)), "file", &Description::default());
    imported.unwrap().write(&float).unwrap();
    let config = format!(
        "[network]\nname = \"resnet20\"\nweights = \"ternary\"\ngranularity = \"pixel\"\nactivation_bits = 2\n\
         [data]\nformat = \"folder\"\ntrain = \"unused\"\n\
         [train]\nseed = 1\nepochs = 1\nbatch = 10\nlearning_rate = 0.01\ninit = {:?}\n\
         optimizer = {{ sgd = {{ momentum = 0.9, kind = \"nesterov\" }} }}\nschedule = {{ cosine = {{}} }}\n",
        text(&float.join(CHECKPOINT))
    );
    let classes: Vec<String> = (0..10).map(|class| format!("class {class}")).collect();
    let pixels = (0..10 * 32 * 32 * 3).map(|i| (i * 7 % 251) as u8).collect();
    let data = Dataset::new([32, 32], classes, pixels, (0..10).collect()).unwrap();
    let run = Run::open(Config::from_toml_str(&config).unwrap(), &out, data, Start::New).unwrap();
    let state = run.graph().state();
    let there = super::generator::tensor(fixture.seed, "layer1.0.conv1.weight", &[16, 16, 3, 3]);
    // Filter 0, the kernel's first position, all channels.
    let first: Vec<f32> = there.iter().step_by(9).take(16).copied().collect();
    assert_eq!(state["layer1.0.conv1.weight"][..16], first);
    let mean = there.iter().step_by(9).map(|w| f64::from(w.abs())).sum::<f64>() / 256.0;
    assert!((f64::from(state["layer1.0.conv1.scales"][0]) - mean).abs() < 1e-7);
}
