//! What a run writes down beside its checkpoints, and the report that is made of it.

use std::path::{Path, PathBuf};
use std::process::Command;
use syq_pack::model::LayerParameters;
use syq_train::config::{Config, LogConfig, TensorBoardConfig};
use syq_train::data::Dataset;
use syq_train::metrics::Row;
use syq_train::metrics::histogram::HistogramLog;
use syq_train::metrics::layers::LayerLog;
use syq_train::report::{LayerSource, RunReport, Summary, page};
use syq_train::rng::{Purpose, Random};
use syq_train::run::{CHECKPOINT, HISTOGRAMS, LAYERS, METRICS, Observer, Progress, Run, Start, TENSORBOARD, export};

const SIZE: usize = 8;
/// Steps of an epoch.
const BATCHES: u64 = 2;

/// Noise around one colour a class.
fn data() -> Dataset {
    let mut random = Random::new(1, Purpose::Test, 0, 0);
    let labels: Vec<u32> = (0..24).map(|image| image % 3).collect();
    let pixels = labels
        .iter()
        .flat_map(|label| (0..SIZE * SIZE * 3).map(move |index| (index as u32 % 3 == *label, index)))
        .map(|(own, _)| if own { 150 } else { 60 } + random.below(90) as u8)
        .collect();
    Dataset::new([SIZE, SIZE], ["red", "green", "blue"].map(str::to_owned).to_vec(), pixels, labels).unwrap()
}

const FLOAT: &str = "weights = \"float\"";
const TERNARY: &str =
    "weights = \"ternary\"\ngranularity = \"pixel\"\nactivation_bits = 2\nactivation_range = \"learned\"";
const SGD: &str = "sgd = { momentum = 0.9, kind = \"nesterov\" }";
const ADAM: &str = "adam = { epsilon = 1e-5 }";

fn config(network: &str, optimizer: &str, init: Option<&Path>) -> Config {
    let init = init.map_or(String::new(), |path| format!("init = {:?}", path.display().to_string()));
    let text = format!(
        "[network]\nname = \"resnet20\"\n{network}\n\
         [data]\nformat = \"folder\"\ntrain = \"pictures <of> mine\"\nvalidation = 0.25\nimage_size = {SIZE}\n\
         [train]\nseed = 5\nepochs = 3\nbatch = 9\nthreads = 1\nprecision = \"f32\"\nlearning_rate = 0.01\n{init}\n\
         [train.optimizer]\n{optimizer}\n[train.schedule]\ncosine = {{}}\n[log]\ntensorboard = \"histograms\"\n"
    );
    Config::from_toml_str(&text).unwrap()
}

struct Silent;

impl Observer for Silent {
    fn step(&mut self, _: &Progress) {}
    fn epoch(&mut self, _: &Row) {}
}

fn run(config: &Config, folder: &Path, start: Start, until: Option<u64>) {
    Run::open(config.clone(), folder, data(), start).unwrap().train(until, &mut Silent).unwrap();
}

/// A float run in `folder`, and a ternary one that starts from it.
fn two_runs(folder: &Path) -> (PathBuf, PathBuf) {
    let [float, ternary] = ["float", "ternary"].map(|name| folder.join(name));
    run(&config(FLOAT, SGD, None), &float, Start::New, None);
    run(&config(TERNARY, ADAM, Some(&float.join(CHECKPOINT))), &ternary, Start::New, None);
    (float, ternary)
}

/// The events of a file without their times and, with these, their sums.
fn events(path: &Path) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(path).unwrap();
    let (mut events, mut rest) = (Vec::new(), bytes.as_slice());
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        let mut event = rest[12..12 + length].to_vec();
        assert_eq!(event[0], 0x09, "an event begins with its time");
        event[1..9].fill(0);
        events.push(event);
        rest = &rest[length + 16..];
    }
    events
}

