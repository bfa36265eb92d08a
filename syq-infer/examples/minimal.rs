//! The smallest use of the library: `cargo run --release -p syq-infer --example minimal -- PICTURE`
//! classifies one picture with the built-in network.
#![allow(clippy::print_stdout, reason = "an example prints its answer")]

use std::error::Error;
use syq_infer::picture::{PictureLimits, decode};
use syq_infer::{Session, SessionOptions, builtin};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: minimal PICTURE")?;
    let picture = decode(&std::fs::read(path)?, &PictureLimits::default())?;
    let mut session = Session::from_bytes(builtin(), SessionOptions::default())?;
    for class in session.classify(picture.view(), 3)? {
        println!("{:6.2} %  {}", 100.0 * class.probability, session.labels()[class.index]);
    }
    Ok(())
}
