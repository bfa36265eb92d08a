//! Runs of the command that are killed, interrupted, out of space or diverged: the last checkpoint is whole, and the
//! resumed run ends in the bytes of one that nothing happened to.
#![cfg(unix)]

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use syq_train::run::{CHECKPOINT, METRICS};

/// The name of the cut-off signal of `ulimit -f`, on every system that this runs on.
const SIGXFSZ: i32 = 25;

/// A folder with pictures, a configuration and runs.
struct Place(tempfile::TempDir);

impl Place {
    /// Six epochs of four steps; `schedule` is the table of that name.
    fn new(schedule: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for (class, channel) in [("blue", 2), ("red", 0)] {
            let folder = place.path("pictures").join(class);
            std::fs::create_dir_all(&folder).unwrap();
            for number in 0..16u8 {
                let mut colour = [30 + number; 3];
                colour[channel] += 100;
                let pixel = |x, y| image::Rgb(colour.map(|value| value + (x * y % 11) as u8));
                image::RgbImage::from_fn(8, 8, pixel).save(folder.join(format!("{number}.png"))).unwrap();
            }
        }
        let text = format!(
            "[network]\nname = \"resnet20\"\nweights = \"float\"\n[data]\nformat = \"folder\"\ntrain = {:?}\n\
             image_size = 8\n[data.augmentation]\ncrop_padding = 1\nflip = \"horizontal\"\n[train]\nseed = 2\nepochs = 6\n\
             batch = 8\nthreads = 1\nprecision = \"f32\"\nlearning_rate = 0.01\nbatch_norm_batches = 2\n\
             [train.optimizer]\nsgd = {{ momentum = 0.9, kind = \"nesterov\" }}\n[train.schedule]\n{schedule}\n",
            place.path("pictures").display().to_string()
        );
        std::fs::write(place.path("config.toml"), text).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The arguments that train in the folder `name`.
    fn arguments(&self, name: &str, more: &[&str]) -> Vec<String> {
        let paths = [("--config", self.path("config.toml")), ("--out", self.path(name))];
        let paths = paths.into_iter().flat_map(|(flag, path)| [flag.to_owned(), path.display().to_string()]);
        std::iter::once("float".to_owned()).chain(paths).chain(more.iter().map(|word| (*word).to_owned())).collect()
    }

    fn start(&self, name: &str, more: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_syq-train"));
        command.args(self.arguments(name, more)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    fn run(&self, name: &str, more: &[&str]) -> Output {
        self.start(name, more).wait_with_output().unwrap()
    }

    /// Runs with files of at most 256 KiB, after a line of shell.
    fn run_limited(&self, name: &str, before: &str) -> Output {
        // The unit of dash is 512 bytes, that of bash in its POSIX mode too.
        let script = format!("{before}; ulimit -c 0; ulimit -f 512; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_syq-train")]).args(self.arguments(name, &["--resume"]));
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn checkpoint(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name).join(CHECKPOINT)).unwrap()
    }

    /// The metrics without the columns that tell the time.
    fn metrics(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.path(name).join(METRICS)).unwrap();
        text.lines().map(|line| line.split(',').take(7).collect::<Vec<_>>().join(",")).collect()
    }

    /// The files of a checkpoint that was not finished.
    fn partial(&self, name: &str) -> usize {
        let Ok(entries) = std::fs::read_dir(self.path(name)) else { return 0 };
        entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|n| n.starts_with(".checkpoint-"))
            .count()
    }

    /// Resumes to the end and compares with the run `whole`.
    fn finish(&self, name: &str, whole: &str) {
        let output = self.run(name, &["--resume"]);
        assert!(output.status.success(), "{}", text(&output));
        assert!(self.checkpoint(name) == self.checkpoint(whole), "the bytes differ");
        assert_eq!(self.metrics(name), self.metrics(whole));
        assert_eq!(self.partial(name), 0, "half a checkpoint is left");
    }
}

const COSINE: &str = "cosine = { warmup_epochs = 1 }";

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// Waits until `condition` holds or the process ends; at most a minute.
fn wait_for(child: &mut Child, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() && child.try_wait().unwrap().is_none() && begin.elapsed() < Duration::from_secs(60) {
        std::thread::yield_now();
    }
}

#[test]
fn killed_at_any_moment() {
    let place = Place::new(COSINE);
    let begin = Instant::now();
    assert!(place.run("whole", &[]).status.success());
    let whole = begin.elapsed();
    // Moments all over a run: the start, the reading of pictures, steps, checkpoints.
    let mut kills = 0;
    for part in 0..12 {
        // Where nothing was begun there is nothing to resume.
        let resume: &[&str] = if place.path("killed").exists() { &["--resume"] } else { &[] };
        let mut child = place.start("killed", resume);
        std::thread::sleep(whole * part / 16);
        child.kill().unwrap();
        kills += i32::from(child.wait().unwrap().signal() == Some(9));
    }
    assert!(kills > 0, "no run was killed");
    place.finish("killed", "whole");
}

