//! A C program, compiled and linked as a user does it, statically and dynamically: its answers are the Rust library's
//! to the last bit, and valgrind finds nothing wrong with it. What this machine has no tool for is said aloud.
#![allow(clippy::print_stderr, reason = "a check that cannot be made is said aloud")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use syq_infer::picture::{PictureLimits, decode};
use syq_infer::topk::top_k;
use syq_infer::{Engine, builtin};
use syq_pack::Model;

/// What a static library in Rust needs of the system.
const SYSTEM: [&str; 3] = ["-lpthread", "-ldl", "-lm"];

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// The program `classify`, linked both ways, and the libraries.
struct Built {
    programs: [PathBuf; 2],
    dynamic: PathBuf,
}

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn infer(path: &str) -> PathBuf {
    package().parent().unwrap().join(path)
}

fn model() -> PathBuf {
    infer("models/cifar10-resnet20-w2a2.safetensors")
}

fn picture() -> PathBuf {
    infer("examples/pictures/cat.png")
}

/// The folder beside which cargo put this test: `debug`, `release` or another profile's.
fn profile() -> String {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).and_then(Path::file_name).unwrap().to_string_lossy().into_owned()
}

/// Where this test leaves what it makes.
fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("c_program-{}", profile()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn output(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs what must succeed, and gives its standard output.
fn run(command: &mut Command) -> String {
    let output = output(command);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    out
}

/// The tool that `variable` names, or else `name`, if it can be run.
fn tool(variable: &str, name: &str) -> Option<String> {
    let name = std::env::var(variable).unwrap_or_else(|_| name.to_owned());
    let runs = Command::new(&name).arg("--version").stdin(Stdio::null()).output().is_ok_and(|o| o.status.success());
    if !runs {
        eprintln!("skipped: no {name} on this machine");
    }
    runs.then_some(name)
}

/// The static and the dynamic library, as `cargo build -p syq-capi` makes them. Cargo does not make them for this test,
/// as nothing in Rust can link them; a folder where they were made already may be given in `SYQ_C_LIBRARIES`.
fn libraries() -> [PathBuf; 2] {
    if let Some(folder) = std::env::var_os("SYQ_C_LIBRARIES") {
        return ["a", std::env::consts::DLL_EXTENSION].map(|end| Path::new(&folder).join("libsyq").with_extension(end));
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let profile = profile();
    let profile = if profile == "debug" { "dev" } else { &profile };
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--package", "syq-capi", "--locked", "--offline", "--message-format", "json"]);
    cargo.args(["--profile", profile]).arg("--target-dir").arg(target).current_dir(package());
    let messages = run(&mut cargo);
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut artifacts = messages.filter(|message| message["target"]["name"] == "syq");
    let artifact = artifacts.next().unwrap();
    let files: Vec<&str> = artifact["filenames"].as_array().unwrap().iter().filter_map(|file| file.as_str()).collect();
    ["a", std::env::consts::DLL_EXTENSION].map(|extension| {
        let is_wanted = |file: &&&str| Path::new(file).extension().is_some_and(|found| found == extension);
        PathBuf::from(files.iter().find(is_wanted).unwrap_or_else(|| panic!("no .{extension} among {files:?}")))
    })
}

/// The program, built once; `None` without a C compiler.
fn built() -> Option<&'static Built> {
    static BUILT: OnceLock<Option<Built>> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let compiler = tool("CC", "cc")?;
            let [archive, dynamic] = libraries();
            let programs = ["static", "dynamic"].map(|linked| {
                let program = folder().join(linked);
                let mut cc = Command::new(&compiler);
                cc.args(["-std=c99", "-O1", "-g"]).args(WARNINGS).arg("-I").arg(package().join("include"));
                cc.args(["classify.c", "selftest.c"].map(|file| package().join("examples").join(file)));
                if linked == "static" {
                    cc.arg(&archive).args(SYSTEM);
                } else {
                    let folder = dynamic.parent().unwrap();
                    // Of the two libraries in the folder the linker prefers the dynamic one.
                    cc.arg("-L").arg(folder).args(["-lsyq", "-lpthread"]);
                    cc.arg(format!("-Wl,-rpath,{}", folder.display()));
                }
                run(cc.arg("-o").arg(&program));
                program
            });
            Some(Built { programs, dynamic })
        })
        .as_ref()
}

/// What the program has to print of a picture, from the Rust library.
fn expected(picture: &Path) -> String {
    let mut session = Engine::from_bytes(builtin(), None).unwrap().session(1).unwrap();
    let decoded = decode(&std::fs::read(picture).unwrap(), &PictureLimits::default()).unwrap();
    let logits = session.run_picture(decoded.view()).unwrap();
    let mut lines = format!("{}\n", picture.display());
    for (rank, class) in top_k(&logits, 3).into_iter().enumerate() {
        let (label, bits) = (&session.labels()[class.index], class.probability.to_bits());
        writeln!(lines, "{:>4}  {:6.2} %  {label}  {bits:016x}", rank + 1, 100.0 * class.probability).unwrap();
    }
    for (index, logit) in logits.iter().enumerate() {
        writeln!(lines, "{index:>4}  {:08x}  {logit}", logit.to_bits()).unwrap();
    }
    lines
}

