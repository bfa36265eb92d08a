//! The `syq` command as a program: what it prints where, and how it ends.
#![cfg(feature = "cli")]
#![allow(clippy::print_stderr, reason = "a skipped instruction set is said aloud")]

use serde_json::Value;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use syq_core::{ActivationQuantizer, ActivationRange, BitWidth, Codebook, Granularity};
use syq_infer::builtin::BUILTIN;
use syq_infer::{Isa, builtin};
use syq_pack::zoo::{Architecture, FirstLast, Scheme};
use syq_pack::{Golden, Model};
use tempfile::TempDir;

/// What a run of `syq` left behind.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    /// The JSON objects of a `--jsonl` run.
    fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syq"));
    command.args(arguments).env_remove("SYQ_ISA").env_remove("SYQ_THREADS");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command; nothing may ever panic.
fn finish(mut command: Command, stdin: &[u8]) -> Ran {
    let mut child = command.spawn().unwrap();
    // A program that ends before it reads closes the pipe.
    drop(child.stdin.take().unwrap().write_all(stdin));
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(!err.contains("panicked"), "{command:?}: {err}");
    Ran { code: output.status.code().expect("an exit code, not a signal"), out, err }
}

fn syq(arguments: &[&str]) -> Ran {
    finish(command(arguments), b"")
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures").join(name)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A file in a folder of the test's own.
fn file(folder: &TempDir, name: &str, bytes: &[u8]) -> String {
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    text(&path).to_owned()
}

/// A PNG whose header asks for 50,000 × 50,000 pixels and that has none.
fn huge_png() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 50_000, 50_000);
    encoder.set_color(png::ColorType::Rgb);
    drop(encoder.write_header().unwrap());
    bytes
}

#[test]
fn jsonl_keeps_the_order_and_goes_on_after_errors() {
    let folder = tempfile::tempdir().unwrap();
    let jpeg = std::fs::read(fixture("baseline.jpg")).unwrap();
    let bad = [
        (file(&folder, "empty.jpg", b""), "empty"),
        (file(&folder, "cut.jpg", &jpeg[..jpeg.len() / 2]), "truncated"),
        (file(&folder, "text.png", b"hello, world\n"), "neither a JPEG nor a PNG"),
        (file(&folder, "huge.png", &huge_png()), "too many"),
        (text(&folder.path().join("missing.jpg")).to_owned(), "No such file"),
    ];
    let good = ["one_pixel.png", "one_pixel.jpg", "grey.jpg", "grey16.png", "alpha.png", "cmyk.jpg", "palette.png"];
    let good = good.map(|name| text(&fixture(name)).to_owned());
    // Bad and good ones in turn.
    let paths: Vec<&str> = (0..7).flat_map(|i| bad.get(i).map(|b| &*b.0).into_iter().chain([&*good[i]])).collect();
    let ran = syq(&[&["classify", "--jsonl"][..], &paths].concat());
    assert_eq!(ran.code, 1);
    let lines = ran.lines();
    assert_eq!(lines.iter().map(|line| line["file"].as_str().unwrap()).collect::<Vec<_>>(), paths);
    let model = Model::from_bytes(builtin()).unwrap();
    for line in &lines {
        assert_eq!(line["schema"], "syq.classify/1");
        let path = line["file"].as_str().unwrap();
        if let Some((_, message)) = bad.iter().find(|(bad, _)| bad == path) {
            let error = line["error"].as_str().unwrap();
            assert!(error.contains(message), "{path}: {error}");
            assert!(line.get("top").is_none());
            assert!(ran.err.contains(&format!("syq: {path}: {error}\n")), "{}", ran.err);
            continue;
        }
        assert!(line.get("error").is_none(), "{line}");
        let top = line["top"].as_array().unwrap();
        assert_eq!(top.len(), 5);
        for pair in top.windows(2) {
            assert!(pair[0]["logit"].as_f64() >= pair[1]["logit"].as_f64(), "{line}");
            assert!(pair[0]["prob"].as_f64() >= pair[1]["prob"].as_f64(), "{line}");
        }
        for class in top {
            assert_eq!(class["label"], *model.labels[class["index"].as_u64().unwrap() as usize]);
            assert!((0.0..=1.0).contains(&class["prob"].as_f64().unwrap()));
        }
        assert_eq!(line["model"]["name"], "resnet20");
        assert_eq!(line["model"]["sha256"], syq_pack::digest(builtin()));
        assert_eq!(line["isa"], Isa::detect().name());
        assert!(line["threads"].as_u64().unwrap() >= 1);
        assert!(["decode", "preprocess", "infer"].iter().all(|part| line["ms"][part].as_f64().unwrap() >= 0.0));
    }
    assert_eq!(ran.err.lines().count(), bad.len());
    assert_eq!(syq(&["classify", &bad[0].0]).out, "");
}