#[test]
fn killed_while_a_checkpoint_is_written() {
    let place = Place::new(COSINE);
    assert!(place.run("whole", &[]).status.success());
    // The moment is short, so that it is tried often; every run comes at least one epoch further or dies before.
    let mut caught = 0;
    for _ in 0..30 {
        let resume: &[&str] = if place.path("killed").exists() { &["--resume"] } else { &[] };
        let mut child = place.start("killed", resume);
        // What an earlier kill left is removed first.
        wait_for(&mut child, || place.partial("killed") == 0);
        wait_for(&mut child, || place.partial("killed") > 0);
        drop(child.kill());
        child.wait().unwrap();
        caught += place.partial("killed");
        if caught >= 3 {
            break;
        }
    }
    // Not asserted, for a disk may be too fast to be caught; the next test cuts a checkpoint off in any case.
    let _ = caught;
    place.finish("killed", "whole");
}

#[test]
fn killed_in_the_middle_of_a_checkpoint_by_its_size() {
    let place = Place::new(COSINE);
    assert!(place.run("whole", &[]).status.success());
    assert!(place.run("cut", &["--stop-after", "6"]).status.success());
    let before = place.checkpoint("cut");
    assert!(before.len() > 512 << 10, "the limit would not be met");
    let output = place.run_limited("cut", ":");
    if output.status.signal() == Some(SIGXFSZ) {
        assert_eq!(place.partial("cut"), 1, "the file that was being written");
    } else {
        // Whoever started the tests ignores the signal, and with it the child.
        assert!(text(&output).contains("left as it was"), "{:?}: {}", output.status, text(&output));
    }
    assert!(place.checkpoint("cut") == before, "the checkpoint before it has changed");
    place.finish("cut", "whole");
}

#[test]
fn no_space_for_a_checkpoint() {
    let place = Place::new(COSINE);
    assert!(place.run("whole", &[]).status.success());
    assert!(place.run("full", &["--stop-after", "6"]).status.success());
    let before = place.checkpoint("full");
    // With the signal ignored a write past the limit fails, as one on a full disk does.
    let output = place.run_limited("full", "trap '' XFSZ");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    for words in
        ["checkpoint.safetensors", "cannot be written, and is left as it was", "the checkpoint before it is whole"]
    {
        assert!(text(&output).contains(words), "{words:?} in {}", text(&output));
    }
    assert!(place.checkpoint("full") == before, "the checkpoint before it has changed");
    assert_eq!(place.partial("full"), 0, "half a checkpoint is left");
    place.finish("full", "whole");
}

#[test]
fn a_run_that_diverges() {
    // From the second epoch on with a rate that no network survives: the loss shows it at once, or only the weights do.
    for (rate, factor, found) in [("1.0", "3e38", "the loss is"), ("0.01", "1e30", "has the value NaN")] {
        let place = Place::new(&format!("step = {{ milestones = [1.0], factor = {factor} }}"));
        let config = place.path("config.toml");
        let toml = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, toml.replace("learning_rate = 0.01", &format!("learning_rate = {rate}"))).unwrap();
        assert!(place.run("first", &["--stop-after", "4"]).status.success());
        let output = place.run("diverged", &[]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        for words in [found, "lower the learning rate", "the checkpoint before it is whole"] {
            assert!(text(&output).contains(words), "{words:?} in {}", text(&output));
        }
        assert!(place.checkpoint("diverged") == place.checkpoint("first"), "the checkpoint of the first epoch is lost");
    }
}

#[test]
fn interrupted_and_stopped_runs_say_how_to_go_on() {
    let place = Place::new(COSINE);
    let more = ["--epochs", "2000"];
    for (number, name) in ["-INT", "-TERM"].into_iter().enumerate() {
        let folder = format!("interrupted-{number}");
        let mut child = place.start(&folder, &more);
        let metrics = place.path(&folder).join(METRICS);
        wait_for(&mut child, || std::fs::read_to_string(&metrics).is_ok_and(|text| text.lines().count() > 2));
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", text(&output));
        let told = text(&output).lines().last().unwrap().to_owned();
        assert!(told.starts_with("to go on: ") && told.ends_with("--epochs 2000 --resume"), "{told}");
        // The checkpoint is that of the step, not of the epoch before it: it goes on from there.
        let step = text(&output).lines().rev().nth(1).unwrap().split(' ').nth(1).unwrap().parse::<u64>().unwrap();
        let end = (step + 3).to_string();
        let output = place.run(&folder, &[&more[..], &["--resume", "--stop-after", &end]].concat());
        assert!(output.status.success() && text(&output).contains("to go on: "), "{}", text(&output));
        let whole = format!("whole-{number}");
        assert!(place.run(&whole, &[&more[..], &["--stop-after", &end]].concat()).status.success());
        assert!(place.checkpoint(&folder) == place.checkpoint(&whole), "the bytes differ");
        assert_eq!(place.metrics(&folder), place.metrics(&whole));
    }
}

#[test]
fn a_folder_that_is_not_there_holds_no_run() {
    let place = Place::new(COSINE);
    let output = place.run("absent", &["--resume"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("holds no run"), "{}", text(&output));
    assert!(!place.path("absent").exists());
}