#[test]
fn a_resumed_run_records_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (float, ternary) = two_runs(folder.path());
    let parts = folder.path().join("parts");
    let config = config(TERNARY, ADAM, Some(&float.join(CHECKPOINT)));
    // The middle of an epoch, its end, and a crash after the records of the last epoch were written.
    run(&config, &parts, Start::New, Some(1));
    run(&config, &parts, Start::Resume, Some(2));
    let checkpoint = std::fs::read(parts.join(CHECKPOINT)).unwrap();
    run(&config, &parts, Start::Resume, None);
    std::fs::write(parts.join(CHECKPOINT), checkpoint).unwrap();
    run(&config, &parts, Start::Resume, None);
    for name in [LAYERS, HISTOGRAMS, CHECKPOINT] {
        let bytes = |folder: &Path| std::fs::read(folder.join(name)).unwrap();
        assert!(bytes(&ternary) == bytes(&parts), "{name} differs");
    }
    // Speed is in both, so only what does not depend on the clock can be equal.
    let [whole, parts] = [&ternary, &parts].map(|folder| events(&folder.join(TENSORBOARD)));
    assert_eq!(whole.len(), parts.len());
    let equal = whole.iter().zip(&parts).filter(|(a, b)| a == b).count();
    assert_eq!(whole.len() - equal, 3, "the rows of the three epochs alone have a speed");
}

#[test]
fn the_log_may_change_in_a_resumed_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(FLOAT, SGD, None);
    run(&config, folder.path(), Start::New, Some(2));
    let before = events(&folder.path().join(TENSORBOARD)).len();
    config.log = LogConfig { tensorboard: TensorBoardConfig::Off };
    run(&config, folder.path(), Start::Resume, None);
    assert_eq!(events(&folder.path().join(TENSORBOARD)).len(), before);
}

#[test]
fn layers_are_recorded_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (float, ternary) = two_runs(folder.path());
    let rows = LayerLog::read(&ternary.join(LAYERS)).unwrap();
    // ResNet-20: 18 layers of nine scales, the first and the last layer and two shortcuts without.
    assert_eq!(rows.len(), 4 * (18 * 9 + 4));
    for row in &rows {
        let coded = row.layer.contains(".conv");
        assert_eq!(row.coded.is_some(), coded, "{}", row.layer);
        let Some(found) = row.coded else { continue };
        assert!((found.shares.iter().sum::<f64>() - 1.0).abs() < 1e-5);
        assert_eq!(row.activation_step.is_some(), row.step > 0, "the first batch sets the step");
        if row.step == 0 {
            let ratio = f64::from(found.scale) / row.mean_abs;
            assert!((ratio - 1.0).abs() < 1e-5, "a scale starts as mean |W| of its subgroup: {ratio}");
        }
    }
    let snapshots = HistogramLog::read(&ternary.join(HISTOGRAMS)).unwrap();
    assert_eq!(snapshots.iter().map(|s| s.step).collect::<Vec<_>>(), [0, 3 * BATCHES]);
    for layer in snapshots.iter().flat_map(|snapshot| &snapshot.layers) {
        assert_eq!(layer.weights.total(), layer.shape.iter().product::<usize>() as u64, "{}", layer.layer);
    }
    // The float network's weights at its end are the ternary one's at its beginning.
    let last = HistogramLog::read(&float.join(HISTOGRAMS)).unwrap().pop().unwrap();
    for (float, ternary) in last.layers.iter().zip(&snapshots[0].layers) {
        assert_eq!((&float.layer, &float.weights.counts), (&ternary.layer, &ternary.weights.counts));
    }
    assert!(LayerLog::read(&float.join(LAYERS)).unwrap().iter().all(|row| row.coded.is_none()));
}