#[test]
fn logits_are_the_library_s() {
    let path = fixture("rgb.png");
    let bytes = std::fs::read(&path).unwrap();
    let picture = syq_infer::picture::decode(&bytes, &Default::default()).unwrap();
    let mut session = syq_infer::Session::from_bytes(builtin(), Default::default()).unwrap();
    let logits = session.run_picture(picture.view()).unwrap();
    let ran = syq(&["classify", "--json", "--top-k", "10", text(&path)]);
    let record = &ran.json()[0];
    for class in record["top"].as_array().unwrap() {
        let logit = class["logit"].as_f64().unwrap() as f32;
        assert_eq!(logit.to_bits(), logits[class["index"].as_u64().unwrap() as usize].to_bits());
    }
}

#[test]
fn every_instruction_set_and_thread_count_prints_the_same() {
    let fixtures = fixture("");
    let picture_lines = |ran: Ran| {
        let mut lines = ran.lines();
        for line in &mut lines {
            let line = line.as_object_mut().unwrap();
            let _ = (line.remove("ms"), line.remove("isa"), line.remove("threads"));
        }
        lines
    };
    let arguments = ["classify", "--jsonl", text(&fixtures)];
    let expected = picture_lines(syq(&arguments));
    assert!(expected.len() > 10, "the folder's pictures");
    for isa in Isa::ALL {
        if !isa.is_available() {
            eprintln!("skipped: this machine has no {isa}");
            continue;
        }
        for threads in ["1", "2"] {
            let flags = ["--isa", isa.name(), "--threads", threads];
            let ran = syq(&[&arguments[..], &flags[..]].concat());
            assert!(ran.lines().iter().all(|line| line["isa"] == isa.name()));
            assert_eq!(picture_lines(ran), expected, "{isa}, {threads} threads");
        }
        let mut twin = command(&arguments);
        twin.env("SYQ_ISA", isa.name()).env("SYQ_THREADS", "2");
        let lines = finish(twin, b"").lines();
        assert!(lines.iter().all(|line| line["isa"] == isa.name() && line["threads"] == 2));
    }
}

#[test]
fn stdin_folders_tables_and_top_k() {
    let picture = std::fs::read(fixture("rgb.png")).unwrap();
    let piped = finish(command(&["classify", "--jsonl", "-"]), &picture);
    let named = syq(&["classify", "--jsonl", text(&fixture("rgb.png"))]);
    assert_eq!((piped.code, &piped.lines()[0]["file"]), (0, &Value::from("-")));
    assert_eq!(piped.lines()[0]["top"], named.lines()[0]["top"]);
    assert_eq!(finish(command(&["classify", "-"]), b"").code, 1);

    let all = syq(&["classify", "--json", "--top-k", "1000", text(&fixture("rgb.png"))]);
    assert_eq!(all.json()[0]["top"].as_array().unwrap().len(), 10);

    let folder = tempfile::tempdir().unwrap();
    let b = file(&folder, "b.png", &picture);
    let a = file(&folder, "deep/a.PNG", &picture);
    file(&folder, "notes.txt", b"no picture");
    let table = syq(&["classify", "--top-k", "3", text(folder.path())]);
    let lines: Vec<&str> = table.out.lines().collect();
    assert_eq!((table.code, lines.len(), lines[0], lines[4]), (0, 8, &*b, &*a));
    assert!(lines[1].contains(" %  ") && lines[1].trim_start().starts_with('1'), "{}", lines[1]);
    let empty = tempfile::tempdir().unwrap();
    let none = syq(&["classify", "--json", text(empty.path())]);
    assert_eq!((none.code, none.json()[0]["file"].as_str()), (1, Some(text(empty.path()))));
}

#[test]
fn wrong_usage_is_2() {
    let picture = fixture("rgb.png");
    let picture = text(&picture);
    let cases: [(&[&str], &str); 9] = [
        (&[], "Usage"),
        (&["paint"], "paint"),
        (&["classify"], "PATH"),
        (&["classify", "--top-k", "0", picture], "--top-k"),
        (&["classify", "--json", "--jsonl", picture], "--jsonl"),
        (&["classify", "--threads", "many", picture], "--threads"),
        (&["classify", "--threads", "1000000", picture], "1024"),
        (&["classify", "--isa", "mmx", picture], "portable"),
        (&["eval", "/nonexistent"], "/nonexistent"),
    ];
    for (arguments, message) in cases {
        let ran = syq(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(message), "{arguments:?}: {}", ran.err);
    }
    let mut absent = command(&["info"]);
    absent.env("SYQ_ISA", if cfg!(target_arch = "aarch64") { "avx2" } else { "neon" });
    let absent = finish(absent, b"");
    assert!(absent.code == 2 && absent.err.contains("available here"), "{}", absent.err);
    assert_eq!(syq(&["--help"]).code, 0);
}

