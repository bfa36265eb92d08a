//! Runs a packed network on an empty image and prints the likeliest class.
#![forbid(unsafe_code)]

use std::error::Error;
use syq_infer::Engine;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: footprint MODEL")?;
    let engine = Engine::from_bytes(&std::fs::read(path)?, None)?;
    let logits = engine.session(1)?.run(&[0.0; 3 * 32 * 32])?;
    let best = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b]));
    println!("{}", best.ok_or("no logits")?);
    Ok(())
}
