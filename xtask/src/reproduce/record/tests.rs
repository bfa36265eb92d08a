//! A small run is trained, recorded and checked.

use super::*;
use crate::reproduce::retrain::tests::{Fixture, TERNARY};

fn options(name: &str, kind: Kind) -> Options {
    Options {
        record: None,
        name: Some(name.to_owned()),
        recipe: Some("ours".to_owned()),
        data_set: Some("colours".to_owned()),
        kind,
        init: None,
        teacher: None,
        float: None,
        log: None,
        commit: Some("0123456".to_owned()),
        cpu: Some("abacus".to_owned()),
        layers: Kept::Kept,
        keep_checkpoint: true,
        keep_model: true,
    }
}

#[test]
fn a_finished_run_is_recorded_in_one_command() {
    let fixture = Fixture::new();
    let repository = fixture.path();
    let folder = fixture.train("float", "weights = \"float\"\n", 7, None);
    std::fs::write(folder.join("log.txt"), "told\n").unwrap();
    let float = Options { recipe: Some("float".to_owned()), ..options("float", Kind::Number) };
    let target = run(repository, &folder, &float, None).unwrap();
    let registry = Registry::read(repository).unwrap();
    registry.check(repository).unwrap();
    let entry = &registry.get("float").unwrap().entry;
    // The configuration's text says another seed than the run had.
    assert_eq!((entry.seed, entry.epochs, entry.stop_after), (Some(7), None, None));
    assert_eq!((entry.top1.unwrap().of, entry.machine.cpu.as_str()), (10, "abacus"));
    assert!(entry.minutes > 0.0);
    for name in [CONFIG, METRICS, CHECKPOINT, MODEL, "log.txt"] {
        assert!(target.join(name).exists(), "{name}");
    }
    assert!(run(repository, &folder, &float, None).unwrap_err().to_string().contains("exists already"));
    let recorded = std::fs::read(target.join(FILE)).unwrap();

    let quantized = fixture.train("two", TERNARY, 7, Some(&folder));
    let alone = options("two", Kind::Number);
    assert!(run(repository, &quantized, &alone, None).unwrap_err().to_string().contains("--init and --float"));
    let wrong =
        Options { init: Some("absent".to_owned()), float: Some("float".to_owned()), ..options("two", Kind::Number) };
    assert!(format!("{:#}", run(repository, &quantized, &wrong, None).unwrap_err()).contains("absent"));
    assert!(!repository.join(RUNS).join("two").exists(), "half a record is left");
    let right = Options { init: Some("float".to_owned()), ..wrong };
    run(repository, &quantized, &right, None).unwrap();
    assert_eq!(std::fs::read(target.join(FILE)).unwrap(), recorded);
}

#[test]
fn what_does_not_fit_is_not_recorded() {
    let fixture = Fixture::new();
    let repository = fixture.path();
    let folder = fixture.train("float", "weights = \"float\"\n", 3, None);
    let again = || run(repository, &folder, &options("float", Kind::Number), None).unwrap_err();
    let outside = Options { name: Some("../float".to_owned()), ..options("", Kind::Number) };
    assert!(run(repository, &folder, &outside, None).unwrap_err().to_string().contains("letters"));
    let metrics = folder.join(METRICS);
    let text = std::fs::read_to_string(&metrics).unwrap();
    std::fs::write(&metrics, format!("{text}9,3.0000,test,1,1.234567,1,0,1,1\n")).unwrap();
    assert!(again().to_string().contains("the engine counts"), "{:#}", again());
    std::fs::write(&metrics, text.lines().take(3).map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    assert!(again().to_string().contains("2 epochs of 3"), "{:#}", again());
    std::fs::write(&metrics, text).unwrap();
    let config = folder.join(CONFIG);
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("learning_rate = 0.01", "learning_rate = 0.02")).unwrap();
    assert!(again().to_string().contains("another configuration"), "{:#}", again());
}