/// The program's text with its numbers in full, which C and Rust write differently, brought to one form.
fn canonical(printed: &str) -> String {
    let mut lines = String::new();
    for line in printed.lines() {
        let (before, last) = line.rsplit_once("  ").unwrap_or((line, ""));
        match (last.parse::<f64>(), last.parse::<f32>()) {
            (Ok(probability), _) if before.contains('%') => {
                writeln!(lines, "{before}  {:016x}", probability.to_bits()).unwrap();
            }
            (_, Ok(logit)) => writeln!(lines, "{before}  {logit}").unwrap(),
            _ => writeln!(lines, "{line}").unwrap(),
        }
    }
    lines
}

#[test]
fn a_c_program_gives_the_librarys_answers_to_the_last_bit() {
    let Some(built) = built() else { return };
    let pictures = [
        picture(),
        infer("examples/pictures/ship.png"),
        infer("examples/pictures/springer.jpg"),
        infer("tests/fixtures/pictures/progressive.jpg"),
        infer("tests/fixtures/pictures/grey16.png"),
        infer("tests/fixtures/pictures/one_pixel.png"),
    ];
    for picture in &pictures {
        let expected = expected(picture);
        for program in &built.programs {
            for threads in ["1", "2", "0"] {
                let mut classify = Command::new(program);
                classify.args(["--threads", threads, "--logits"]);
                let with_file = run(classify.arg(model()).arg(picture));
                assert_eq!(canonical(&with_file), expected, "{program:?}, {threads} threads");
                let mut classify = Command::new(program);
                let built_in = run(classify.args(["--threads", threads, "--logits"]).arg(picture));
                assert_eq!(built_in, with_file);
            }
        }
    }
    // As `syq classify` prints it, and nothing else.
    let plain = run(Command::new(&built.programs[0]).arg(picture()));
    let cat = "   1  100.00 %  cat\n   2    0.00 %  dog\n   3    0.00 %  bird\n";
    assert_eq!(plain, format!("{}\n{cat}", picture().display()));
}

#[test]
fn a_c_program_that_misuses_the_interface_gets_statuses() {
    let Some(built) = built() else { return };
    for program in &built.programs {
        for threads in ["1", "2", "0"] {
            let mut selftest = Command::new(program);
            selftest.args(["--threads", threads, "--selftest"]).arg(model()).arg(picture());
            let said = run(&mut selftest);
            let isa = syq_infer::Isa::detect();
            assert_eq!(said, format!("selftest passed: {isa}, {threads} threads\n"));
        }
    }
}

#[test]
fn errors_are_told_in_words() {
    let Some(built) = built() else { return };
    let mut without_recipe = Model::from_bytes(builtin()).unwrap();
    without_recipe.preprocess = None;
    let tensors_alone = folder().join("tensors-alone.safetensors");
    without_recipe.write(&tensors_alone).unwrap();
    let missing = folder().join("missing.png");
    let recipe = "the model has no preprocessing recipe: it takes tensors, not pictures";
    for (arguments, words) in [
        (vec![&tensors_alone, &picture()], format!("classify: {}: {recipe}\n", picture().display())),
        (vec![&missing], format!("classify: cannot read {}\n", missing.display())),
        (
            vec![&missing, &picture()],
            format!("classify: the model: {}: No such file or directory (os error 2)\n", missing.display()),
        ),
        (vec![&model()], format!("classify: {}: neither a JPEG nor a PNG\n", model().display())),
    ] {
        let output = output(Command::new(&built.programs[0]).args(arguments));
        assert_eq!((output.status.code(), text(&output.stdout), text(&output.stderr)), (Some(1), String::new(), words));
    }
}

#[test]
fn valgrind_finds_nothing() {
    let Some(built) = built() else { return };
    let Some(valgrind) = tool("VALGRIND", "valgrind") else { return };
    for (program, threads) in built.programs.iter().zip(["1", "2"]) {
        let mut selftest = Command::new(&valgrind);
        // Threads that are still ending when the program does make their stacks "possibly" lost.
        selftest.args(["--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect"]);
        selftest.arg(program).args(["--threads", threads, "--selftest"]).arg(model()).arg(picture());
        let output = output(&mut selftest);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success() && out.starts_with("selftest passed: "), "{}\n{out}\n{err}", output.status);
        let summary = err.lines().find(|line| line.contains("ERROR SUMMARY")).unwrap_or_default();
        eprintln!("{}: {summary}", out.trim_end());
    }
}

#[test]
fn the_header_is_cpp_too() {
    let Some(compiler) = tool("CXX", "c++") else { return };
    let header = package().join("include/syq.h");
    run(Command::new(compiler).args(["-x", "c++", "-std=c++11", "-fsyntax-only"]).args(WARNINGS).arg(header));
}

#[test]
fn the_dynamic_library_exports_its_interface_alone() {
    let (Some(built), Some(nm)) = (built(), tool("NM", "nm")) else { return };
    let names = run(Command::new(nm).args(["--dynamic", "--defined-only", "--format=posix"]).arg(&built.dynamic));
    let header = std::fs::read_to_string(package().join("include/syq.h")).unwrap();
    for name in names.lines().map(|line| line.split(' ').next().unwrap_or_default()) {
        assert!(name.starts_with("syq_") && header.contains(&format!("{name}(")), "{name}");
    }
    assert!(names.lines().count() > 15, "{names}");
}
