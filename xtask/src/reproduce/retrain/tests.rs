//! A number of a tiny registry is trained again, killed in between, and compared.

use super::super::entry::{Entry, FILE, Kept, Kind};
use super::*;
use std::process::Command;

const NETWORK: &str = "[network]\nname = \"resnet20\"\n";
const FLOAT: &str = "weights = \"float\"\n";
pub(in crate::reproduce) const TERNARY: &str = "weights = \"ternary\"\ngranularity = \"pixel\"\nactivation_bits = 2\n";

/// A repository with pictures and nothing recorded.
pub(in crate::reproduce) struct Fixture(tempfile::TempDir);

impl Fixture {
    /// Class folders of small pictures, one colour a class, in `data/train` and `data/test`.
    pub(in crate::reproduce) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (part, count) in [("train", 12u8), ("test", 5)] {
            for (class, channel) in [("blue", 2), ("red", 0)] {
                let place = folder.path().join("data").join(part).join(class);
                std::fs::create_dir_all(&place).unwrap();
                for number in 0..count {
                    let mut colour = [40 + number; 3];
                    colour[channel] += 120;
                    let pixel = |x, y| image::Rgb(colour.map(|value| value + (x * y % 7) as u8));
                    image::RgbImage::from_fn(8, 8, pixel).save(place.join(format!("{number}.png"))).unwrap();
                }
            }
        }
        Self(folder)
    }

    /// The top of the repository.
    pub(in crate::reproduce) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Records a run of three epochs as `--record` would.
    fn record(&self, name: &str, network: &str, change: impl Fn(&mut Entry)) {
        let folder = self.path().join("docs/runs").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("config.toml"), text(network)).unwrap();
        let rows = "step,epoch,split,loss,top1,top5,lr,images_per_second,seconds\n\
            9,3.0000,train,1,100,100,0.1,1,1\n";
        let mut entry = crate::reproduce::entry::tests::entry(name);
        entry.config = Path::new("docs/runs").join(name).join("config.toml");
        entry.top1 = Some(Top1 { right: 10, of: 10, split: Split::Test });
        entry.commit = None;
        change(&mut entry);
        let top1 = entry.top1.map_or(0.0, Top1::percent);
        std::fs::write(folder.join("metrics.csv"), format!("{rows}9,3.0000,test,1,{top1:.6},100,0,1,1\n")).unwrap();
        std::fs::write(folder.join(FILE), entry.text().unwrap()).unwrap();
    }

    /// Trains a run in `runs/NAME` with a seed that its configuration's text does not say.
    pub(in crate::reproduce) fn train(&self, name: &str, network: &str, seed: u64, init: Option<&Path>) -> PathBuf {
        let mut config = Config::from_toml_str(&text(network)).unwrap();
        config.train.seed = seed;
        config.train.init = init.map(|folder| folder.join(CHECKPOINT));
        let folder = self.path().join("runs").join(name);
        let mut run = open(place(self.path(), config, None).unwrap(), &folder).unwrap();
        run.keep_config(&text(network)).unwrap();
        run.train(None, &mut Watcher::new(9, 0)).unwrap();
        folder
    }
}

fn text(network: &str) -> String {
    format!(
        "{NETWORK}{network}[data]\nformat = \"folder\"\ntrain = \"data/train\"\ntest = \"data/test\"\nimage_size = 8\n\
         [train]\nseed = 3\nepochs = 3\nbatch = 8\nthreads = 1\nprecision = \"f32\"\nlearning_rate = 0.01\n\
         [train.optimizer]\nsgd = {{ momentum = 0.9, kind = \"nesterov\" }}\n[train.schedule]\ncosine = {{ }}\n"
    )
}

fn git(repository: &Path, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@b"];
    let output = Command::new("git").arg("-C").arg(repository).args(identity).args(arguments).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_number_is_trained_again_with_its_start_and_compared() {
    let fixture = Fixture::new();
    let repository = fixture.path();
    fixture.record("float", FLOAT, |_| {});
    fixture.record("two", TERNARY, |entry| {
        entry.init = Some("float".to_owned());
        entry.float = Some("float".to_owned());
    });
    let registry = Registry::read(repository).unwrap();
    registry.check(repository).unwrap();
    let out = repository.join("out");
    let task = Task { name: "two", from: From::Start, data: None, out: &out };
    // Killed in the middle of its first run: that one has a checkpoint of its first step.
    let steps = plan(&registry, "two", From::Start, &out.join("two/from-start")).unwrap();
    let float = config(repository, &steps[0], None).unwrap();
    open(float, &steps[0].folder).unwrap().train(Some(1), &mut Watcher::new(9, 0)).unwrap();

    let first = run(repository, &registry, &task).unwrap();
    assert_eq!((first.name.as_str(), first.found.of), ("two", 10));
    assert_eq!(first.expected, Expectation::Within(0), "all of them right: no noise");
    assert!(
        first.because.as_ref().unwrap().contains("ran on avx2") || first.because.as_ref().unwrap().contains("commit")
    );
    assert_eq!(first.reproduced, first.found.right == 10);
    assert_eq!(syq_pack::Model::read(&first.model).unwrap().origin.top1.unwrap().right, first.found.right);
    let bytes = std::fs::read(&first.model).unwrap();
    let again = run(repository, &registry, &task).unwrap();
    assert!(again == first && std::fs::read(&again.model).unwrap() == bytes, "what is finished is only measured");

    // Recorded as it came out, on this machine and this code, the very count is expected, and the same bytes come.
    git(repository, &["init", "-q"]);
    git(repository, &["commit", "-q", "--allow-empty", "-m", "code"]);
    let commit = git(repository, &["rev-parse", "HEAD"]);
    let here = |entry: &mut Entry| {
        entry.commit = Some(commit.clone());
        entry.machine = compare::machine(&steps[0].run.config, "this".to_owned());
    };
    fixture.record("float", FLOAT, here);
    for right in [first.found.right, first.found.right + 1] {
        fixture.record("two", TERNARY, |entry| {
            here(entry);
            entry.init = Some("float".to_owned());
            entry.float = Some("float".to_owned());
            entry.top1.as_mut().unwrap().right = right;
        });
        let registry = Registry::read(repository).unwrap();
        let out = repository.join(format!("out-{right}"));
        let outcome = run(repository, &registry, &Task { out: &out, ..task }).unwrap();
        assert_eq!((outcome.expected, &outcome.because), (Expectation::Exact, &None));
        assert_eq!(outcome.reproduced, right == first.found.right, "{}", outcome.text());
        assert!(std::fs::read(&outcome.model).unwrap() == bytes, "killed or not, the bytes are the same");
    }
}

#[test]
fn data_and_starts_are_found_where_they_are_said_to_be() {
    let fixture = Fixture::new();
    let repository = fixture.path();
    fixture.record("float", FLOAT, |entry| entry.kind = Kind::Number);
    let registry = Registry::read(repository).unwrap();
    assert_eq!(registry.get("float").unwrap().entry.checkpoint, Kept::Dropped);
    let steps = plan(&registry, "float", From::Start, Path::new("/out")).unwrap();
    let paths = |data| {
        let config = config(repository, &steps[0], data).unwrap();
        [config.data.train, config.data.test.unwrap()]
    };
    assert_eq!(paths(None), [repository.join("data/train"), repository.join("data/test")]);
    assert_eq!(paths(Some(Path::new("/d"))), [Path::new("/d/train"), Path::new("/d/test")]);
}