#[test]
fn shares_are_those_of_the_exported_codes() {
    let folder = tempfile::tempdir().unwrap();
    let [float, plain, normalized] = ["float", "plain", "normalized"].map(|name| folder.path().join(name));
    run(&config(FLOAT, SGD, None), &float, Start::New, Some(BATCHES));
    let init = float.join(CHECKPOINT);
    run(&config(TERNARY, ADAM, Some(&init)), &plain, Start::New, None);
    let network = format!("{TERNARY}\nweight_normalization = \"filter\"\nthreshold = 0.2");
    run(&config(&network, ADAM, Some(&init)), &normalized, Start::New, None);
    for folder in [&plain, &normalized] {
        let (model, metadata) = export(&folder.join(CHECKPOINT)).unwrap();
        let rows = LayerLog::read(&folder.join(LAYERS)).unwrap();
        let mut layers = 0;
        for (name, parameters) in &model.parameters {
            let LayerParameters::Coded { codes, scales, .. } = parameters else { continue };
            let rows: Vec<_> = rows.iter().filter(|row| row.layer == *name && row.step == metadata.step).collect();
            assert_eq!(rows.len(), scales.len(), "{name}");
            for (code, column) in [(-1, 0), (0, 1), (1, 2)] {
                let exported = codes.iter().filter(|found| *found == code).count() as f64 / codes.len() as f64;
                let recorded = rows.iter().map(|row| row.coded.unwrap().shares[column]).sum::<f64>() / 9.0;
                assert!((exported - recorded).abs() < 1e-5, "{name} {code}: {exported} {recorded}");
            }
            for (row, scale) in rows.iter().zip(scales) {
                assert!((row.coded.unwrap().scale - scale).abs() <= 1e-5 * scale.abs(), "{name}");
            }
            layers += 1;
        }
        assert_eq!(layers, 18);
    }
    // The threshold of normalised weights is no line among the weights themselves.
    let thresholds = |folder: &Path| {
        let snapshot = HistogramLog::read(&folder.join(HISTOGRAMS)).unwrap().pop().unwrap();
        snapshot.layers.iter().filter(|layer| layer.threshold.is_some()).count()
    };
    assert_eq!((thresholds(&plain), thresholds(&normalized)), (18, 0));
}

/// Fails where elements are not closed in order. What HTML leaves open is `meta` alone.
fn check_elements(html: &str) {
    let mut open: Vec<&str> = Vec::new();
    for tag in html.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap();
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        match tag {
            _ if name == "meta" || tag.starts_with('!') || tag.ends_with('/') => {}
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "{tag}"),
            _ => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for absent in ["<script", "http", "url(", "NaN", "\"inf", "Minf", "Linf", ">inf"] {
        assert!(!html.contains(absent), "{absent}");
    }
}

#[test]
fn a_page_shows_what_the_run_has() {
    let folder = tempfile::tempdir().unwrap();
    let (float, ternary) = two_runs(folder.path());
    let report = RunReport::read(&ternary).unwrap();
    let html = page(std::slice::from_ref(&report));
    check_elements(&html);
    for text in [
        "ResNet-20, W2A2, pixel-wise scales",
        "pictures &lt;of&gt; mine",
        "Scales α",
        "centre of the kernel",
        "Share of zeros",
        "Activation steps",
        "Weights before and after",
        "layer3.2.conv2",
        "epoch 3: ",
    ] {
        assert!(html.contains(text), "{text}");
    }
    let summary = Summary::new(&report);
    assert_eq!((summary.seed, summary.epochs_done, summary.bits.as_deref()), (Some(5), 3.0, Some("W2A2")));
    assert!(summary.validation.is_some() && summary.test.is_none() && summary.zero_share.unwrap() > 0.0);
    let html = page(&[RunReport::read(&float).unwrap()]);
    check_elements(&html);
    assert!(html.contains("Weights before and after") && !html.contains("Scales α"));
}

#[test]
fn runs_stand_beside_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let (float, ternary) = two_runs(folder.path());
    let odd = folder.path().join("a<b>&\"c'");
    std::fs::rename(&float, &odd).unwrap();
    let runs = [&odd, &ternary, &ternary].map(|folder| RunReport::read(folder).unwrap());
    let html = page(&runs);
    check_elements(&html);
    assert!(html.contains("a&lt;b&gt;&amp;&quot;c&#39;") && !html.contains("<b>&"));
    assert!(html.contains("<td>network.granularity</td><td>–</td><td>pixel</td><td>pixel</td>"));
    assert!(!html.contains("<td>train.seed</td>"), "what is the same in all is left out");
    check_elements(&page(&runs[..1]));
}

