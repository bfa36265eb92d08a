//! Runs an ONNX network on an empty image and prints the likeliest class.
#![forbid(unsafe_code)]

use rten::Model;
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: footprint MODEL")?;
    let model = Model::load(std::fs::read(path)?)?;
    let image = NdTensor::<f32, 4>::zeros([1, 3, 32, 32]);
    let output: NdTensor<f32, 2> = model.run_one(image.view().into(), None)?.try_into()?;
    let logits = output.to_vec();
    let best = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b]));
    println!("{}", best.ok_or("no logits")?);
    Ok(())
}
