//! A service that answers requests on several threads: one engine, a session for each thread, a queue between them.
//! `cargo run --release -p syq-infer --example service -- PICTURE…`
#![allow(clippy::print_stdout, reason = "an example prints its answers")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::{Mutex, mpsc};
use syq_infer::picture::{PictureLimits, decode};
use syq_infer::{Engine, Session, builtin};

/// Threads that answer.
const WORKERS: usize = 2;

/// A request, and where its answer goes.
struct Request {
    picture: PathBuf,
    answer: mpsc::Sender<String>,
}

fn answer(session: &mut Session, picture: &PathBuf) -> Result<String, Box<dyn Error>> {
    // Pictures of strangers: smaller limits than the command's.
    let limits = PictureLimits { pixels: 16_000_000, ..PictureLimits::default() };
    let picture = decode(&std::fs::read(picture)?, &limits)?;
    let best = session.classify(picture.view(), 1)?;
    Ok(best.first().map_or_else(String::new, |best| session.labels()[best.index].clone()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::from_bytes(builtin(), None)?;
    // A bounded queue: whoever asks faster than the workers answer has to wait.
    let (requests, queue) = mpsc::sync_channel::<Request>(2 * WORKERS);
    let queue = Mutex::new(queue);
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            // One thread a session: requests come faster than one picture needs several threads.
            let mut session = engine.session(1)?;
            let queue = &queue;
            scope.spawn(move || {
                loop {
                    let request = match queue.lock().map(|queue| queue.recv()) {
                        Ok(Ok(request)) => request,
                        // Nobody asks any more.
                        _ => return,
                    };
                    let text = answer(&mut session, &request.picture).unwrap_or_else(|error| format!("error: {error}"));
                    // Whoever asked may have gone.
                    let _ = request.answer.send(text);
                }
            });
        }
        let pictures: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
        let mut answers = Vec::new();
        for picture in &pictures {
            let (answer, text) = mpsc::channel();
            requests.send(Request { picture: picture.clone(), answer })?;
            answers.push(text);
        }
        drop(requests);
        for (picture, text) in pictures.iter().zip(answers) {
            println!("{}: {}", picture.display(), text.recv()?);
        }
        Ok(())
    })
}