#[test]
fn a_run_without_records_shows_what_its_checkpoints_say() {
    let folder = tempfile::tempdir().unwrap();
    let (float, ternary) = two_runs(folder.path());
    let recorded = RunReport::read(&ternary).unwrap();
    for name in [LAYERS, HISTOGRAMS] {
        std::fs::remove_file(ternary.join(name)).unwrap();
    }
    let rebuilt = RunReport::read(&ternary).unwrap();
    assert_eq!(rebuilt.layer_source, LayerSource::Checkpoints);
    // JSON's decimals need not round-trip, so sums may differ in their last bit; counts do not.
    for (rebuilt, recorded) in [(&rebuilt.before, &recorded.before), (&rebuilt.after, &recorded.after)] {
        let (rebuilt, recorded) = (rebuilt.as_ref().unwrap(), recorded.as_ref().unwrap());
        assert_eq!((rebuilt.step, rebuilt.layers.len()), (recorded.step, recorded.layers.len()));
        for (a, b) in rebuilt.layers.iter().zip(&recorded.layers) {
            assert_eq!((&a.layer, a.shape, &a.weights.counts), (&b.layer, b.shape, &b.weights.counts));
        }
    }
    let ends = |run: &RunReport, step| run.layers.iter().filter(|row| row.step == step).cloned().collect::<Vec<_>>();
    for step in [0, 3 * BATCHES] {
        let (rebuilt, recorded) = (ends(&rebuilt, step), ends(&recorded, step));
        assert_eq!(rebuilt.len(), recorded.len());
        for (a, b) in rebuilt.iter().zip(&recorded) {
            let scale = |row: &syq_train::metrics::layers::LayerRow| row.coded.map_or(0.0, |coded| coded.scale);
            assert!(a.layer == b.layer && (scale(a) - scale(b)).abs() <= 1e-5 * scale(b).abs(), "{a:?} {b:?}");
        }
    }
    check_elements(&page(&[rebuilt]));
    // Without the float run only the end is known; without a checkpoint nothing is, and the page says so.
    std::fs::remove_dir_all(&float).unwrap();
    let report = RunReport::read(&ternary).unwrap();
    assert!(report.before.is_none() && report.after.is_some());
    check_elements(&page(&[report]));
    std::fs::remove_file(ternary.join(CHECKPOINT)).unwrap();
    let report = RunReport::read(&ternary).unwrap();
    assert_eq!((report.layer_source, report.notes.len()), (LayerSource::Missing, 2));
    let html = page(&[report]);
    check_elements(&html);
    assert!(html.contains("There is no checkpoint") && html.contains("holds no configuration"));
}

#[test]
fn damaged_files_are_named_with_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let ternary = two_runs(folder.path()).1;
    for name in [METRICS, LAYERS, HISTOGRAMS] {
        let path = ternary.join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        for (damaged, line) in [(String::new(), 1), (text[..text.len() - 9].to_owned(), text.lines().count())] {
            std::fs::write(&path, damaged).unwrap();
            let error = RunReport::read(&ternary).unwrap_err().to_string();
            assert!(error.contains(&format!("{name}: line {line}: ")), "{name} {line}: {error}");
        }
        std::fs::write(&path, text).unwrap();
    }
    let header = std::fs::read_to_string(ternary.join(METRICS)).unwrap().lines().next().unwrap().to_owned();
    std::fs::write(ternary.join(METRICS), header + "\n").unwrap();
    let error = RunReport::read(&ternary).unwrap_err().to_string();
    assert!(error.contains("metrics.csv: line 2: no epoch has ended yet"), "{error}");
    std::fs::remove_file(ternary.join(METRICS)).unwrap();
    assert!(RunReport::read(&ternary).unwrap_err().to_string().contains(METRICS));
}

#[test]
fn the_command_writes_a_page_and_a_summary() {
    let folder = tempfile::tempdir().unwrap();
    let (float, ternary) = two_runs(folder.path());
    let out = folder.path().join("report.html");
    let report = |flags: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_syq-train"));
        command.arg("report").args([&float, &ternary]).arg("--out").arg(&out).args(flags).output().unwrap()
    };
    let plain = report(&[]);
    assert!(plain.status.success());
    let text = String::from_utf8(plain.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() == 3 && lines[0].starts_with("run") && lines[2].contains("W2A2"), "{text}");
    check_elements(&std::fs::read_to_string(&out).unwrap());
    let json: serde_json::Value = serde_json::from_slice(&report(&["--json"]).stdout).unwrap();
    assert_eq!(json["format"], "syq.train-report/1");
    assert_eq!((&json["runs"][0]["bits"], &json["runs"][1]["granularity"]), (&"float".into(), &"pixel".into()));
    assert_eq!(json["runs"][1]["validation"]["last"]["epoch"], 3.0);
    std::fs::write(ternary.join(METRICS), "").unwrap();
    let failed = report(&[]);
    assert!(!failed.status.success() && failed.stdout.is_empty());
    assert!(String::from_utf8(failed.stderr).unwrap().contains("metrics.csv: line 1: the file is empty"));
}
