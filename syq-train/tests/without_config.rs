//! A folder of pictures trains, is quantized and exported without a configuration file.

use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use syq_train::checkpoint::Checkpoint;
use syq_train::config::{Config, NormalizationConfig, Weights};
use syq_train::run::{BEST, CHECKPOINT, CONFIG, RunMetadata};

/// Three classes of 24 pictures each, of odd sizes, a third of them grey, and a file that is no picture.
fn pictures(at: &Path) -> PathBuf {
    let folder = at.join("pictures");
    for class in 0..3u8 {
        let folder = folder.join(format!("class{class}"));
        std::fs::create_dir_all(&folder).unwrap();
        for index in 0..24u32 {
            let (width, height) = (11 + index % 7 * 5, 37 - index);
            let value = |x: u32, y: u32| (x * 7 + y * 3 + index * 5 + u32::from(class) * 80) as u8;
            let picture: DynamicImage = if index % 3 == 0 {
                GrayImage::from_fn(width, height, |x, y| Luma([value(x, y)])).into()
            } else {
                RgbImage::from_fn(width, height, |x, y| Rgb([value(x, y), value(y, x), class * 100])).into()
            };
            picture.save(folder.join(format!("{index:02}.png"))).unwrap();
        }
    }
    std::fs::write(folder.join("class1/broken.png"), b"\x89PNG\r\n\x1a\nrest").unwrap();
    folder
}

fn train(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syq-train"));
    command.args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn works(arguments: &[&str]) -> String {
    let output = train(arguments);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}");
    text
}

fn fails(arguments: &[&str], says: &str) {
    let output = train(arguments);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains(says), "{arguments:?}: {text}");
}

fn metadata(run: &Path) -> RunMetadata {
    Checkpoint::read(&run.join(CHECKPOINT)).unwrap().metadata
}

#[test]
fn a_folder_trains_quantizes_and_exports_with_a_command_each() {
    let place = tempfile::tempdir().unwrap();
    let pictures = pictures(place.path());
    let path = |name: &str| place.path().join(name).display().to_string();
    let (data, float, quantized) = (pictures.display().to_string(), path("float"), path("w2a2"));
    let first =
        ["float", "--data", &data, "--net", "resnet20", "--image-size", "16", "--epochs", "2", "--threads", "1"];
    let said = works(&[&first[..], &["--out", &float, "--stop-after", "3"]].concat());
    assert!(said.contains("broken.png is left out") && said.contains("72 training images of 3 classes"), "{said}");
    assert!(said.contains("66 to train on, 6 held out"), "{said}");
    works(&[&first[..], &["--out", &float, "--resume"]].concat());
    // Never stopped, it ends in the same bytes.
    works(&[&first[..], &["--out", &path("whole")]].concat());
    let bytes = |run: &str| std::fs::read(Path::new(run).join(CHECKPOINT)).unwrap();
    assert!(bytes(&float) == bytes(&path("whole")));

    // What stands in the run's folder is what was trained, and trains the same again.
    let float = PathBuf::from(float);
    let trained = metadata(&float);
    assert_eq!(Config::read(&float.join(CONFIG)).unwrap(), trained.config);
    assert_eq!((trained.config.network.weights, trained.config.data.validation), (Weights::Float, 0.1));
    assert_eq!((trained.config.train.epochs, trained.config.train.batch, trained.step), (2, 8, 16));
    let (config, again) = (float.join(CONFIG).display().to_string(), path("again"));
    works(&["float", "--config", &config, "--out", &again]);
    assert!(bytes(&float.display().to_string()) == bytes(&again));

    let init = float.display().to_string();
    let scheme = ["--weights", "binary", "--acts", "4", "--granularity", "row"];
    let quantize = ["quantize", "--init", &init, "--out", &quantized, "--epochs", "1", "--threads", "1"];
    works(&[&quantize[..], &scheme].concat());
    let quantized = PathBuf::from(quantized);
    let made = metadata(&quantized);
    assert_eq!(Config::read(&quantized.join(CONFIG)).unwrap(), made.config);
    let network = &made.config.network;
    assert_eq!((network.weights, network.activation_bits.map(u32::from)), (Weights::Binary, Some(4)));
    assert_eq!(network.granularity, Some(syq_core::Granularity::Row));
    // Pictures, normalisation and held-out images are the float run's.
    let [mean, std] = trained.normalization;
    assert_eq!(made.config.data.normalization, Some(NormalizationConfig { mean, std }));
    assert_eq!((made.normalization, made.config.train.seed), (trained.normalization, trained.config.train.seed));
    assert_eq!((&made.config.data.train, made.config.data.image_size), (&pictures, Some(16)));
    assert!(quantized.join(BEST).exists() || made.best == 0);

    let model = path("model.safetensors");
    let run = quantized.display().to_string();
    works(&["export", &run, "--out", &model, "--test", &data]);
    let model = syq_pack::Model::read(Path::new(&model)).unwrap();
    assert_eq!((model.labels.len(), model.origin.top1.unwrap().total), (3, 72));
}

