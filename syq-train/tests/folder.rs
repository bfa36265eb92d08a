//! A folder of pictures of odd sizes trains, and the exported model evaluates them as it is written.

use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use std::ops::ControlFlow;
use syq_infer::rgb::RgbView;
use syq_infer::{Session, SessionOptions};
use syq_train::config::Config;
use syq_train::data::Dataset;
use syq_train::metrics::Row;
use syq_train::run::{CHECKPOINT, DataPart, Observer, Progress, Run, RunError, Start, evaluate, export, load_part};

struct Rows(Vec<Row>);

impl Observer for Rows {
    fn step(&mut self, _: &Progress) {}
    fn epoch(&mut self, row: &Row) {
        self.0.push(*row);
    }
    fn flow(&self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

#[test]
fn pictures_of_odd_sizes_train_and_evaluate_as_exported() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    for class in 0..2u8 {
        let class_folder = pictures.join(format!("class{class}"));
        std::fs::create_dir_all(&class_folder).unwrap();
        for index in 0..12u32 {
            let (width, height) = (9 + index * 5, 50 - index * 3);
            let value = |x: u32, y: u32| (x * 7 + y * 3 + u32::from(class) * 90) as u8;
            let picture: DynamicImage = if index % 3 == 0 {
                GrayImage::from_fn(width, height, |x, y| Luma([value(x, y)])).into()
            } else {
                RgbImage::from_fn(width, height, |x, y| Rgb([value(x, y), value(y, x), class * 100])).into()
            };
            picture.save(class_folder.join(format!("{index:02}.png"))).unwrap();
        }
    }
    let text = format!(
        "[network]\nname = \"resnet20\"\nweights = \"float\"\n[data]\nformat = \"folder\"\ntrain = {pictures:?}\n\
         test = {pictures:?}\nimage_size = 16\nvalidation = 0.25\nevaluation = {{ resize = 18 }}\n\
         [data.augmentation]\nflip = \"horizontal\"\nrandom_resized_crop = {{ scale = [0.3, 1.0] }}\n\
         [train]\nseed = 1\nepochs = 1\nbatch = 4\nthreads = 1\nprecision = \"f32\"\nlearning_rate = 0.05\n\
         [train.optimizer]\nsgd = {{ momentum = 0.9, kind = \"nesterov\" }}\n[train.schedule]\ncosine = {{}}\n"
    );
    let mut config = Config::from_toml_str(&text).unwrap();
    config.data.class_names = [("class1".to_owned(), "tench".to_owned())].into();
    let data = load_part(&config, DataPart::Train, 1, &|_, _| {}).unwrap().unwrap();
    let out = folder.path().join("run");
    let mut run = Run::open(config, &out, data.clone(), Start::New).unwrap();
    let held_out = run.split().validation.clone();
    assert_eq!(held_out.len(), 6);
    let mut rows = Rows(Vec::new());
    run.train(None, &mut rows).unwrap();
    // What was logged is what the exported file gives, picture by picture.
    let (model, _) = export(&out.join(CHECKPOINT)).unwrap();
    assert_eq!(
        (model.labels.join(" "), model.class_folders().join(" ")),
        ("class0 tench".into(), "class0 class1".into())
    );
    let loss = evaluate(&model, &data, &held_out, 1).unwrap();
    let mut session = Session::new(&model, SessionOptions { threads: 1, isa: None }).unwrap();
    let right = held_out.iter().map(|&index| index as usize).filter(|&index| {
        let [height, width] = data.image_size(index).unwrap();
        let view = RgbView::new(height, width, data.image(index).unwrap()).unwrap();
        session.classify(view, 1).unwrap()[0].index == data.labels()[index] as usize
    });
    assert_eq!(right.count(), loss.correct);
    let last = rows.0.iter().rev().find(|row| row.split == syq_train::metrics::Part::Validation).unwrap();
    assert!((last.top1 - loss.top1()).abs() < 1e-3, "{} {}", last.top1, loss.top1());
}

#[test]
fn class_names_that_do_not_fit_are_refused() {
    let classes = ["a", "b"].map(str::to_owned).to_vec();
    let data = Dataset::new([8, 8], classes, (0..2 * 192).map(|byte| byte as u8).collect(), vec![0, 1]).unwrap();
    let open = |names: &[(&str, &str)]| {
        let text = "[network]\nname = \"resnet20\"\nweights = \"float\"\n[data]\nformat = \"folder\"\ntrain = \"x\"\n\
                    image_size = 8\n[train]\nseed = 1\nepochs = 1\nbatch = 1\nlearning_rate = 0.1\n\
                    [train.optimizer]\nsgd = { momentum = 0.9, kind = \"nesterov\" }\n[train.schedule]\ncosine = {}\n";
        let mut config = Config::from_toml_str(text).unwrap();
        config.data.class_names = names.iter().map(|(class, name)| ((*class).to_owned(), (*name).to_owned())).collect();
        let folder = tempfile::tempdir().unwrap();
        Run::open(config, folder.path(), data.clone(), Start::New).map(drop)
    };
    open(&[("a", "ape"), ("b", "bee")]).unwrap();
    // Swapped names are names.
    open(&[("a", "b"), ("b", "a")]).unwrap();
    assert!(matches!(open(&[("c", "cat")]), Err(RunError::ClassName { name, .. }) if name == "c"));
    assert!(matches!(open(&[("a", "b")]), Err(RunError::SameLabel { label }) if label == "b"));
}
