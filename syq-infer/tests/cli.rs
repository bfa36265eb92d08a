//! The `syq` command as a program: what it prints where, and how it ends.
#![cfg(feature = "cli")]
#![allow(clippy::print_stderr, reason = "a skipped instruction set is said aloud")]

use serde_json::Value;
use std::io::Read;
use syq_infer::{Isa, builtin};
use syq_pack::Model;

mod common;

use common::{Ran, command, file, finish, fixture, syq, text};

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