#[test]
fn the_defaults_are_ternary_weights_pixel_wise_and_two_bits() {
    let place = tempfile::tempdir().unwrap();
    let data = pictures(place.path()).display().to_string();
    let path = |name: &str| place.path().join(name).display().to_string();
    let test = ["--test", &data, "--image-size", "8", "--threads", "1"];
    let float = ["float", "--data", &data, "--net", "vgg-small", "--out", &path("float"), "--stop-after", "1"];
    works(&[&float[..], &test].concat());
    let config = metadata(Path::new(&path("float"))).config;
    // With test images nothing is held out.
    assert_eq!((config.data.validation, config.data.test), (0.0, Some(data.clone().into())));
    works(&["quantize", "--init", &path("float"), "--out", &path("w2a2"), "--stop-after", "1"]);
    let network = metadata(Path::new(&path("w2a2"))).config.network;
    assert_eq!((network.weights, network.granularity), (Weights::Ternary, Some(syq_core::Granularity::Pixel)));
    assert_eq!(network.activation_bits.map(u32::from), Some(2));
}

#[test]
fn what_is_missing_or_contradicts_is_said() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("run").display().to_string();
    fails(&["float", "--out", &out], "give --config FILE, or --data FOLDER and --net NAME");
    fails(&["float", "--out", &out, "--data", "x"], "--net NAME");
    fails(&["quantize", "--out", &out], "--init RUN");
    fails(&["quantize", "--out", &out, "--init", "absent"], "absent");
    fails(&["quantize", "--out", &out, "--init", "x", "--acts", "5"], "5 activation bits");
    fails(&["float", "--out", &out, "--data", "x", "--net", "resnet21"], "resnet20");
    fails(&["float", "--out", &out, "--config", "c", "--net", "resnet20"], "cannot be used with");
    fails(&["quantize", "--out", &out, "--config", "c", "--weights", "binary"], "cannot be used with");
    fails(&["float", "--out", &out, "--data", "absent", "--net", "resnet20"], "absent");
    assert!(!Path::new(&out).exists());
}

#[test]
fn a_bench_tells_how_long_it_waits_for_pictures() {
    let place = tempfile::tempdir().unwrap();
    let data = pictures(place.path()).display().to_string();
    let out = place.path().join("run");
    let made = ["--image-size", "8", "--threads", "1", "--stop-after", "1"];
    works(&[&["float", "--data", &data, "--net", "resnet20", "--out", out.to_str().unwrap()][..], &made].concat());
    let config = out.join(CONFIG).display().to_string();
    let bench = ["bench", "--config", &config, "--steps", "12", "--warmup", "1"];
    let output = train(&[&bench[..], &["--json"]].concat());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let waiting = report["waiting_percent"].as_f64().unwrap();
    // Twelve steps begin an epoch of eight, whose first batch nobody has prepared.
    assert!(0.0 < waiting && waiting < 100.0, "{report}");
    assert_eq!((report["steps"].as_u64(), report["batch"].as_u64()), (Some(12), Some(8)));
    let output = train(&bench);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains(" % of the time waiting for the pictures; 1 threads"), "{text}");
}
