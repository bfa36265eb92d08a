//! Event files are what TensorBoard expects, are cut as the other logs are, and nothing else is overwritten.

use super::*;
use crate::metrics::layers::CodedRow;

fn row(step: u64, split: Part) -> Row {
    Row { step, epoch: 1.0, split, loss: 1.5, top1: 50.0, top5: 90.0, lr: 0.25, images_per_second: 8.0, seconds: 1.0 }
}

fn layer(subgroup: usize, scale: f32, zero: f64) -> LayerRow {
    LayerRow {
        step: 10,
        epoch: 1.0,
        layer: "conv".to_owned(),
        subgroup,
        coded: Some(CodedRow { scale, shares: [0.0, zero, 1.0 - zero] }),
        activation_step: Some(0.125),
        mean_abs: 0.5,
    }
}

/// Every event of a file, its sums checked.
fn events(bytes: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    let mut offset = 0;
    while offset < bytes.len() {
        let record = record::decode(&bytes[offset..]).unwrap().unwrap();
        events.push(Event::decode(record.data).unwrap());
        offset += record.len;
    }
    events
}

/// Tag and number of every scalar of an event.
fn scalars(event: &Event) -> Vec<(String, f32)> {
    let Some(what::What::Summary(summary)) = &event.what else { return Vec::new() };
    let scalar = |value: &Value| match value.value {
        Some(value::Value::Simple(number)) => Some((value.tag.clone(), number)),
        _ => None,
    };
    summary.value.iter().filter_map(scalar).collect()
}

#[test]
fn everything_that_is_told_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    let mut board = TensorBoard::open(&path, 0).unwrap();
    board.metrics(&row(10, Part::Train)).unwrap();
    board.metrics(&row(10, Part::Validation)).unwrap();
    board.layers(10, &[layer(0, 0.5, 0.25), layer(1, 1.0, 0.75)]).unwrap();
    let weights = Histogram::new(&[-0.5, 0.0, 0.25, 0.3]);
    let histogram = LayerHistogram { layer: "conv".to_owned(), shape: [1, 1, 1, 4], threshold: None, weights };
    board.histograms(10, &[histogram]).unwrap();
    let events = events(&std::fs::read(&path).unwrap());
    assert_eq!(events[0].what, Some(what::What::FileVersion(VERSION.to_owned())));
    let named = |list: &[(&str, f32)]| list.iter().map(|(tag, value)| ((*tag).to_owned(), *value)).collect::<Vec<_>>();
    let parts = ["train", "validation"];
    for (event, part) in events[1..].iter().zip(parts) {
        let expected = [("loss", 1.5), ("top1", 50.0), ("top5", 90.0)].map(|(tag, v)| (format!("{tag}/{part}"), v));
        assert_eq!(scalars(event)[..3], expected);
        assert_eq!((event.step, event.wall_time > 1e9), (10, true));
    }
    assert_eq!(scalars(&events[1])[3..], named(&[("learning_rate", 0.25), ("images_per_second", 8.0)]));
    assert_eq!(scalars(&events[2]).len(), 3);
    let expected = [("scale/conv", 0.75), ("zero_share/conv", 0.5), ("activation_step/conv", 0.125)];
    assert_eq!(scalars(&events[3]), named(&expected));
    let Some(what::What::Summary(summary)) = &events[4].what else { panic!("no summary") };
    let Some(value::Value::Histogram(histogram)) = &summary.value[0].value else { panic!("no histogram") };
    assert_eq!((histogram.num, histogram.min, histogram.max), (4.0, -0.5, f64::from(0.3f32)));
    assert_eq!(histogram.bucket.len(), histogram.bucket_limit.len());
    assert_eq!(histogram.bucket.iter().sum::<f64>(), 4.0);
    assert!(histogram.bucket_limit.is_sorted());
}

#[test]
fn a_resumed_run_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    let mut board = TensorBoard::open(&path, 0).unwrap();
    for step in [0, 10, 20, 30] {
        board.metrics(&row(step, Part::Train)).unwrap();
    }
    let whole = std::fs::read(&path).unwrap();
    // A crash in the middle of the last record, then a resumption from step 10.
    std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    TensorBoard::open(&path, 10).unwrap().metrics(&row(20, Part::Train)).unwrap();
    let steps = |bytes: &[u8]| events(bytes).iter().map(|event| event.step).collect::<Vec<_>>();
    let resumed = std::fs::read(&path).unwrap();
    assert_eq!(steps(&resumed), [0, 0, 10, 20]);
    let kept = resumed.len() - (whole.len() - resumed.len());
    assert_eq!(resumed[..kept], whole[..kept], "what stays is not written anew");
    TensorBoard::open(&path, 0).unwrap();
    assert_eq!(steps(&std::fs::read(&path).unwrap()), [0]);
}

#[test]
fn foreign_and_damaged_files_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    let mut board = TensorBoard::open(&path, 0).unwrap();
    board.metrics(&row(10, Part::Train)).unwrap();
    let good = std::fs::read(&path).unwrap();
    let mut damaged = good.clone();
    damaged[60] ^= 1;
    let summary = record::decode(&good).unwrap().unwrap().len;
    for bytes in [b"short".to_vec(), vec![7; 100], damaged, good[summary..].to_vec()] {
        std::fs::write(&path, &bytes).unwrap();
        let error = TensorBoard::open(&path, 10).unwrap_err();
        assert!(error.to_string().contains("events: byte "), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
    // The first record, cut short by a crash.
    std::fs::write(&path, &good[..11]).unwrap();
    TensorBoard::open(&path, 10).unwrap();
    assert_eq!(events(&std::fs::read(&path).unwrap()).len(), 1);
}
