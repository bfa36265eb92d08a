//! What an application that embeds the engine relies on: sharing, progress, cancellation, panics.

#[cfg(panic = "unwind")]
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use syq_infer::builtin::{BUILTIN, find};
use syq_infer::{Control, Engine, Session, SessionError, SessionOptions, builtin};
use syq_pack::{Golden, Model};

const IMAGES: usize = 13;

/// What a session may be asked for: without the feature `threads` the calling thread alone.
const THREADS: &[usize] = if cfg!(feature = "threads") { &[1, 2, 3, 5] } else { &[1] };

/// The built-in network, images, and their logits on the calling thread.
fn built_in() -> (Engine, Vec<f32>, Vec<f32>) {
    let engine = Engine::from_bytes(builtin(), None).unwrap();
    let images: Vec<f32> = (0..IMAGES as u64).flat_map(|seed| Golden::input(engine.plan().input(), seed)).collect();
    let logits = engine.session(1).unwrap().run(&images).unwrap();
    (engine, images, logits)
}

fn room(engine: &Engine) -> Vec<f32> {
    vec![0.0; IMAGES * engine.plan().classes()]
}

#[test]
#[cfg(not(target_family = "wasm"))]
fn engines_are_shared_and_sessions_are_sent() {
    fn shared<T: Send + Sync + Clone>() {}
    fn sent<T: Send>() {}
    shared::<Engine>();
    sent::<Session>();
    let (engine, images, expected) = built_in();
    let weights = engine.plan().weight_bytes();
    let mut alone = Session::from_bytes(builtin(), SessionOptions::default()).unwrap();
    assert_eq!(alone.run(&images).unwrap(), expected);
    std::thread::scope(|scope| {
        for &threads in THREADS.iter().chain(THREADS) {
            let (engine, images, expected) = (engine.clone(), &images, &expected);
            scope.spawn(move || {
                let mut session = engine.session(threads).unwrap();
                assert_eq!(session.threads(), threads);
                // The weights are the engine's own, not a copy.
                assert!(std::ptr::eq(session.plan(), engine.plan()) && session.plan().weight_bytes() == weights);
                for _ in 0..3 {
                    assert_eq!(session.run(images).unwrap(), *expected);
                }
            });
        }
    });
}

#[test]
fn progress_tells_each_image_once() {
    let (engine, images, expected) = built_in();
    for &threads in THREADS {
        let seen = Mutex::new(Vec::new());
        let tell = |done| seen.lock().unwrap().push(done);
        let mut logits = room(&engine);
        let control = Control::new().progress(&tell);
        engine.session(threads).unwrap().run_controlled(&images, &mut logits, &control).unwrap();
        let mut seen = seen.into_inner().unwrap();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(1..=IMAGES), "{threads} threads");
        assert_eq!(logits, expected);
    }
}

#[test]
fn a_cancelled_run_stops_between_images_and_the_session_goes_on() {
    let (engine, images, expected) = built_in();
    for &threads in THREADS {
        let mut session = engine.session(threads).unwrap();
        let mut logits = room(&engine);
        let stop = AtomicBool::new(true);
        let control = Control::new().cancelled_by(&stop);
        let before = session.run_controlled(&images, &mut logits, &control).unwrap_err();
        assert!(matches!(before, SessionError::Cancelled { done: 0, images: IMAGES }), "{before}");
        assert_eq!(before.to_string(), format!("cancelled after 0 of {IMAGES} images"));
        assert!(logits.iter().all(|logit| *logit == 0.0));

        stop.store(false, Ordering::Relaxed);
        let stop_at_three = |done| stop.store(stop.load(Ordering::Relaxed) || done >= 3, Ordering::Relaxed);
        let control = control.progress(&stop_at_three);
        match session.run_controlled(&images, &mut logits, &control).unwrap_err() {
            // Each thread may be in the middle of an image when the flag is set.
            SessionError::Cancelled { done, images: IMAGES } => assert!((3..3 + threads).contains(&done), "{done}"),
            other => panic!("{other}"),
        }
        assert_eq!(session.run(&images).unwrap(), expected);
    }
}

#[test]
#[cfg(panic = "unwind")]
fn a_panicking_callback_leaves_the_session_usable() {
    let (engine, images, expected) = built_in();
    for &threads in THREADS {
        let mut session = engine.session(threads).unwrap();
        let calls = AtomicUsize::new(0);
        let panics = |done| {
            calls.fetch_add(1, Ordering::Relaxed);
            assert!(done != 4, "a callback's panic, as the test wants it");
        };
        let control = Control::new().progress(&panics);
        let mut logits = room(&engine);
        let result = catch_unwind(AssertUnwindSafe(|| session.run_controlled(&images, &mut logits, &control)));
        assert!(result.is_err() && calls.into_inner() >= 4);
        assert_eq!(session.run(&images).unwrap(), expected, "{threads} threads");
    }
}

#[test]
fn the_built_in_files_are_those_that_their_models_are_written_as() {
    for network in BUILTIN {
        let model = Model::from_bytes(network.bytes()).unwrap();
        assert!(model.to_bytes().unwrap() == network.bytes(), "{}", network.name());
        assert!(model.preprocess.is_some() && !model.labels.is_empty(), "{}", network.name());
        // `syq verify` compares with the reference executor too, which takes long on a large network.
        let golden = model.golden.as_ref().unwrap();
        let mut session = Session::from_bytes(network.bytes(), SessionOptions::default()).unwrap();
        let logits = session.run(&Golden::input(model.network.input, golden.seed)).unwrap();
        let bits: Vec<u32> = logits.iter().map(|logit| logit.to_bits()).collect();
        assert_eq!(bits, golden.logits, "{}", network.name());
        assert_eq!(find(network.name()).unwrap().bytes(), network.bytes());
    }
    assert_eq!(BUILTIN[0].bytes(), builtin());
    assert!(find("").is_none());
}

#[test]
#[cfg(feature = "threads")]
fn any_number_of_threads_is_defined() {
    let (engine, images, expected) = built_in();
    let cores = std::thread::available_parallelism().unwrap().get();
    for (asked, found) in [(0, cores), (1, 1), (64, 64)] {
        let mut session = engine.session(asked).unwrap();
        assert_eq!(session.threads(), found);
        assert_eq!(session.run(&images).unwrap(), expected);
    }
    // A machine may refuse so many; then it is an error that says so.
    match engine.session(1000) {
        Ok(mut session) => assert_eq!(session.run(&images).unwrap(), expected),
        Err(SessionError::Threads { threads: 1000, reason }) => assert!(!reason.is_empty()),
        Err(other) => panic!("{other}"),
    }
}
