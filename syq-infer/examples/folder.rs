//! A folder of pictures in batches, with progress, and Enter to stop: one picture for each thread at a time.
//! `cargo run --release -p syq-infer --example folder -- FOLDER`
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example prints its answers and its progress")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use syq_infer::picture::{PictureLimits, decode};
use syq_infer::topk::top_k;
use syq_infer::{Control, Engine, SessionError, builtin};

/// Pictures given at once: enough for every thread, few enough to fit into memory.
const BATCH: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("usage: folder FOLDER")?;
    let mut files = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    files.sort();
    let stop = Arc::new(AtomicBool::new(false));
    let on_enter = Arc::clone(&stop);
    std::thread::spawn(move || {
        if std::io::stdin().read_line(&mut String::new()).is_ok_and(|read| read > 0) {
            on_enter.store(true, Ordering::Relaxed);
        }
    });
    let engine = Engine::from_bytes(builtin(), None)?;
    let mut session = engine.session(0)?;
    let image = engine.plan().input().len();
    for files in files.chunks(BATCH) {
        let (mut names, mut tensors) = (Vec::new(), Vec::new());
        for file in files {
            let decoded = std::fs::read(file).map_err(Box::<dyn Error>::from);
            let decoded = decoded.and_then(|bytes| Ok(decode(&bytes, &PictureLimits::default())?));
            match decoded {
                Ok(picture) => {
                    let start = tensors.len();
                    tensors.resize(start + image, 0.0);
                    engine.prepare(picture.view(), &mut tensors[start..])?;
                    names.push(file);
                }
                Err(error) => eprintln!("{}: {error}", file.display()),
            }
        }
        if names.is_empty() {
            continue;
        }
        let progress = |done: usize| eprint!("\r{done} of {} ", names.len());
        let control = Control::new().progress(&progress).cancelled_by(&stop);
        let mut logits = vec![0.0; names.len() * engine.plan().classes()];
        match session.run_controlled(&tensors, &mut logits, &control) {
            Err(SessionError::Cancelled { .. }) => return Ok(()),
            result => result?,
        }
        for (name, logits) in names.iter().zip(logits.chunks_exact(engine.plan().classes())) {
            for best in top_k(logits, 1) {
                println!("{}: {} ({:.3})", name.display(), engine.labels()[best.index], best.probability);
            }
        }
    }
    Ok(())
}
