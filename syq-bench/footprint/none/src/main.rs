//! What every program of the comparison does beside running a network: it reads a file and prints a number.
#![forbid(unsafe_code)]

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: footprint MODEL")?;
    let model = std::fs::read(path)?;
    let logits: Vec<f32> = model.chunks(1 + model.len() / 10).map(|bytes| f32::from(bytes[0])).collect();
    let best = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b]));
    println!("{}", best.ok_or("no logits")?);
    Ok(())
}
