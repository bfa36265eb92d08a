//! Prints what it takes from a model file to a ready session, in milliseconds: the first time in this
//! process, whose memory is new, and the best of the repetitions.
//!
//! `cargo run --release --example load_speed FILE [threads [repetitions]]`
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::time::Instant;
use syq_infer::{Session, SessionError, SessionOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let file = arguments.first().ok_or("usage: load_speed FILE [threads [repetitions]]")?;
    let number = |index: usize, default| arguments.get(index).map_or(Ok(default), |text| text.parse::<usize>());
    let (threads, repetitions) = (number(1, 1)?, number(2, 0)?);
    let load = || {
        let start = Instant::now();
        let session = Session::load(Path::new(file), SessionOptions { threads, isa: None })?;
        let milliseconds = start.elapsed().as_secs_f64() * 1e3;
        drop(session);
        Ok::<_, SessionError>(milliseconds)
    };
    let first = load()?;
    let mut best = f64::INFINITY;
    for _ in 0..repetitions {
        best = best.min(load()?);
    }
    if repetitions == 0 {
        println!("{first:.3}")
    } else {
        println!("{first:.3} {best:.3}")
    }
    Ok(())
}