#[test]
fn an_invalid_model_is_3() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = builtin();
    let mut models = vec![
        file(&folder, "empty", b""),
        file(&folder, "text", b"hello, world\n"),
        text(&folder.path().join("missing")).to_owned(),
        text(folder.path()).to_owned(),
    ];
    for (index, end) in [7, 8, 100, bytes.len() / 2, bytes.len() - 1].into_iter().enumerate() {
        models.push(file(&folder, &format!("cut{index}"), &bytes[..end]));
    }
    for index in 0..12 {
        let mut flipped = bytes.to_vec();
        let at = index * (bytes.len() - 1) / 11;
        flipped[at] ^= 1 << (index % 8);
        models.push(file(&folder, &format!("flipped{at}"), &flipped));
    }
    let picture = fixture("rgb.png");
    for (index, model) in models.iter().enumerate() {
        let arguments: &[&str] = match index % 4 {
            0 => &["classify", "--jsonl", text(&picture)],
            1 => &["info", "--json"],
            2 => &["verify"],
            _ => &["eval", text(folder.path())],
        };
        let ran = syq(&[arguments, &["--model", model.as_str()][..]].concat());
        assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{model}: {}", ran.err);
        assert!(ran.err.starts_with(&format!("syq: {model}: ")), "{}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    }
}

#[test]
fn eval_counts() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["rgb.png", "grey.png", "baseline.jpg", "palette.png", "one_pixel.png"];
    let (mut top1, mut top5) = (0, 0);
    for (index, name) in names.iter().enumerate() {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let ran = syq(&["classify", "--jsonl", text(&fixture(name))]);
        let top: Vec<String> =
            ran.lines()[0]["top"].as_array().unwrap().iter().map(|c| c["label"].as_str().unwrap().to_owned()).collect();
        // In turn of the likeliest class, of the third and of one beyond the fifth.
        let all = Model::from_bytes(builtin()).unwrap().labels;
        let beyond = all.iter().find(|label| !top.contains(label)).unwrap();
        let class = [&top[0], &top[2], beyond][index % 3];
        file(&folder, &format!("{class}/{name}"), &bytes);
        top1 += u64::from(index % 3 == 0);
        top5 += u64::from(index % 3 < 2);
    }
    let ran = syq(&["eval", "--json", text(folder.path())]);
    let report = ran.json();
    assert_eq!((ran.code, &report["schema"]), (0, &Value::from("syq.eval/1")));
    for (name, right) in [("top1", top1), ("top5", top5)] {
        assert_eq!(report[name], serde_json::json!({ "right": right, "total": 5 }));
    }
    // A model whose labels are others than the folders it was trained on counts the same.
    let mut model = Model::from_bytes(builtin()).unwrap();
    model.origin.class_folders = model.labels.iter().map(|label| format!("the {label}")).collect();
    std::mem::swap(&mut model.origin.class_folders, &mut model.labels);
    let other = tempfile::tempdir().unwrap();
    let renamed = file(&other, "renamed.safetensors", &model.to_bytes().unwrap());
    let again = syq(&["eval", "--json", "--model", &renamed, text(folder.path())]);
    assert_eq!((again.code, &again.json()["top5"]), (0, &report["top5"]), "{}", again.err);
    let table = syq(&["eval", "--threads", "1", text(folder.path())]);
    assert!(table.out.contains(&format!("{top1} of 5\n")) && table.out.contains(&format!("{top5} of 5\n")));

    let bad = file(&folder, "ship/bad.png", b"not a picture");
    let ran = syq(&["eval", "--json", text(folder.path())]);
    assert_eq!((ran.code, &ran.json()["failed"][0]["file"]), (1, &Value::from(&*bad)));
    assert_eq!(ran.json()["top1"]["total"], 5);
    assert!(ran.err.contains(&format!("syq: {bad}: neither")), "{}", ran.err);

    file(&folder, "zebra/a.png", b"");
    let ran = syq(&["eval", text(folder.path())]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("\"zebra\"") && ran.err.contains("\"airplane\""), "{}", ran.err);
}

#[test]
fn info_and_verify_describe_eight_bit_layers() {
    let folder = TempDir::new().unwrap();
    let activation = ActivationQuantizer { bits: BitWidth::Two, range: ActivationRange::Learned };
    let (codebook, granularity, first_last) = (Codebook::Binary, Granularity::Pixel, FirstLast::EIGHT_BIT);
    let scheme = Scheme::Quantized { codebook, granularity, activation, first_last };
    let mut model = Model::random(Architecture::ResNet20.build(scheme, 32, 10), 1).unwrap();
    let logits = syq_pack::reference::logits(&model, &Golden::input(model.network.input, 3)).unwrap();
    model.golden = Some(Golden::new(model.network.input, 3, &logits));
    let path = file(&folder, "eight.safetensors", &model.to_bytes().unwrap());
    let info = syq(&["info", "--json", "--model", &path]);
    assert_eq!((info.code, info.err.as_str()), (0, ""));
    let json = info.json();
    let layers = json["layers"].as_array().unwrap();
    let eight: Vec<&Value> = layers.iter().filter(|layer| layer["codebook"] == "int8").collect();
    let names: Vec<&str> = eight.iter().map(|layer| layer["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["conv1", "layer2.0.downsample.0", "layer3.0.downsample.0", "fc"]);
    for layer in eight {
        assert_eq!((&layer["granularity"], &layer["weight_bits"]), (&"filter".into(), &8.into()));
        assert_eq!((&layer["activation_bits"], &layer["float_because"]), (&8.into(), &Value::Null));
        let kernel = if Isa::detect() == Isa::Avx2 { "int16_w8" } else { "int8_w8" };
        assert_eq!(layer["kernel"], format!("{kernel}_{}", Isa::detect()));
        let filters = layer["output"][2].as_u64().unwrap();
        assert_eq!(layer["weight_bytes"].as_u64().unwrap(), layer["weights"].as_u64().unwrap() + 4 * filters);
    }
    assert_eq!(json["totals"]["macs"], json["totals"]["quantized_macs"]);
    assert!(syq(&["info", "--model", &path]).out.contains("int8 filter"));
    let verify = syq(&["verify", "--model", &path]);
    assert!(verify.code == 0 && verify.out.contains("exact"), "{} {}", verify.out, verify.err);
}

#[test]
fn built_in_networks_have_names() {
    let picture = fixture("rgb.png");
    let top = |arguments: &[&str]| {
        let ran = syq(&[&["classify", "--json", text(&picture)][..], arguments].concat());
        serde_json::from_str::<serde_json::Value>(&ran.out).unwrap()[0]["top"].clone()
    };
    assert_eq!(top(&[]), top(&["--model", BUILTIN[0].name()]));
    for network in &BUILTIN {
        let ran = syq(&["info", "--model", network.name()]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(syq(&["classify", "--help"]).out.contains(network.name()));
    }
    let ran = syq(&["info", "--model", "no-such-network"]);
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains(BUILTIN[0].name()), "{}", ran.err);
}

#[test]
fn info_and_verify_describe_the_built_in_model() {
    let info = syq(&["info", "--json"]);
    let json = info.json();
    assert_eq!((info.code, &json["sha256"]), (0, &Value::from(syq_pack::digest(builtin()))));
    assert_eq!(json["bytes"], builtin().len());
    let layers = json["layers"].as_array().unwrap();
    let reasons: Vec<&str> = layers.iter().filter_map(|layer| layer["float_because"].as_str()).collect();
    assert_eq!(reasons, ["first layer", "1x1 shortcut", "1x1 shortcut", "last layer"]);
    let quantized: Vec<&Value> = layers.iter().filter(|layer| layer["codebook"] == "ternary").collect();
    assert_eq!(quantized.len(), 18);
    for layer in quantized {
        assert_eq!((&layer["granularity"], &layer["weight_bits"]), (&"pixel".into(), &2.into()));
        assert_eq!(layer["activation_bits"], 2);
        let kernel = layer["kernel"].as_str().unwrap();
        assert!(kernel.ends_with(Isa::detect().name()), "{kernel}");
    }
    let bits = json["totals"]["bits_per_quantized_weight"].as_f64().unwrap();
    assert!((2.0..2.1).contains(&bits), "{bits}");
    assert!(json["totals"]["bits_per_weight"].as_f64().unwrap() > bits);
    // The layers' parameters are all that stands behind the header.
    let header = 8 + u64::from_le_bytes(*builtin().first_chunk().unwrap());
    assert_eq!(json["totals"]["bytes"], builtin().len() as u64 - header);
    assert!(json["memory"]["peak"].as_u64() > json["memory"]["one_picture"].as_u64());
    let table = syq(&["info"]);
    assert!(table.code == 0 && table.out.contains("1x1 shortcut") && table.out.contains("layer3.2.conv2"));
}

#[test]
fn a_model_without_a_recipe_takes_no_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = Model::from_bytes(builtin()).unwrap();
    model.preprocess = None;
    let tensors = file(&folder, "tensors", &model.to_bytes().unwrap());
    assert_eq!(syq(&["classify", "--model", &tensors, text(&fixture("rgb.png"))]).code, 3);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let picture = fixture("rgb.png");
    let arguments = [&["classify", "--jsonl"][..], &vec![text(&picture); 400]].concat();
    let mut child = command(&arguments).spawn().unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}
